//! The programs of other packages that this takes.

use crate::shell;

/// A program, and the Debian package that has it.
const TOOLS: [(&str, &str); 9] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("busybox", "busybox-static"),
    ("apt-get", "apt"),
    ("dpkg-deb", "dpkg"),
    ("xz", "xz-utils"),
    ("cpio", "cpio"),
    ("strip", "binutils"),
    ("ip", "iproute2"),
    ("setpriv", "util-linux"),
];

/// What is missing, and how to get it.
pub(super) fn missing() -> Option<String> {
    let (programs, packages): (Vec<&str>, Vec<&str>) =
        TOOLS.into_iter().filter(|(program, _)| shell::find(program).is_none()).unzip();
    (!programs.is_empty())
        .then(|| format!("{} missing: apt-get install {}", programs.join(", "), packages.join(" ")))
}
