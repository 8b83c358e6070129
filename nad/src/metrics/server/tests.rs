use std::{
    io::{Read, Write},
    net::TcpStream,
};

use nad_common::counters::KernelCounters;
use nad_engine::condition::{Judging, Stage};

use super::*;
fn local() -> MetricsConfig {
    MetricsConfig { listen: "127.0.0.1:0".parse().unwrap(), hosts: vec!["sensor.example.org".into()] }
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
    write!(stream, "{request}\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
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
    let config = MetricsConfig { listen: server.address(), ..local() };
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

/// A server with other limits than the usual, and a thread that serves for as long as the process lives.
fn serve_within(limits: Limits) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let vitals = Vitals::new(Arc::default(), counters(), Latencies::default());
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            take_connections(listener, &router(vitals, Names::new(Vec::new())), limits).await;
        });
    });
    address
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Whether the server ends a connection, within 20 s, and nothing was answered.
fn is_closed(mut stream: TcpStream) -> bool {
    let mut byte = [0];
    match stream.read(&mut byte) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

/// The status of `/healthz`, of a sensor that lives.
fn health(server: &Server, tally: &Tally) -> u16 {
    tally.condition.detector.beat();
    tally.condition.drain.beat();
    ask(server, "GET /healthz HTTP/1.1").0
}

#[test]
fn connections_that_ask_nothing_whole_keep_nobody_from_asking() {
    let tally = Arc::default();
    let server = serve(&tally, counters());
    let mut held: Vec<TcpStream> = (0..200).map(|_| connect(server.address())).collect();
    for (place, stream) in held.iter_mut().enumerate().filter(|(place, _)| place % 2 == 0) {
        // Those that had to leave can't be written to any more.
        let _ = write!(stream, "GET /metrics HTTP/1.1\r\nX-{place}: ");
    }
    for _ in 0..3 {
        let begun = std::time::Instant::now();
        assert_eq!(health(&server, &tally), 200);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        held.push(connect(server.address()));
    }
    assert!(is_closed(held.remove(0)), "the first had to leave");
}

#[test]
fn those_that_take_no_answers_keep_nobody_from_asking() {
    let tally = Arc::default();
    let server = serve(&tally, counters());
    let mut held = Vec::new();
    for _ in 0..40 {
        let mut stream = connect(server.address());
        stream.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
        // As many questions as it takes: nobody reads the answers.
        while stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok() {}
        held.push(stream);
        if held.len() % 10 == 0 {
            assert_eq!(health(&server, &tally), 200);
        }
    }
}

#[test]
fn the_head_of_a_request_has_a_deadline_that_bytes_now_and_then_do_not_move() {
    let limits = Limits { asking: Duration::from_millis(300), ..Limits::default() };
    let address = serve_within(limits);
    let begun = std::time::Instant::now();
    let mut trickling = connect(address);
    let writing = trickling.try_clone().unwrap();
    let trickle = thread::spawn(move || {
        for byte in b"GET /metrics HTTP/1.1\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'x')) {
            if (&writing).write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
    let mut said = Vec::new();
    let _ = trickling.read_to_end(&mut said);
    drop(trickling);
    assert!(said.is_empty() && begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    trickle.join().unwrap();
    assert!(is_closed(connect(address)), "also one that says nothing at all");
    // After an answer, the next question has a deadline of its own.
    let mut kept = connect(address);
    for _ in 0..3 {
        write!(kept, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = [0; 400];
        let count = kept.read(&mut answer).unwrap();
        assert!(answer[..count].starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&answer));
        thread::sleep(Duration::from_millis(350));
    }
}

#[test]
fn an_answer_that_is_not_taken_has_a_deadline() {
    let limits = Limits { answering: Duration::from_millis(300), ..Limits::default() };
    let mut stream = connect(serve_within(limits));
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let begun = std::time::Instant::now();
    while stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(15), "it is served for ever");
    }
}

#[test]
fn a_connection_that_was_answered_is_closed_when_it_asks_nothing_more_for_long() {
    let limits = Limits { idle: Duration::from_millis(200), ..Limits::default() };
    let mut stream = connect(serve_within(limits));
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("alive\n"), "{answer}");
}

#[test]
fn a_page_of_somebody_else_s_name_reads_nothing() {
    let server = serve(&Arc::default(), counters());
    let named = |host: &str| {
        let mut stream = connect(server.address());
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let refused = named("evil.example.org:9469");
    assert!(refused.starts_with("HTTP/1.1 421") && !refused.contains("nad_"), "{refused}");
    assert!(refused.contains("add it to hosts in [metrics]"), "{refused}");
    for own in ["sensor.example.org", "127.0.0.1:9469"] {
        assert!(named(own).starts_with("HTTP/1.1 200"), "{own}");
    }
}

#[test]
fn a_head_has_an_end() {
    let server = serve(&Arc::default(), counters());
    let mut stream = connect(server.address());
    let _ = write!(stream, "GET /metrics HTTP/1.1\r\nX-Long: {}\r\n\r\n", "x".repeat(1 << 20));
    let mut answer = Vec::new();
    // It may be told why, or only be cut off.
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&answer));
    assert_eq!(ask(&server, "GET /healthz HTTP/1.1").0, 200);
}
