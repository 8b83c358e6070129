//! A namespace with a veth pair, both ends in it.

use crate::netns::Namespace;

impl Namespace {
    /// Makes a namespace with the veth pair `veth0` and `veth1`, both up.
    pub(crate) fn with_veth(label: &str) -> Self {
        let namespace = Self::empty(label);
        namespace.ip(&["link", "add", "veth0", "type", "veth", "peer", "name", "veth1"]);
        for interface in ["veth0", "veth1"] {
            namespace.ip(&["link", "set", "dev", interface, "up"]);
        }
        namespace
    }
}
