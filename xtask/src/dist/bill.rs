//! What nad is built of: a bill of materials (CycloneDX 1.5), and the licences of it all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::shell;

/// How files with licences begin, without regard to case.
const LICENCES: [&str; 5] = ["license", "licence", "copying", "notice", "unlicense"];

/// What cargo says of the workspace and of what it depends on.
pub(super) struct Manifest {
    packages: BTreeMap<String, Value>,
    /// Identifiers of nad and of all that is linked to it, in order.
    linked: BTreeSet<String>,
    /// Checksums of crates, by name and version.
    checksums: BTreeMap<(String, String), String>,
}

/// Asks cargo.
pub(super) fn metadata() -> Result<Manifest> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = shell::cargo();
    cargo.args(["metadata", "--locked", "--format-version=1", "--filter-platform", &target]);
    let metadata: Value =
        serde_json::from_str(&shell::output(&mut cargo)?).context("cargo metadata printed no JSON")?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|package| (text(&package["id"]), package)).collect();
    let nodes: BTreeMap<String, Value> =
        list(&metadata["resolve"]["nodes"]).into_iter().map(|node| (text(&node["id"]), node)).collect();
    let nad =
        packages.iter().find(|(_, package)| package["name"] == "nad").context("there is no package nad")?;
    let (mut linked, mut waiting) = (BTreeSet::new(), vec![nad.0.clone()]);
    while let Some(id) = waiting.pop() {
        let Some(node) = nodes.get(&id) else { continue };
        if linked.insert(id) {
            // Those of build scripts and tests have another kind.
            let is_linked =
                |needed: &Value| list(&needed["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
            waiting.extend(
                list(&node["deps"]).iter().filter(|needed| is_linked(needed)).map(|it| text(&it["pkg"])),
            );
        }
    }
    let lock = shell::workspace().join("Cargo.lock");
    let lock: toml::Table =
        fs::read_to_string(&lock).with_context(|| format!("can't read {}", lock.display()))?.parse()?;
    let locked =
        lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock names no packages")?;
    let word = |package: &toml::Value, key: &str| Some(package.get(key)?.as_str()?.to_owned());
    let checksums = locked
        .iter()
        .filter_map(|package| {
            Some(((word(package, "name")?, word(package, "version")?), word(package, "checksum")?))
        })
        .collect();
    Ok(Manifest { packages, linked, checksums })
}

impl Manifest {
    /// Nad's own version.
    pub(super) fn version(&self) -> Result<String> {
        let nad =
            self.packages.values().find(|package| package["name"] == "nad").context("there is no nad")?;
        Ok(nad["version"].as_str().context("nad has no version")?.to_owned())
    }

    fn linked(&self) -> impl Iterator<Item = &Value> {
        self.linked.iter().filter_map(|id| self.packages.get(id))
    }

    /// Every crate that is linked to nad, with its licence and the checksum that Cargo.lock has, as CycloneDX.
    pub(super) fn bill_of_materials(&self) -> Result<String> {
        let component = |package: &Value| {
            let (name, version) = (package["name"].as_str()?, package["version"].as_str()?);
            let mut component = json!({
                "type": "library",
                "bom-ref": format!("{name}@{version}"),
                "name": name,
                "version": version,
                "purl": format!("pkg:cargo/{name}@{version}"),
            });
            if let Some(licence) = package["license"].as_str() {
                // The slash of older crates is "OR" (the Cargo book, field license).
                component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
            }
            if let Some(checksum) = self.checksums.get(&(name.to_owned(), version.to_owned())) {
                component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
            }
            Some(component)
        };
        let mut components: Vec<Value> =
            self.linked().filter(|package| package["name"] != "nad").filter_map(component).collect();
        components.sort_by_key(|component| component["bom-ref"].to_string());
        let version = self.version()?;
        let bill = json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": { "component": {
                "type": "application",
                "bom-ref": format!("nad@{version}"),
                "name": "nad",
                "version": version,
                "licenses": [{ "expression": "(MIT OR Apache-2.0) AND (MIT OR GPL-2.0-only)" }],
            } },
            "components": components,
        });
        Ok(serde_json::to_string_pretty(&bill)? + "\n")
    }

    /// The texts of the licences of all that is linked to nad, each once, below the names of the crates that it is of.
    pub(super) fn licences(&self) -> Result<String> {
        let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut without = BTreeSet::new();
        for package in self.linked().filter(|package| !package["source"].is_null()) {
            let name = format!(
                "{} {}",
                package["name"].as_str().unwrap_or_default(),
                package["version"].as_str().unwrap_or_default()
            );
            let manifest = Path::new(package["manifest_path"].as_str().context("a crate has no place")?);
            let files = files(manifest.parent().unwrap_or(manifest))?;
            if files.is_empty() {
                without.insert(format!(
                    "{name}: {}",
                    package["license"].as_str().unwrap_or("no licence is named")
                ));
            }
            for text in files {
                texts.entry(text).or_default().insert(name.clone());
            }
        }
        let mut all: Vec<String> = texts
            .into_iter()
            .map(|(text, names)| {
                format!("{}\n\n{}\n", names.into_iter().collect::<Vec<_>>().join(", "), text.trim_end())
            })
            .collect();
        all.sort();
        if !without.is_empty() {
            let names: Vec<String> = without.into_iter().collect();
            all.push(format!("Crates that bring no text of their licence:\n\n{}\n", names.join("\n")));
        }
        let line = "-".repeat(78);
        Ok(format!(
            "Licences of the crates that are linked to nad.\n\n{line}\n\n{}",
            all.join(&format!("\n{line}\n\n"))
        ))
    }
}

/// The texts of the licences in a crate's directory.
fn files(directory: &Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| format!("can't list {}", directory.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if path.is_file() && LICENCES.iter().any(|start| name.starts_with(start)) {
            let bytes = super::content::read(&path)?;
            texts.push(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"));
        }
    }
    texts.sort();
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bill_has_what_is_linked_and_nothing_that_only_builds_or_tests() {
        let manifest = metadata().unwrap();
        let bill: Value = serde_json::from_str(&manifest.bill_of_materials().unwrap()).unwrap();
        let components = bill["components"].as_array().unwrap();
        let find = |name: &str| components.iter().find(|component| component["name"] == name);
        for name in ["aya", "rusqlite", "nad-engine", "rustls", "clap"] {
            assert!(find(name).is_some(), "{name}");
        }
        for name in ["nad", "criterion", "clap_mangen", "nad-ebpf", "libfuzzer-sys"] {
            assert!(find(name).is_none(), "{name}");
        }
        let aya = find("aya").unwrap();
        assert_eq!(aya["hashes"][0]["content"].as_str().unwrap().len(), 64);
        assert!(aya["licenses"][0]["expression"].as_str().unwrap().contains("MIT"));
        assert_eq!(bill["metadata"]["component"]["version"], manifest.version().unwrap());
    }

    #[test]
    fn licences_have_the_texts_of_what_is_linked() {
        let licences = metadata().unwrap().licences().unwrap();
        assert!(licences.contains("aya ") && licences.contains("Apache License"), "{}", licences.len());
        assert!(!licences.contains("criterion "));
    }
}
