//! `[[allow]]` in the file: what is not to be reported.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use nad_engine::{
    incident::{
        allow::{self, AddressRange, Criteria},
        shape::Shape,
    },
    presentation,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// One `[[allow]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowSection {
    #[serde(default, deserialize_with = "text", serialize_with = "as_text")]
    source: Option<AddressRange>,
    mac: Option<Mac>,
    #[serde(default, deserialize_with = "text", serialize_with = "as_text")]
    destination: Option<AddressRange>,
    port: Option<Port>,
    protocol: Option<Protocol>,
    shape: Option<Shape>,
    comment: Comment,
    expires: Option<Expiry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Mac([u8; 6]);

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "i64")]
struct Port(u16);

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "NameOrNumber")]
struct Protocol(u8);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a protocol's name, as \"tcp\", or its number")]
enum NameOrNumber {
    Name(String),
    Number(i64),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String")]
struct Comment(String);

/// The moment from which on a rule is over, in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "TextOrDate", into = "String")]
struct Expiry(u64);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a date, as \"2026-12-31\", or a time, as \"2026-12-31T18:00:00Z\"")]
enum TextOrDate {
    Text(String),
    Date(toml::value::Datetime),
}

impl AllowSection {
    /// What it allows.
    pub fn criteria(&self) -> Criteria {
        Criteria {
            source: self.source,
            mac: self.mac.map(|Mac(address)| address),
            destination: self.destination,
            port: self.port.map(|Port(port)| port),
            protocol: self.protocol.map(|Protocol(number)| number),
            shape: self.shape,
            comment: self.comment.0.clone(),
            expires_ns: self.expires.map(|Expiry(time_ns)| time_ns),
        }
    }

    /// Refuses a rule without any criterion.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.criteria().are_any() {
            return Ok(());
        }
        Err("an allow rule would allow everything: give a source, mac, destination, port, protocol or shape")
    }
}

impl From<&Criteria> for AllowSection {
    fn from(criteria: &Criteria) -> Self {
        Self {
            source: criteria.source,
            mac: criteria.mac.map(Mac),
            destination: criteria.destination,
            port: criteria.port.map(Port),
            protocol: criteria.protocol.map(Protocol),
            shape: criteria.shape,
            comment: Comment(criteria.comment.clone()),
            expires: criteria.expires_ns.map(Expiry),
        }
    }
}

impl TryFrom<String> for Mac {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let address = allow::mac(&text);
        address.map(Self).ok_or_else(|| format!("mac \"{text}\" is none: give it as \"02:00:00:00:00:01\""))
    }
}

impl From<Mac> for String {
    fn from(Mac(address): Mac) -> Self {
        presentation::mac(address)
    }
}

impl TryFrom<i64> for Port {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let port = u16::try_from(number).ok().filter(|port| *port != 0);
        port.map(Self).ok_or_else(|| format!("port {number} is out of range: 1 to 65535 are possible"))
    }
}

impl TryFrom<NameOrNumber> for Protocol {
    type Error = String;

    fn try_from(given: NameOrNumber) -> Result<Self, String> {
        let text = match given {
            NameOrNumber::Name(name) => name,
            NameOrNumber::Number(number) => number.to_string(),
        };
        presentation::protocol_number(&text).map(Self).ok_or_else(|| {
            format!("protocol \"{text}\" is unknown: give a name, as \"tcp\", \"udp\" or \"icmp\", or a number up to 255")
        })
    }
}

impl TryFrom<String> for Comment {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.trim().is_empty() {
            return Err("the comment of an allow rule is empty: say why it is allowed");
        }
        // It is printed in a line of its own.
        Ok(Self(text.split_whitespace().collect::<Vec<_>>().join(" ")))
    }
}

impl From<Expiry> for String {
    fn from(Expiry(time_ns): Expiry) -> Self {
        Timestamp::from_nanosecond(time_ns.into()).unwrap_or(Timestamp::MAX).to_string()
    }
}

impl TryFrom<TextOrDate> for Expiry {
    type Error = String;

    fn try_from(given: TextOrDate) -> Result<Self, String> {
        let text = match given {
            TextOrDate::Text(text) => text,
            TextOrDate::Date(date) => date.to_string(),
        };
        end(&text).map(Self).ok_or_else(|| {
            format!(
                "\"{text}\" is no expiry: give a date, as 2026-12-31 for the end of that day in UTC, or a time with its \
                 zone, as 2026-12-31T18:00:00Z"
            )
        })
    }
}

/// A date's end in UTC, or a moment (RFC 3339), in nanoseconds since the Unix epoch.
fn end(text: &str) -> Option<u64> {
    // What is shorter than a time is taken for a date, which jiff would otherwise also read off a time without zone.
    let moment = if text.contains(['T', 't', ' ']) {
        text.parse::<Timestamp>().ok()?
    } else {
        let next: Date = text.parse::<Date>().ok()?.tomorrow().ok()?;
        next.to_zoned(TimeZone::UTC).ok()?.timestamp()
    };
    moment.as_nanosecond().try_into().ok()
}

