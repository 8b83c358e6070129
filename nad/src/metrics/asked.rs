//! What may be asked, and by what name: a page in a browser that has its own name lead to this machine (DNS rebinding) may
//! read nothing.

use std::{fs, net::IpAddr};

use axum::{
    extract::Request,
    http::{HeaderValue, Method, StatusCode, Version, header, uri::Authority},
    response::{IntoResponse, Response},
};

/// Characters of a name that are repeated.
const MOST_REPEATED: usize = 100;

/// The names that may be asked for, besides addresses and `localhost`.
#[derive(Debug, Clone)]
pub(super) struct Names(Vec<String>);

impl Names {
    /// This machine's own name, and those of the settings, in lower case.
    pub(super) fn new(mut names: Vec<String>) -> Self {
        let own = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        names.push(own.trim().to_ascii_lowercase());
        names.retain(|name| !name.is_empty());
        Self(names)
    }

    /// Refuses a request that only a page of somebody else's would make, or none that asks something.
    pub(super) fn refuse<B>(&self, request: &Request<B>) -> Option<Response> {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let allow = [(header::ALLOW, HeaderValue::from_static("GET, HEAD"))];
            return Some((StatusCode::METHOD_NOT_ALLOWED, allow, "there is only GET\n").into_response());
        }
        let bad = |why: &'static str| Some((StatusCode::BAD_REQUEST, why).into_response());
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(_), Some(_)) => return bad("there is more than one Host\n"),
            // No browser asks so.
            (None, _) if request.version() < Version::HTTP_11 => None,
            (None, _) => return bad("there is no Host\n"),
            (Some(host), None) => Some(host.to_str().unwrap_or_default()),
        };
        let asked = request.uri().authority().map(Authority::as_str).into_iter().chain(host);
        let stranger = asked.into_iter().find(|name| !self.has(name))?;
        let shown: String = stranger.chars().take(MOST_REPEATED).collect();
        let why =
            format!("{shown:?} is no name of this sensor: add it to hosts in [metrics], or ask by address\n");
        Some((StatusCode::MISDIRECTED_REQUEST, why).into_response())
    }

    fn has(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        if authority.as_str().contains('@') {
            return false;
        }
        let host = authority.host().to_ascii_lowercase();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
        let name = bare.strip_suffix('.').unwrap_or(bare);
        bare.parse::<IpAddr>().is_ok() || name == "localhost" || self.0.iter().any(|own| own == name)
    }
}

#[cfg(test)]
mod tests {
    use axum::http;

    use super::*;

    fn status(request: http::request::Builder) -> Option<u16> {
        let names = Names(vec!["sensor.example.org".into()]);
        names.refuse(&request.body(()).unwrap()).map(|response| response.status().as_u16())
    }

    fn by_name(host: &str) -> Option<u16> {
        status(http::Request::get("/metrics").header("Host", host))
    }

    #[test]
    fn addresses_localhost_and_names_of_the_settings_may_be_asked_for() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:9469",
            "[::1]:9469",
            "192.0.2.1:1",
            "localhost",
            "LOCALHOST:9469",
            "localhost.",
            "Sensor.Example.Org:9469",
            "sensor.example.org.",
        ] {
            assert_eq!(by_name(host), None, "{host}");
        }
        assert_eq!(status(http::Request::get("/metrics").version(Version::HTTP_10)), None);
    }

    #[test]
    fn other_names_may_not() {
        for host in [
            "evil.example.org",
            "localhost.evil.org",
            "127.0.0.1.evil.org",
            "sensor",
            "xsensor.example.org",
            "evil@127.0.0.1",
            "a b",
            "",
        ] {
            assert_eq!(by_name(host), Some(421), "{host}");
        }
        let absolute = http::Request::get("http://evil.example.org/metrics").header("Host", "127.0.0.1");
        assert_eq!(status(absolute), Some(421));
    }

    #[test]
    fn only_what_reads_is_answered_and_a_name_is_given_once() {
        assert_eq!(status(http::Request::post("/metrics").header("Host", "127.0.0.1")), Some(405));
        assert_eq!(status(http::Request::options("/").header("Host", "127.0.0.1")), Some(405));
        assert_eq!(status(http::Request::head("/metrics").header("Host", "127.0.0.1")), None);
        assert_eq!(status(http::Request::get("/metrics")), Some(400));
        let twice = http::Request::get("/").header("Host", "127.0.0.1").header("Host", "127.0.0.1");
        assert_eq!(status(twice), Some(400));
    }

    #[test]
    fn this_machine_s_own_name_is_one_of_them() {
        let own = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert!(Names::new(Vec::new()).has(own.trim()));
    }
}
