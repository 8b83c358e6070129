//! What a build of nad may leave out: each part is a feature of the crate of the same name.

/// Something that takes libraries of its own, which a minimal nad does without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Tables of features as Parquet.
    Parquet,
    /// Incidents by mail.
    Mail,
    /// Incidents posted to servers.
    Webhook,
    /// Metrics and health by HTTP.
    Metrics,
    /// What is kept for later, and what is made of it: `nad incidents` and `nad report`.
    History,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Parquet, Self::Mail, Self::Webhook, Self::Metrics, Self::History];

    /// The feature's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Metrics => "metrics",
            Self::History => "history",
        }
    }

    /// Whether this nad has it.
    pub const fn is_built(self) -> bool {
        match self {
            Self::Parquet => cfg!(feature = "parquet"),
            Self::Mail => cfg!(feature = "mail"),
            Self::Webhook => cfg!(feature = "webhook"),
            Self::Metrics => cfg!(feature = "metrics"),
            Self::History => cfg!(feature = "history"),
        }
    }

    /// What is said where it is asked for and is not there.
    pub fn missing(self) -> String {
        let name = self.name();
        format!("this nad was built without {name}: build it with --features {name}")
    }
}

/// The parts that this nad has, in words.
pub fn built() -> String {
    let names: Vec<&str> = Part::ALL.into_iter().filter(|part| part.is_built()).map(Part::name).collect();
    if names.is_empty() { "no optional part".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_the_remedy() {
        assert_eq!(Part::Mail.missing(), "this nad was built without mail: build it with --features mail");
    }

    #[test]
    fn the_parts_that_are_built_are_named() {
        for part in Part::ALL {
            assert_eq!(built().split(", ").any(|name| name == part.name()), part.is_built());
        }
    }
}
