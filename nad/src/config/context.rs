//! `[context]`: how many entries each table has.

use std::fmt;

use nad_engine::context::Sizes;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
    ser::SerializeMap as _,
};

use crate::settings::{ConfigError, check};

/// Tables that have a size.
const TABLES: usize = Sizes::USUAL.len();

/// The section: a key for each table that the engine declares.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContextSection {
    /// In the order of [`Sizes::USUAL`].
    entries: [Option<usize>; TABLES],
}

impl ContextSection {
    /// One in which every table's size is said.
    pub(super) fn of(sizes: Sizes) -> Self {
        Self { entries: sizes.by_name().map(|(_, entries)| Some(entries)) }
    }

    /// The sizes in force: the usual ones where nothing is said.
    ///
    /// # Errors
    ///
    /// When a table is too small or too large.
    pub(super) fn sizes(&self) -> Result<Sizes, ConfigError> {
        let mut sizes = Sizes::default();
        for ((size, chosen), (name, _)) in sizes.all_mut().into_iter().zip(self.entries).zip(Sizes::USUAL) {
            if let Some(chosen) = chosen {
                check(name, chosen, 64, 1 << 26)?;
                *size = chosen;
            }
        }
        Ok(sizes)
    }
}

impl Serialize for ContextSection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (entries, (name, _)) in self.entries.iter().zip(Sizes::USUAL) {
            if let Some(entries) = entries {
                map.serialize_entry(name, entries)?;
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for ContextSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Section)
    }
}

struct Section;

impl<'de> Visitor<'de> for Section {
    type Value = ContextSection;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct ContextSection")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ContextSection, A::Error> {
        let mut section = ContextSection::default();
        while let Some(Table(place)) = map.next_key()? {
            section.entries[place] = Some(map.next_value()?);
        }
        Ok(section)
    }
}

/// The place of a table in [`Sizes::USUAL`], by its name.
struct Table(usize);

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const NAMES: [&str; TABLES] = {
            let mut names = [""; TABLES];
            let mut place = 0;
            while place < TABLES {
                names[place] = Sizes::USUAL[place].0;
                place += 1;
            }
            names
        };
        let name = String::deserialize(deserializer)?;
        let place = NAMES.iter().position(|known| *known == name);
        place.map(Self).ok_or_else(|| de::Error::unknown_field(&name, &NAMES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_has_a_key_and_no_other_is_taken() {
        let text: String =
            Sizes::USUAL.iter().map(|(name, usual)| format!("{name} = {}\n", usual / 2)).collect();
        let section: ContextSection = toml::from_str(&text).unwrap();
        let sizes = section.sizes().unwrap().by_name();
        assert_eq!(sizes, std::array::from_fn(|place| (Sizes::USUAL[place].0, Sizes::USUAL[place].1 / 2)));
        assert_eq!(toml::to_string(&section).unwrap(), text, "in the order of the tables");
        assert_eq!(toml::from_str::<ContextSection>("").unwrap().sizes().unwrap(), Sizes::default());
        let error = toml::from_str::<ContextSection>("flow = 64").unwrap_err().to_string();
        assert!(error.contains("unknown field `flow`, expected one of `flows`, `hosts`, "), "{error}");
        assert!(error.contains("line 1, column 1"), "{error}");
        let error = toml::from_str::<ContextSection>("flows = 63").unwrap().sizes().unwrap_err().to_string();
        assert!(error.contains("flows"), "{error}");
    }
}
