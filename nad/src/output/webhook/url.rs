//! Where a webhook is.

use std::fmt;

use ureq::http::Uri;

use crate::secret::Secret;

/// A URL of which only scheme and host are shown: whoever knows the rest may post there.
#[derive(Clone)]
pub struct Url {
    whole: Secret,
    /// The path and what follows it.
    path: Secret,
    shown: String,
    host: String,
    port: u16,
    is_encrypted: bool,
}

impl Url {
    /// Checks a URL.
    ///
    /// # Errors
    ///
    /// When it is none of HTTP, in words that don't repeat it.
    pub fn parse(text: &Secret) -> Result<Self, &'static str> {
        const EXPECTED: &str =
            "is no URL that can be posted to: one that begins with http:// or https:// is expected";
        if !text.expose().is_ascii() {
            return Err(
                "has letters beyond ASCII: give its host's name in ASCII, as xn--…, and the rest percent-encoded",
            );
        }
        let uri: Uri = text.expose().parse().map_err(|_| EXPECTED)?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(EXPECTED);
        };
        let host = authority.host();
        if host.is_empty() {
            return Err(EXPECTED);
        }
        let port = authority.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        Ok(Self {
            whole: text.clone(),
            path: Secret::new(path.trim_matches('/')),
            shown: format!("{scheme}://{host}{port}"),
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 }),
            is_encrypted: scheme == "https",
        })
    }

    /// Shows that it is the second, the third, … of its host.
    pub fn number(&mut self, number: usize) {
        self.shown += &format!(" ({number})");
    }

    /// The host's name or address, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that is connected to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether what is posted is encrypted on its way.
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    pub(super) fn whole(&self) -> &str {
        self.whole.expose()
    }

    /// What somebody else said, without the URL's secret where they repeat it.
    pub(super) fn cut_out_of(&self, words: &str) -> String {
        self.path.cut_out_of(words)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Url {
    /// See [`Secret::mark`].
    pub fn mark(&self) -> u64 {
        self.whole.mark()
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_beyond_ascii_are_refused_with_the_remedy() {
        for url in ["https://münchen.example/a", "https://example.org/münchen"] {
            assert!(Url::parse(&Secret::new(url)).unwrap_err().contains("xn--"), "{url}");
        }
    }

    #[test]
    fn only_scheme_and_host_are_shown() {
        let url = Url::parse(&Secret::new("https://user:pass@hooks.example.org:8443/services/T0/quiet?a=b"))
            .unwrap();
        assert_eq!((url.to_string(), format!("{url:?}")), {
            let shown = "https://hooks.example.org:8443".to_owned();
            (shown.clone(), shown)
        });
        assert_eq!((url.host(), url.port(), url.is_encrypted()), ("hooks.example.org", 8443, true));
        assert_eq!(url.cut_out_of("no service services/T0/quiet?a=b"), "no service ***");
        let error = Url::parse(&Secret::new("file:///services/quiet")).unwrap_err();
        assert!(!error.contains("quiet"));
    }
}
