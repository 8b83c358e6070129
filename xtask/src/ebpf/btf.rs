//! BTF's types as lines of text, with names in place of offsets into the string table.
//!
//! The format: <https://docs.kernel.org/bpf/btf.html>, section 2.

use anyhow::{Context as _, Result, ensure};

const MAGIC: u32 = 0xeb9f;

/// One line for each type, in the order of the section: kind, name, flags, size, and what belongs to the kind.
///
/// # Errors
///
/// When `btf` is no little-endian BTF, ends early, or has a kind of type that is not known here.
pub(crate) fn types(btf: &[u8]) -> Result<Vec<String>> {
    let header = Words(btf);
    ensure!(header.at(0)? & 0xffff == MAGIC, "it does not begin with BTF's magic number");
    let body = header.at(4)? as usize;
    let section = |offset: u32, length: u32| {
        let start = body + offset as usize;
        btf.get(start..start + length as usize).context("a section lies outside of it")
    };
    let types = Words(section(header.at(8)?, header.at(12)?)?);
    let strings = section(header.at(16)?, header.at(20)?)?;

    let mut lines = Vec::new();
    let mut at = 0;
    while at < types.0.len() {
        let (info, size) = (types.at(at + 4)?, types.at(at + 8)?);
        let (kind, members) = ((info >> 24) & 0x1f, (info & 0xffff) as usize);
        let mut line = format!("type {kind} {} {info:#x} {size}", name(strings, types.at(at)?)?);
        at += 12;
        // Words for each member, and whether its first one is a name.
        let (words, named) = match kind {
            // Integer; variable; declaration tag.
            1 | 14 | 17 => (1, false),
            3 => (3, false),
            // Structure; union; 64-bit enumeration.
            4 | 5 | 19 => (3 * members, true),
            // Enumeration; function prototype.
            6 | 13 => (2 * members, true),
            // Section of data.
            15 => (3 * members, false),
            2 | 7..=12 | 16 | 18 => (0, false),
            _ => anyhow::bail!("type {kind} is not known to this task: teach it to xtask/src/ebpf/btf.rs"),
        };
        for word in 0..words {
            let value = types.at(at + 4 * word)?;
            let begins_member = named && word % (words / members) == 0;
            line.push(' ');
            line += &if begins_member { name(strings, value)? } else { value.to_string() };
        }
        at += 4 * words;
        lines.push(line);
    }
    Ok(lines)
}

fn name(strings: &[u8], offset: u32) -> Result<String> {
    let rest = strings.get(offset as usize..).context("a name lies outside of its strings")?;
    let text = rest.split(|byte| *byte == 0).next().unwrap_or(rest);
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// Little-endian 32-bit words at byte offsets.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn at(&self, offset: usize) -> Result<u32> {
        let bytes = self.0.get(offset..offset + 4).and_then(|bytes| bytes.try_into().ok());
        Ok(u32::from_le_bytes(bytes.context("it ends early")?))
    }
}

#[cfg(test)]
mod tests {
    use super::types;

    fn section(types: &[u32], strings: &[u8]) -> Vec<u8> {
        let type_bytes = 4 * types.len() as u32;
        let header = [0x0001_eb9f, 24, 0, type_bytes, type_bytes, strings.len() as u32];
        let words = header.iter().chain(types).flat_map(|word| word.to_le_bytes());
        words.chain(strings.iter().copied()).collect()
    }

    #[test]
    fn a_type_is_named_and_shows_its_members_values() {
        let integer = [1, 1 << 24, 4, 0x20];
        let structure = [5, 4 << 24 | 1, 4, 7, 1, 0];
        let btf = section(&[&integer[..], &structure].concat(), b"\0u32\0s\0m\0");
        let lines = types(&btf).unwrap();
        assert_eq!(lines, ["type 1 u32 0x1000000 4 32", "type 4 s 0x4000001 4 m 1 0"]);
    }

    #[test]
    fn an_array_of_another_length_is_another_line() {
        let array = |length| section(&[0, 3 << 24, 0, 1, 1, length], b"\0");
        assert_ne!(types(&array(8)).unwrap(), types(&array(9)).unwrap());
    }

    #[test]
    fn what_is_cut_short_is_an_error() {
        let btf = section(&[1, 1 << 24, 4, 0x20], b"\0u32\0");
        for length in 0..btf.len() {
            assert!(types(&btf[..length]).is_err(), "{length} bytes");
        }
    }
}
