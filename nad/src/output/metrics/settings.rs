//! `[metrics]`: where metrics and health are served.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::MetricsOutput;
use crate::{
    metrics::{Latencies, MetricsConfig},
    output::{Section, SinkConfig, SinkContext},
    settings::{ConfigError, Listen, domain},
};

/// `[metrics]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsSection {
    /// Where; not at all where nothing is said.
    pub listen: Option<Listen>,
    /// Names that this machine is asked by, besides its own.
    pub hosts: Option<Vec<String>>,
}

impl Section for MetricsSection {
    fn given(given: &SinkContext) -> Self {
        Self { listen: given.metrics, ..Self::default() }
    }

    fn defaults() -> Self {
        Self { listen: None, hosts: Some(Vec::new()) }
    }

    fn sinks(&self, given: &SinkContext) -> Result<Vec<Arc<dyn SinkConfig>>, ConfigError> {
        // What is replayed is over before anybody asks.
        if !given.is_live {
            return Ok(Vec::new());
        }
        let config = MetricsConfig::decide(given.metrics, self)?;
        let output = |config| MetricsOutput { config, latencies: Latencies::default() };
        Ok(config.into_iter().map(|config| Arc::new(output(config)) as Arc<dyn SinkConfig>).collect())
    }
}

impl MetricsConfig {
    /// The settings in force; `None` where metrics are not served.
    ///
    /// # Errors
    ///
    /// When a name is none that a machine may have.
    pub fn decide(flag: Option<Listen>, file: &MetricsSection) -> Result<Option<Self>, ConfigError> {
        let hosts = file.hosts.iter().flatten().map(|name| host(name)).collect::<Result<_, _>>()?;
        Ok(match flag.or(file.listen) {
            None | Some(Listen::Off) => None,
            Some(Listen::At(listen)) => Some(Self { listen, hosts }),
        })
    }
}

/// A name as requests have it, but for its case and the dot at its end.
fn host(name: &str) -> Result<String, ConfigError> {
    let bare = name.strip_suffix('.').unwrap_or(name);
    // Browsers ask for a name in its ASCII form.
    let bare = domain::ascii(bare).map_err(|error| ConfigError::Value(format!("metrics: hosts: {error}")))?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !bare.is_empty() && bare.chars().all(is_name) {
        return Ok(bare.to_ascii_lowercase());
    }
    Err(ConfigError::Value(format!(
        "metrics: hosts: {name:?} is no host name: give it without port and scheme, as sensor.example.org"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(flag: Option<&str>, file: Option<&str>) -> Option<String> {
        let listen = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        let section = MetricsSection { listen: listen(file), ..MetricsSection::default() };
        let decided = MetricsConfig::decide(listen(flag), &section).unwrap();
        decided.map(|config| config.listen.to_string())
    }

    #[test]
    fn names_are_without_case_and_what_is_no_name_is_refused() {
        let section = |name: &str| MetricsSection {
            listen: Some("127.0.0.1:1".parse().unwrap()),
            hosts: Some(vec![name.into()]),
        };
        let decided = MetricsConfig::decide(None, &section("Sensor.Example.org.")).unwrap().unwrap();
        assert_eq!(decided.hosts, ["sensor.example.org"]);
        for bad in ["", ".", "*", "sensor:9469", "http://sensor", "a b"] {
            let error = MetricsConfig::decide(None, &section(bad)).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?} is no host name")), "{error}");
        }
    }

    #[test]
    fn metrics_are_off_unless_a_place_is_named_and_a_flag_counts_before_the_file() {
        assert_eq!(decided(None, None), None);
        assert_eq!(decided(None, Some("127.0.0.1:9469")).unwrap(), "127.0.0.1:9469");
        assert_eq!(decided(Some("[::1]:1"), Some("127.0.0.1:9469")).unwrap(), "[::1]:1");
        assert_eq!(decided(Some("none"), Some("127.0.0.1:9469")), None);
    }
}
