//! How much memory there is for nad: of the machine, and of the control groups that it is in.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What nad may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Bytes.
    pub bytes: u64,
    /// What limits them, in words.
    pub limit: String,
}

/// The least of what the machine has left and what each control group of this process allows; `None` where nothing says it.
pub fn room() -> Option<Room> {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let meminfo = read(Path::new("/proc/meminfo")).unwrap_or_default();
    let swap = line_bytes(&meminfo, "SwapFree:").unwrap_or(0);
    let machine = line_bytes(&meminfo, "MemAvailable:")
        .map(|bytes| Room { bytes: bytes.saturating_add(swap), limit: "that the machine has left".into() });
    let own = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let mounts = read(Path::new("/proc/self/mountinfo")).unwrap_or_default();
    let groups = groups(&own, &mounts).into_iter().filter_map(|group| of_group(&group, swap, read));
    machine.into_iter().chain(groups).min_by_key(|room| room.bytes)
}

/// A line of `/proc/meminfo`, in bytes.
pub(in crate::doctor) fn line_bytes(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// A control group's directory, and which version it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    path: PathBuf,
    is_v2: bool,
}

/// The groups that count this process's memory: its own and all above it. Takes `/proc/self/cgroup` and
/// `/proc/self/mountinfo` (proc(5), cgroups(7)).
fn groups(own: &str, mounts: &str) -> Vec<Group> {
    let mut groups = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let is_v2 = controllers.is_empty();
        if !is_v2 && controllers.split(',').all(|name| name != "memory") {
            continue;
        }
        let Some((root, mount)) = mounts.lines().find_map(|line| mount_of(line, is_v2)) else { continue };
        // What is mounted may begin further down, as in a container.
        let path = Path::new(path);
        let below = path.strip_prefix(root).unwrap_or(path.strip_prefix("/").unwrap_or(path));
        // Outside of what can be seen here.
        let below = if below.starts_with("..") { Path::new("") } else { below };
        // Joining nothing would leave a slash at the end.
        let mut group: PathBuf = Path::new(mount).components().chain(below.components()).collect();
        loop {
            groups.push(Group { path: group.clone(), is_v2 });
            if group == Path::new(mount) || !group.pop() {
                break;
            }
        }
    }
    groups
}

/// Root and mount point of a line that mounts the hierarchy that counts memory.
fn mount_of(line: &str, is_v2: bool) -> Option<(&str, &str)> {
    let (head, tail) = line.split_once(" - ")?;
    let mut head = head.split(' ').skip(3);
    let (root, mount) = (head.next()?, head.next()?);
    let mut tail = tail.split(' ');
    let is_it = match tail.next()? {
        "cgroup2" => is_v2,
        "cgroup" => !is_v2 && tail.nth(1)?.split(',').any(|option| option == "memory"),
        _ => false,
    };
    is_it.then_some((root, mount))
}

/// What a group still allows; `None` where it has no limit. What it caches of files can be given back.
fn of_group(group: &Group, swap: u64, read: impl Fn(&Path) -> Option<String>) -> Option<Room> {
    let number = |name: &str| read(&group.path.join(name))?.trim().parse::<u64>().ok();
    let (limit, used, file) = if group.is_v2 {
        (number("memory.max")?, number("memory.current"), ["inactive_file ", "active_file "])
    } else {
        let limit = number("memory.limit_in_bytes")?;
        (limit, number("memory.usage_in_bytes"), ["total_inactive_file ", "total_active_file "])
    };
    // Version 1 writes no limit as the largest number of pages.
    if limit > i64::MAX as u64 / 2 {
        return None;
    }
    let stat = read(&group.path.join("memory.stat")).unwrap_or_default();
    let cached: u64 = file
        .iter()
        .filter_map(|name| stat.lines().find_map(|line| line.strip_prefix(name))?.trim().parse::<u64>().ok())
        .sum();
    let swap = if group.is_v2 {
        // "max" is no number.
        let most = number("memory.swap.max").unwrap_or(u64::MAX);
        most.saturating_sub(number("memory.swap.current").unwrap_or(0)).min(swap)
    } else {
        0
    };
    let used = used.unwrap_or(0).saturating_sub(cached);
    let bytes = limit.saturating_sub(used).saturating_add(swap);
    Some(Room { bytes, limit: format!("that the control group {} allows", group.path.display()) })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn paths(own: &str, mounts: &str) -> Vec<String> {
        groups(own, mounts).into_iter().map(|group| group.path.display().to_string()).collect()
    }

    #[test]
    fn the_groups_of_a_process_are_found_as_they_are_mounted() {
        let v2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(
            paths("0::/system.slice/nad.service\n", v2),
            ["/sys/fs/cgroup/system.slice/nad.service", "/sys/fs/cgroup/system.slice", "/sys/fs/cgroup"]
        );
        assert_eq!(paths("0::/\n", v2), ["/sys/fs/cgroup"]);
        assert_eq!(paths("0::/../outside\n", v2), ["/sys/fs/cgroup"]);
        let v1 = "40 23 0:30 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
                  41 23 0:31 / /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n";
        assert_eq!(
            paths("5:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab/x\n0::/\n", v1),
            ["/sys/fs/cgroup/memory/x", "/sys/fs/cgroup/memory"]
        );
        assert!(paths("", v2).is_empty() && paths("0::/a\n", "").is_empty() && paths("x", "y").is_empty());
    }

    #[test]
    fn what_a_group_allows_is_its_limit_less_what_can_not_be_given_back() {
        const MIB: u64 = 1 << 20;
        let of = |is_v2, files: &[(&str, String)], swap| {
            let files: HashMap<PathBuf, String> =
                files.iter().map(|(name, text)| (Path::new("/g").join(name), text.clone())).collect();
            of_group(&Group { path: "/g".into(), is_v2 }, swap, |path| files.get(path).cloned())
                .map(|room| room.bytes)
        };
        let max = ("memory.max", format!("{}\n", 100 * MIB));
        let current = ("memory.current", format!("{}\n", 60 * MIB));
        let stat = (
            "memory.stat",
            format!("anon 7\nfile 8\ninactive_file {}\nactive_file {}\n", 20 * MIB, 10 * MIB),
        );
        assert_eq!(of(true, &[max.clone(), current.clone(), stat.clone()], 0), Some(70 * MIB));
        assert_eq!(of(true, &[max.clone(), current.clone()], 0), Some(40 * MIB));
        assert_eq!(of(true, std::slice::from_ref(&max), 5 * MIB), Some(105 * MIB));
        let no_swap = ("memory.swap.max", "0\n".into());
        assert_eq!(of(true, &[max, no_swap], 5 * MIB), Some(100 * MIB));
        assert_eq!(of(true, &[("memory.max", "max\n".into()), current], 0), None);
        assert_eq!(of(true, &[], 0), None);
        let none = ("memory.limit_in_bytes", "9223372036854771712\n".into());
        assert_eq!(of(false, &[none], 0), None);
        let v1 = [
            ("memory.limit_in_bytes", format!("{}\n", 100 * MIB)),
            ("memory.usage_in_bytes", format!("{}\n", 90 * MIB)),
            ("memory.stat", format!("inactive_file 1\ntotal_inactive_file {}\n", 30 * MIB)),
        ];
        assert_eq!(of(false, &v1, 5 * MIB), Some(40 * MIB));
    }

    #[test]
    fn this_process_has_room() {
        let room = room().unwrap();
        assert!(room.bytes > 1 << 20 && !room.limit.is_empty(), "{room:?}");
    }
}
