//! Techniques of MITRE ATT&CK with their names.

use nad_engine::incident::shape::Shape;

/// The version of the matrix that names and numbers are from.
pub(super) const MATRIX_VERSION: &str = "15";

/// A technique, and what it is in particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Technique {
    /// Its number, such as `T1499`.
    pub(super) id: &'static str,
    /// Its name.
    pub(super) name: &'static str,
    /// Number and name of the sub-technique, such as `T1499.001`.
    pub(super) sub: Option<(&'static str, &'static str)>,
}

impl Technique {
    /// Of a shape, with the names of Enterprise ATT&CK.
    pub(super) fn of(shape: Shape) -> Option<Self> {
        let full = shape.technique()?;
        let (name, sub_name) = match full {
            "T1018" => ("Remote System Discovery", None),
            "T1046" => ("Network Service Discovery", None),
            "T1048" => ("Exfiltration Over Alternative Protocol", None),
            "T1071" => ("Application Layer Protocol", None),
            "T1071.004" => ("Application Layer Protocol", Some("DNS")),
            "T1110" => ("Brute Force", None),
            "T1498.001" => ("Network Denial of Service", Some("Direct Network Flood")),
            "T1498.002" => ("Network Denial of Service", Some("Reflection Amplification")),
            "T1499.001" => ("Endpoint Denial of Service", Some("OS Exhaustion Flood")),
            "T1499.002" => ("Endpoint Denial of Service", Some("Service Exhaustion Flood")),
            "T1557.002" => ("Adversary-in-the-Middle", Some("ARP Cache Poisoning")),
            "T1568.002" => ("Dynamic Resolution", Some("Domain Generation Algorithms")),
            "T1595.003" => ("Active Scanning", Some("Wordlist Scanning")),
            _ => return None,
        };
        let id = full.split_once('.').map_or(full, |(id, _)| id);
        Some(Self { id, name, sub: sub_name.map(|sub_name| (full, sub_name)) })
    }

    /// Number and name of what it is in particular.
    pub(super) fn precise(&self) -> (&'static str, &'static str) {
        self.sub.unwrap_or((self.id, self.name))
    }
}
