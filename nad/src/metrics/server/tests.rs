use std::{
    io::{Read, Write},
    net::TcpStream,
};

use nad_common::counters::KernelCounters;

use super::*;
use crate::condition::{Judging, Stage};

fn local() -> MetricsConfig {
    MetricsConfig { listen: "127.0.0.1:0".parse().unwrap() }
}

fn serve(tally: &Arc<Tally>, source: SourceReader) -> Server {
    Listener::bind(local(), Latencies::default()).unwrap().serve(Arc::clone(tally), source).unwrap()
}

fn counters() -> SourceReader {
    Box::new(|| Ok(KernelCounters { seen: 4711, ..KernelCounters::default() }))
}

/// The status, the headers in lower case, and the body.
fn ask(server: &Server, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(stream, "{request}\r\nHost: nad\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), head.to_lowercase(), body.into())
}

#[test]
fn the_page_comes_in_the_format_that_is_accepted() {
    let server = serve(&Arc::default(), counters());
    let (status, head, body) = ask(&server, "GET /metrics HTTP/1.1");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("\nnad_packets_seen_total 4711\n") && !body.contains("# EOF"), "{body}");
    let open = "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    let (status, head, body) = ask(&server, open);
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(body.contains("\nnad_packets_seen_total 4711\n") && body.ends_with("# EOF\n"), "{body}");
}

#[test]
fn it_is_ready_once_a_model_is_in_force_and_says_what_is_done_until_then() {
    let tally = Arc::new(Tally::default());
    let server = serve(&tally, counters());
    for stage in Stage::ALL {
        tally.condition.set_judging(Judging { stage, ..Judging::default() });
        let (status, _, body) = ask(&server, "GET /readyz HTTP/1.1");
        if stage == Stage::Detecting {
            assert_eq!((status, body.as_str()), (200, "ready\n"));
        } else {
            assert!(status == 503 && body.starts_with("not ready: "), "{stage:?}: {status} {body}");
        }
        assert_eq!(ask(&server, "GET /healthz HTTP/1.1").0, 200, "alive in any stage");
    }
}

#[test]
fn counters_that_can_not_be_read_are_an_error_and_no_zeros() {
    let server = serve(&Arc::default(), Box::new(|| Err("the kernel refuses".into())));
    let (status, _, body) = ask(&server, "GET /metrics HTTP/1.1");
    assert_eq!((status, body.as_str()), (500, "the kernel refuses\n"));
}

#[test]
fn other_pages_and_other_methods_are_refused() {
    let server = serve(&Arc::default(), counters());
    let (status, _, body) = ask(&server, "GET / HTTP/1.1");
    assert_eq!((status, body.as_str()), (404, "there are /metrics, /healthz and /readyz\n"));
    assert_eq!(ask(&server, "GET /metrics/../metrics HTTP/1.1").0, 404);
    assert_eq!(ask(&server, "POST /metrics HTTP/1.1\r\nContent-Length: 0").0, 405);
}

#[test]
fn a_port_in_use_is_named_with_the_remedy() {
    let server = serve(&Arc::default(), counters());
    let config = MetricsConfig { listen: server.address() };
    let error = Listener::bind(config, Latencies::default()).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("metrics can't be served at {}: Address", server.address())),
        "{error}"
    );
    assert!(error.contains("--metrics"), "{error}");
}

#[test]
fn the_server_ends_when_it_is_dropped() {
    let server = serve(&Arc::default(), counters());
    let address = server.address();
    // Also where somebody holds a connection.
    let _held = TcpStream::connect(address).unwrap();
    drop(server);
    assert!(TcpStream::connect(address).is_err());
}
