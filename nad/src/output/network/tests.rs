use std::{net::TcpListener, thread};

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// A server that does this with its first connection.
fn server(act: impl FnOnce(TcpStream) + Send + 'static) -> Vec<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || act(listener.accept().unwrap().0));
    vec![address]
}

/// Says the same again and again, until it is cut off.
fn endlessly(bytes: &'static [u8], pause: Duration) -> impl FnOnce(TcpStream) + Send {
    move |mut stream| {
        while stream.write_all(bytes).is_ok() {
            thread::sleep(pause);
        }
    }
}

/// Reads to the end of what is sent or allowed.
fn read_all(addresses: &[SocketAddr], limits: &Limits) -> (usize, io::Error) {
    let mut connection = Connection::open(addresses, limits).unwrap();
    let mut buffer = [0; 5000];
    let mut count = 0;
    loop {
        match connection.read(&mut buffer) {
            Ok(0) => panic!("the server has ended it"),
            Ok(read) => count += read,
            Err(error) => return (count, error),
        }
    }
}

#[test]
fn an_endless_answer_is_read_as_far_as_its_limit() {
    let limits = Limits::new(LONG, LONG, 10_000, &Ending::default());
    let (read, error) = read_all(&server(endlessly(&[b'x'; 4000], Duration::ZERO)), &limits);
    assert_eq!(read, 10_000);
    assert!(error.to_string().contains("longer than 10000 bytes"), "{error}");
}

#[test]
fn a_byte_now_and_then_does_not_prolong_an_answer() {
    let limits = Limits::new(LONG, Duration::from_millis(300), 10_000, &Ending::default());
    let begun = Instant::now();
    let (read, error) = read_all(&server(endlessly(b"x", Duration::from_millis(20))), &limits);
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(read < 1000 && begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

#[test]
fn answers_to_ever_new_questions_have_an_end_in_time_and_size() {
    let echoes = |mut stream: TcpStream| {
        let mut byte = [0];
        while stream.read_exact(&mut byte).is_ok() && stream.write_all(&[b'x'; 500]).is_ok() {}
    };
    let ask = |limits: &Limits| {
        let mut connection = Connection::open(&server(echoes), limits).unwrap();
        let mut buffer = [0; 500];
        loop {
            if let Err(error) = connection.write_all(b"?").and_then(|()| connection.read_exact(&mut buffer)) {
                return error;
            }
        }
    };
    let error = ask(&Limits::new(LONG, LONG, 1000, &Ending::default()));
    assert!(error.to_string().contains("longer than 16000 bytes altogether"), "{error}");
    let error = ask(&Limits::new(Duration::from_millis(300), LONG, 1 << 40, &Ending::default()));
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_server_that_reads_nothing_is_written_to_no_longer_than_a_step() {
    let addresses = server(|stream| {
        thread::sleep(LONG);
        drop(stream);
    });
    let limits = Limits::new(LONG, Duration::from_millis(200), 1000, &Ending::default());
    let mut connection = Connection::open(&addresses, &limits).unwrap();
    let error = connection.write_all(&vec![0; 64 << 20]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn the_end_of_nad_cuts_a_conversation_short() {
    let ending = Ending::default();
    let limits = Limits::new(LONG, LONG, 1000, &ending);
    let addresses = server(|stream| {
        thread::sleep(LONG);
        drop(stream);
    });
    let mut connection = Connection::open(&addresses, &limits).unwrap();
    let reading = thread::spawn(move || connection.read(&mut [0; 10]).unwrap_err().kind());
    ending.begin(Instant::now());
    assert_eq!(reading.join().unwrap(), io::ErrorKind::TimedOut);
    assert_eq!(Connection::open(&addresses, &limits).unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[cfg(feature = "mail")]
#[test]
fn by_line_what_follows_a_line_is_left_to_who_reads_next() {
    let addresses = server(|mut stream| {
        stream.write_all(b"220 go ahead\r\n250 too early\r\n").unwrap();
        thread::sleep(LONG);
    });
    let limits = Limits::new(LONG, LONG, 1000, &Ending::default());
    let mut connection = Connection::open(&addresses, &limits).unwrap().by_line();
    let mut read = String::new();
    for line in ["220 go ahead\r\n", "250 too early\r\n"] {
        read.clear();
        while !read.ends_with('\n') {
            let mut buffer = [0; 100];
            let count = connection.read(&mut buffer).unwrap();
            read += std::str::from_utf8(&buffer[..count]).unwrap();
        }
        assert_eq!(read, line);
    }
}

#[test]
fn each_address_has_its_share_of_the_time_and_the_last_refusal_is_told() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let limits = Limits::new(LONG, LONG, 1000, &Ending::default());
    let error = Connection::open(&[dead, dead], &limits).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let live = server(drop)[0];
    assert!(Connection::open(&[dead, live], &limits).is_ok());
    assert!(Connection::open(&[], &limits).unwrap_err().to_string().contains("no address"));
}
