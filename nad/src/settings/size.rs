//! Sizes of files with their unit.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number of bytes: `64MiB`, `256MB`, or bytes without a unit. `kB`, `MB`, `GB` and `TB` are powers of 1000, `KiB`, `MiB`,
/// `GiB` and `TiB` powers of 1024. In `nad.toml` also a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 10] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error =
            || format!("\"{text}\" is no size: give bytes, or a number and a unit, as in 64MiB or 256MB");
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start();
        let factor = if unit.is_empty() {
            1
        } else {
            UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor).ok_or_else(error)?
        };
        if number.is_empty() {
            return Err(error());
        }
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
        bytes.map(Self).ok_or_else(|| format!("{text} is out of range: a size is less than 16777216TiB"))
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Size {
    /// In the unit that gives the smallest whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &&(&str, u64)| self.0 >= *factor && self.0.is_multiple_of(*factor);
        match UNITS.iter().filter(fits).max_by_key(|(_, factor)| factor) {
            Some((_, 1)) | None => write!(f, "{}", self.0),
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size, as in \"64MiB\" or \"256MB\", or a number of bytes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Size, E> {
        Ok(Size(bytes))
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Size, E> {
        let size = u64::try_from(bytes).map(Size);
        size.map_err(|_| E::custom(format!("{bytes} is out of range: a size is not below 0")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_1000_or_1024_as_their_names_say() {
        let read = |text: &str| text.parse::<Size>().map(|size| size.0);
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("17B", 17),
            ("1kB", 1000),
            ("1KiB", 1024),
            ("64MiB", 64 << 20),
            ("256MB", 256_000_000),
            ("2 GiB", 2 << 30),
            ("3TB", 3_000_000_000_000),
            ("1TiB", 1 << 40),
        ] {
            assert_eq!(read(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_named() {
        for text in ["", "MiB", "64mib", "64 Mb", "-1", "1.5GiB", "many"] {
            let error = text.parse::<Size>().unwrap_err();
            assert!(error.contains(&format!("\"{text}\" is no size")), "{error}");
        }
        let error = "16777216TiB".parse::<Size>().unwrap_err();
        assert!(error.contains("16777216TiB is out of range"), "{error}");
    }

    #[test]
    fn what_is_shown_is_read_as_the_same() {
        for (bytes, text) in [(64 << 20, "64MiB"), (256_000_000, "256MB"), (1025, "1025"), (0, "0")] {
            assert_eq!(Size(bytes).to_string(), text);
            assert_eq!(text.parse(), Ok(Size(bytes)));
        }
    }

    #[test]
    fn the_file_has_text_or_a_number() {
        #[derive(Deserialize)]
        struct Section {
            size: Size,
        }
        let read = |text: &str| toml::from_str::<Section>(text).map(|section| section.size.0);
        assert_eq!(read("size = \"1MiB\"").unwrap(), 1 << 20);
        assert_eq!(read("size = 512").unwrap(), 512);
        assert!(read("size = -1").unwrap_err().to_string().contains("-1 is out of range"));
        assert!(read("size = true").unwrap_err().to_string().contains("\"64MiB\""));
    }
}
