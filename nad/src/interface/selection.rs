//! Which interfaces are meant: by name, by another name, by a pattern, or all.

use super::{Node, Role, Stack};

/// Stands for every interface but the loopback one.
const ALL: &str = "all";

/// What `--iface` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    items: Vec<String>,
}

/// An interface that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selected {
    /// Its index.
    pub index: u32,
    /// Whether it was named, and not found by a pattern.
    pub is_named: bool,
}

impl Selection {
    /// Names, other names, patterns with `*` (any letters) and `?` (any letter), and `all`.
    pub fn new(items: &[String]) -> Self {
        Self { items: items.to_vec() }
    }

    /// The interfaces that are meant, each once.
    pub fn find(&self, stack: &Stack) -> Vec<Selected> {
        let mut found: Vec<Selected> = Vec::new();
        let mut add = |index, is_named| match found.iter_mut().find(|selected| selected.index == index) {
            Some(selected) => selected.is_named |= is_named,
            None => found.push(Selected { index, is_named }),
        };
        for item in &self.items {
            match stack.named(item) {
                Some(node) => add(node.index, true),
                None => stack
                    .nodes()
                    .iter()
                    .filter(|node| matches(item, node))
                    .for_each(|node| add(node.index, false)),
            }
        }
        found
    }

    /// The names of which there is no interface.
    pub fn missing(&self, stack: &Stack) -> Vec<&str> {
        self.of(|item| !is_pattern(item) && stack.named(item).is_none())
    }

    /// The patterns that no interface fits.
    pub fn unmatched(&self, stack: &Stack) -> Vec<&str> {
        self.of(|item| {
            is_pattern(item) && !stack.nodes().iter().any(|node| node.is_called(item) || matches(item, node))
        })
    }

    /// Whether interfaces may be meant that are not there yet, other than by their names.
    pub fn has_patterns(&self) -> bool {
        self.items.iter().any(|item| is_pattern(item))
    }

    fn of(&self, fits: impl Fn(&str) -> bool) -> Vec<&str> {
        self.items.iter().map(String::as_str).filter(|item| fits(item)).collect()
    }
}

/// Whether something stands for any number of interfaces.
pub fn is_pattern(item: &str) -> bool {
    item == ALL || item.contains(['*', '?'])
}

/// The loopback interface has to be named: on it, everything that the machine says to itself would be seen as well.
fn matches(item: &str, node: &Node) -> bool {
    let names = || node.altnames.iter().chain([&node.name]);
    is_pattern(item) && node.role != Role::Loopback && (item == ALL || names().any(|name| fits(item, name)))
}

/// Whether a name fits a pattern. Takes as many steps as the two are long together, times the name's length at most.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut letter) = (0, 0);
    // The last `*`, and the first letter that it does not stand for.
    let mut star: Option<(usize, usize)> = None;
    while letter < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, letter));
                at += 1;
            }
            Some('?') => (at, letter) = (at + 1, letter + 1),
            Some(same) if *same == name[letter] => (at, letter) = (at + 1, letter + 1),
            _ => {
                let Some((place, end)) = star else { return false };
                star = Some((place, end + 1));
                (at, letter) = (place + 1, end + 1);
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack() -> Stack {
        let node = |index, name: &str, role| Node { index, name: name.into(), role, ..Node::default() };
        let mut nodes =
            vec![node(1, "lo", Role::Loopback), node(2, "eth0", Role::Plain), node(3, "eth1", Role::Plain)];
        nodes.push(Node { altnames: vec!["uplink".into(), "enp3s0".into()], ..node(4, "wan", Role::Plain) });
        Stack::of(nodes)
    }

    fn found(items: &[&str]) -> Vec<(u32, bool)> {
        let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
        let found = Selection::new(&items).find(&stack());
        found.iter().map(|selected| (selected.index, selected.is_named)).collect()
    }

    #[test]
    fn a_pattern_fits_as_in_a_shell() {
        for (pattern, name, is_fit) in [
            ("eth*", "eth0", true),
            ("eth*", "eth", true),
            ("eth?", "eth", false),
            ("eth?", "eth10", false),
            ("*", "anything", true),
            ("*.5", "eth0.5", true),
            ("*.5", "eth0.55", false),
            ("*a*b*", "xaxbx", true),
            ("*a*b", "ab1", false),
            ("e*h*0", "eth10", true),
            ("v?h*", "veth0", false),
            ("**", "", true),
            ("?", "é", true),
            ("[ab]*", "a1", false),
        ] {
            assert_eq!(fits(pattern, name), is_fit, "{pattern} {name}");
        }
    }

    #[test]
    fn interfaces_are_found_once_by_any_of_their_names() {
        assert_eq!(found(&["eth1", "eth0", "eth1"]), [(3, true), (2, true)]);
        assert_eq!(found(&["uplink", "wan"]), [(4, true)]);
        assert_eq!(found(&["eth*", "eth0"]), [(2, true), (3, false)]);
        assert_eq!(found(&["enp*"]), [(4, false)]);
        assert_eq!(found(&["eth7"]), []);
    }

    #[test]
    fn the_loopback_interface_is_never_found_unless_it_is_named() {
        assert_eq!(found(&["all"]), [(2, false), (3, false), (4, false)]);
        assert_eq!(found(&["*"]), found(&["all"]));
        assert_eq!(found(&["lo*"]), []);
        assert_eq!(found(&["lo"]), [(1, true)]);
    }

    #[test]
    fn what_is_not_there_is_known_by_its_name_or_pattern() {
        let items = ["eth0", "eth7", "ppp*", "all"].map(str::to_owned);
        let selection = Selection::new(&items);
        assert_eq!(selection.missing(&stack()), ["eth7"]);
        assert_eq!(selection.unmatched(&stack()), ["ppp*"]);
        assert!(selection.has_patterns() && !Selection::new(&items[..2]).has_patterns());
    }
}