/// Reads a value from its text; serde's own way would take an absent one for an error.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AddressRange>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(D::Error::custom)
}

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn as_text<S: Serializer>(range: &Option<AddressRange>, serializer: S) -> Result<S::Ok, S::Error> {
    range.map(|range| range.to_string()).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::File;

    fn parse(text: &str) -> Result<Vec<Criteria>, String> {
        let file = File::parse(text, Path::new("nad.toml")).map_err(|error| error.to_string())?;
        Ok(file.allow.iter().map(|section| section.get_ref().criteria()).collect())
    }

    #[test]
    fn every_criterion_can_be_given_and_rules_stand_in_order() {
        let text = r#"
            [[allow]]
            source = "10.0.0.0/24"
            mac = "02:00:00:00:00:07"
            destination = "02:00:00:00:00:01"
            port = 161
            protocol = "udp"
            shape = "host-sweep"
            comment = "the inventory,\n  nightly"
            expires = "2026-12-31"

            [[allow]]
            protocol = 47
            comment = "tunnels"
        "#;
        let rules = parse(text).unwrap();
        assert_eq!(
            rules[0],
            Criteria {
                source: Some("10.0.0.0/24".parse().unwrap()),
                mac: Some([2, 0, 0, 0, 0, 7]),
                destination: Some("02:00:00:00:00:01".parse().unwrap()),
                port: Some(161),
                protocol: Some(17),
                shape: Some(Shape::HostSweep),
                comment: "the inventory, nightly".into(),
                // The first moment of 2027.
                expires_ns: Some(1_798_761_600_000_000_000),
            }
        );
        let tunnels = Criteria { protocol: Some(47), comment: "tunnels".into(), ..Criteria::default() };
        assert_eq!(rules[1..], [tunnels]);
    }

    #[test]
    fn an_expiry_is_the_end_of_a_day_or_a_moment() {
        let expiry = |value: &str| {
            let rules = parse(&format!("[[allow]]\nport = 1\ncomment = \"c\"\nexpires = {value}\n"))?;
            Ok::<_, String>(rules[0].expires_ns.unwrap() / 1_000_000_000)
        };
        const MIDNIGHT: u64 = 1_798_761_600;
        for (value, seconds) in [
            ("\"2026-12-31\"", MIDNIGHT),
            ("2026-12-31", MIDNIGHT),
            ("\"2026-12-31T18:00:00Z\"", MIDNIGHT - 6 * 3600),
            ("2026-12-31T18:00:00+02:00", MIDNIGHT - 8 * 3600),
        ] {
            assert_eq!(expiry(value), Ok(seconds), "{value}");
        }
        for (value, named) in [
            ("\"soon\"", "\"soon\""),
            ("\"\"", "\"\""),
            ("\"2026-02-30\"", "\"2026-02-30\""),
            ("2026-12-31T18:00:00", "\"2026-12-31T18:00:00\""),
            ("\"1900-01-01\"", "\"1900-01-01\""),
            ("18:00:00", "\"18:00:00\""),
        ] {
            let error = expiry(value).unwrap_err();
            assert!(error.contains(&format!("line 4: {named} is no expiry: give a date")), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_in_one_line_with_its_place_and_the_remedy() {
        for (line, parts) in [
            ("source = \"10.0.0.300\"", ["line 3: \"10.0.0.300\" is no address", "10.0.0.0/24"]),
            ("source = \"fe80::1%eth0\"", ["line 3: \"fe80::1%eth0\" has a zone", "give fe80::1, and"]),
            ("source = \"fe80::%2/64\"", ["line 3: \"fe80::%2/64\" has a zone", "give fe80::/64, and"]),
            ("source = \"fe80::x%eth0\"", ["line 3: \"fe80::x%eth0\" is no address", "10.0.0.0/24"]),
            ("destination = \"10.0.0.7/24\"", ["line 3: \"10.0.0.7/24\" is an address in", "10.0.0.0/24"]),
            ("port = 0", ["line 3: port 0 is out of range", "1 to 65535"]),
            ("port = 65536", ["line 3: port 65536 is out of range", "1 to 65535"]),
            ("protocol = \"http\"", ["line 3: protocol \"http\" is unknown", "\"tcp\""]),
            ("protocol = 256", ["line 3: protocol \"256\" is unknown", "up to 255"]),
            ("protocol = true", ["line 3: ", "a protocol's name"]),
            ("shape = \"scan\"", ["line 3: unknown variant `scan`", "`port-scan`"]),
            ("comment = \" \"", ["line 3: the comment of an allow rule is empty", "say why"]),
            ("expires = 3", ["line 3: ", "a date"]),
            ("sources = \"10.0.0.7\"", ["line 3: unknown field `sources`", "`source`"]),
        ] {
            let comment = if line.starts_with("comment") { "" } else { "comment = \"c\"" };
            let error = parse(&format!("[[allow]]\n{comment}\n{line}\n")).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let second =
            |line: &str| parse(&format!("[[allow]]\nport = 1\ncomment = \"c\"\n\n[[allow]]\n{line}\n"));
        let error = second("comment = \"everything\"").unwrap_err();
        assert!(error.contains("line 5: an allow rule would allow everything: give a source"), "{error}");
        let error = second("port = 22").unwrap_err();
        assert!(error.contains("line 5: missing field `comment`"), "{error}");
    }
}
