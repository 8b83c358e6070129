//! How the model for each capture is trained: from flags, and from `eval.toml` beside the captures.

use std::{collections::BTreeMap, fmt, fs, path::Path, str::FromStr};

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use serde::Deserialize;

use super::{
    captures::{self, Capture},
    truth::Span,
};

/// Where nothing else is said: the benign beginning that labelled captures are made with.
const TRAIN_FOR: Length = Length(265.0);
const BENIGN_SHARE: f64 = 0.1;

/// What a capture's packets are scored with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Training {
    /// The capture's own first part.
    Own(Length),
    /// A model trained on that of another capture.
    Of(String),
}

/// Seconds by the packets' clock.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Length(pub(super) f64);

/// What flags or a file say; flags come first.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Settings {
    /// The benign beginning of a capture.
    pub(super) train_for: Option<Length>,
    /// The part of a capture without attacks that is trained on, at least `train-for` and at most half of it.
    pub(super) benign_share: Option<f64>,
    #[serde(default)]
    captures: BTreeMap<String, OfCapture>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct OfCapture {
    train_for: Option<Length>,
    model_from: Option<String>,
}

impl Settings {
    /// Reads `eval.toml`, or the file that was named.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
        let settings: Self =
            toml::from_str(&text).with_context(|| format!("{} is refused", path.display()))?;
        if let Some(share) = settings.benign_share {
            check_share(share).with_context(|| path.display().to_string())?;
        }
        for (name, capture) in &settings.captures {
            ensure!(
                capture.train_for.is_none() || capture.model_from.is_none(),
                "{}: capture '{name}' has both train-for and model-from: keep one of them",
                path.display()
            );
        }
        Ok(settings)
    }

    /// Puts what the flags say over what the file says.
    pub(super) fn overridden(mut self, train_for: Option<Length>, benign_share: Option<f64>) -> Result<Self> {
        benign_share.map_or(Ok(()), check_share)?;
        self.train_for = train_for.or(self.train_for);
        self.benign_share = benign_share.or(self.benign_share);
        Ok(self)
    }

    /// The name of the capture whose model is used, for captures that have none of their own.
    pub(super) fn model_from(&self, name: &str, all: &[Capture]) -> Result<Option<String>> {
        let own = self.captures.get(name);
        if own.is_some_and(|own| own.train_for.is_some()) {
            return Ok(None);
        }
        let Some(named) = own.and_then(|own| own.model_from.as_ref()) else {
            return Ok(captures::base(name, all).map(|base| base.name.clone()));
        };
        let known = named != name && all.iter().any(|capture| capture.name == *named);
        ensure!(known, "the model for '{name}' is to come from '{named}', which is no other capture here");
        let chained = self.model_from(named, all)?;
        ensure!(
            chained.is_none(),
            "the model for '{name}' is to come from '{named}', which uses another's itself: name that one"
        );
        Ok(Some(named.clone()))
    }

    /// How long a capture of this span trains on its own beginning.
    pub(super) fn own_training(&self, name: &str, span: Span, has_attacks: bool) -> Length {
        let train_for = self.train_for.unwrap_or(TRAIN_FOR);
        if let Some(own) = self.captures.get(name).and_then(|own| own.train_for) {
            own
        } else if has_attacks {
            train_for
        } else {
            // An attack would bound the training; without one, more of a long capture can be used.
            let share = span.seconds() * self.benign_share.unwrap_or(BENIGN_SHARE);
            Length(share.max(train_for.0).min(span.seconds() / 2.0).floor().max(1.0))
        }
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = text.parse().ok().map(|length: SignedDuration| length.as_secs_f64());
        seconds
            .filter(|seconds| *seconds >= 0.001)
            .map(Self)
            .ok_or_else(|| format!("'{text}' is no length of time: write 265s, 5m or 1h"))
    }
}

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Length {
    /// As nad's flags want it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.fract() == 0.0 { write!(f, "{}s", self.0) } else { write!(f, "{:.0}ms", self.0 * 1e3) }
    }
}

fn check_share(share: f64) -> Result<()> {
    ensure!((0.0..=0.5).contains(&share), "benign-share {share} is not between 0 and 0.5");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Settings> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Settings::read(file.path())
    }

    fn captures(names: &[&str]) -> Vec<Capture> {
        let capture =
            |name: &&str| Capture { name: (*name).into(), file: name.into(), labels: None, windows: None };
        names.iter().map(capture).collect()
    }

    fn span(seconds: f64) -> Span {
        Span { packets: 2, first: 1e9, last: 1e9 + seconds }
    }

    #[test]
    fn a_continuation_uses_its_bases_model_unless_told_otherwise() {
        let all = captures(&["office", "office-night", "home"]);
        let settings = settings("[captures.home]\nmodel-from = 'office'\n").unwrap();
        let from = |name| settings.model_from(name, &all).unwrap();
        assert_eq!(
            (from("office-night").as_deref(), from("home").as_deref(), from("office")),
            (Some("office"), Some("office"), None)
        );
        let own = self::settings("[captures.office-night]\ntrain-for = '2m'\n").unwrap();
        assert_eq!(own.model_from("office-night", &all).unwrap(), None);
        assert_eq!(own.own_training("office-night", span(1000.0), false), Length(120.0));
    }

    #[test]
    fn a_model_from_nowhere_or_by_two_steps_is_refused() {
        let all = captures(&["office", "office-night", "home"]);
        for (named, part) in
            [("attic", "no other capture"), ("home", "no other capture"), ("office-night", "itself")]
        {
            let settings = settings(&format!("[captures.home]\nmodel-from = '{named}'\n")).unwrap();
            let error = settings.model_from("home", &all).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_benign_capture_trains_on_its_share_and_one_with_attacks_on_its_beginning() {
        let settings = Settings::default().overridden(Some(Length(300.0)), None).unwrap();
        assert_eq!(settings.own_training("x", span(10_000.0), true), Length(300.0));
        assert_eq!(settings.own_training("x", span(10_000.0), false), Length(1000.0));
        assert_eq!(settings.own_training("x", span(1000.0), false), Length(300.0), "at least train-for");
        assert_eq!(settings.own_training("x", span(500.0), false), Length(250.0), "at most half");
    }

    #[test]
    fn flags_come_before_the_file_and_what_is_wrong_is_refused() {
        let file = settings("train-for = '5m'\nbenign-share = 0.25\n").unwrap();
        let both = file.overridden(Some(Length(10.0)), None).unwrap();
        assert_eq!((both.train_for, both.benign_share), (Some(Length(10.0)), Some(0.25)));
        for wrong in [
            "train-for = '5'",
            "benign-share = 0.6",
            "other = 1",
            "[captures.x]\ntrain-for = '5s'\nmodel-from = 'y'",
        ] {
            assert!(settings(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_length_is_written_as_it_is_read() {
        for (text, seconds, shown) in
            [("265s", 265.0, "265s"), ("5m", 300.0, "300s"), ("1500ms", 1.5, "1500ms")]
        {
            let length: Length = text.parse().unwrap();
            assert_eq!((length, length.to_string().as_str()), (Length(seconds), shown));
        }
        assert!(
            ["", "s", "-1s", "0s", "1 day", "infs", "nans"]
                .iter()
                .all(|text| text.parse::<Length>().is_err())
        );
    }
}
