//! An address that is listened at.

use std::{net::SocketAddr, str::FromStr};

use serde::{Deserialize, Serialize, Serializer};

/// Where metrics are served, if anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Listen {
    /// Nowhere: `"none"`.
    Off,
    /// An address of this machine and a port, 0 for any that is free: `"127.0.0.1:9469"`.
    At(SocketAddr),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::At).map_err(|_| {
            format!(
                "\"{text}\" is no address to listen at: give an IP address and a port, as in 127.0.0.1:9469 or \
                 [::1]:9469, or none"
            )
        })
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_str("none"),
            Self::At(address) => serializer.collect_str(address),
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for bad in ["", "9469", "localhost:9469", "127.0.0.1", "127.0.0.1:99999", "http://127.0.0.1:9469"] {
            let error = bad.parse::<Listen>().unwrap_err();
            assert!(error.contains(&format!("\"{bad}\"")) && error.contains("127.0.0.1:9469"), "{error}");
        }
    }
}
