//! Servers that mean harm, or are broken: none may take nad's memory or time, or keep it from ending.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    PIPED, counted, folder,
    sensor::{Folder, Ran},
    server::{Waiting, wait_for},
};

/// What a server does with each connection; it gives up once that fails.
type Act = fn(&mut Client) -> std::io::Result<()>;

/// The other end of a connection, and what was said to it.
struct Client {
    stream: TcpStream,
    said: Arc<AtomicU64>,
}

impl Client {
    fn say(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)?;
        self.said.fetch_add(bytes.len() as u64, Relaxed);
        Ok(())
    }

    fn endlessly(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        loop {
            self.say(bytes)?;
        }
    }

    /// A byte now and then, for ever.
    fn slowly(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        for byte in bytes.iter().cycle() {
            self.say(&[*byte])?;
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn silence(&mut self) -> std::io::Result<()> {
        // Until the other side has gone.
        let mut bytes = [0; 4096];
        while self.stream.read(&mut bytes)? > 0 {}
        Ok(())
    }

    /// The next line that it says.
    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        let mut byte = [0];
        while !line.ends_with('\n') {
            self.stream.read_exact(&mut byte)?;
            line.push(byte[0].into());
        }
        Ok(line)
    }

    /// Answers each of so many lines.
    fn dialogue(&mut self, answers: &[&str]) -> std::io::Result<()> {
        self.say(b"220 hostile\r\n")?;
        for answer in answers {
            self.line()?;
            self.say(format!("{answer}\r\n").as_bytes())?;
        }
        Ok(())
    }

    /// Reads the head and the body of a request.
    fn request(&mut self) -> std::io::Result<()> {
        let mut reader = BufReader::new(self.stream.try_clone()?);
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line)?;
            if let Some(number) = line.to_lowercase().strip_prefix("content-length: ") {
                length = number.trim().parse().unwrap();
            }
        }
        reader.read_exact(&mut vec![0; length])
    }
}

/// A server on loopback that serves as long as the test's process lives.
struct Hostile {
    port: u16,
    /// Bytes that it got rid of.
    said: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
}

impl Hostile {
    fn start(act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (said, connections) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let server = Self { port, said: Arc::clone(&said), connections: Arc::clone(&connections) };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Relaxed);
                let mut client = Client { stream, said: Arc::clone(&said) };
                thread::spawn(move || act(&mut client));
            }
        });
        server
    }

    fn email(&self, more: &str) -> String {
        format!(
            "[email]\nenabled = true\nsender = \"nad@example.org\"\nreceivers = [\"a@example.org\"]\nserver = \
             \"127.0.0.1\"\nport = {}\ntimeout = \"1s\"\n{more}\n",
            self.port
        )
    }

    fn webhook(&self, scheme: &str, more: &str) -> String {
        format!("[[webhook]]\nurl = \"{scheme}://127.0.0.1:{}/quiet\"\ntimeout = \"2s\"\n{more}\n", self.port)
    }
}

/// What nad says of a test message to a server, with little memory.
fn tested(output: &str, config: &str) -> (Ran, Duration) {
    let folder = Folder::new();
    folder.write("nad.toml", config);
    let command = folder.command();
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -v 1000000; exec \"$0\" test-output \"$1\""])
        .arg(command.get_program())
        .arg(output)
        .current_dir(&folder);
    let begun = Instant::now();
    (Ran::of(&mut limited), begun.elapsed())
}

#[test]
fn no_mail_server_takes_more_than_a_little_memory_and_time() {
    let clear = "security = \"none\"";
    let cases: [(&str, &str, &str, Act); 13] = [
        ("greeting without an end", clear, "longer than", |c| c.endlessly(&[b'x'; 65536])),
        ("greeting of zeros", clear, "longer than", |c| c.endlessly(&[0; 65536])),
        ("greeting of many lines", clear, "long", |c| c.endlessly(&b"220-hostile\r\n".repeat(1000))),
        ("greeting byte by byte", clear, "no answer in time", |c| c.slowly(b"220-hostile\r\n")),
        ("no greeting", clear, "no answer in time", Client::silence),
        ("extensions without an end", clear, "long", |c| {
            c.dialogue(&[])?;
            c.line()?;
            c.endlessly(&b"250-X-HOSTILE\r\n".repeat(1000))
        }),
        ("no word to the mail", clear, "no answer in time", |c| {
            c.dialogue(&["250 hostile", "250 ok", "250 ok", "354 go on"])?;
            c.silence()
        }),
        ("a word to the mail without an end", clear, "longer than", |c| {
            c.dialogue(&["250 hostile", "250 ok", "250 ok", "354 go on"])?;
            c.endlessly(&[b'2'; 65536])
        }),
        ("starttls without a handshake", "", "no answer in time", |c| {
            c.dialogue(&["250-hostile\r\n250 STARTTLS", "220 go on"])?;
            c.silence()
        }),
        ("starttls with noise", "", "", |c| {
            c.dialogue(&["250-hostile\r\n250 STARTTLS", "220 go on"])?;
            c.endlessly(&[0x16; 65536])
        }),
        ("starttls with answers in clear", "", "", |c| {
            // Answers that were said too early may not be taken for those of the encrypted conversation.
            let early = "220 go on\r\n250 hostile\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 taken";
            c.dialogue(&["250-hostile\r\n250 STARTTLS", early])?;
            c.silence()
        }),
        ("tls without a handshake", "security = \"tls\"", "no answer in time", Client::silence),
        ("tls with a record byte by byte", "security = \"tls\"", "no answer in time", |c| {
            c.say(&[0x16, 3, 3, 0x40, 0])?;
            c.slowly(&[2, 0, 0x3f, 0xfc, 3, 3])
        }),
    ];
    for (name, more, expected, act) in cases {
        let server = Hostile::start(act);
        let (ran, took) = tested("email", &server.email(more));
        let ran = ran.exits(1);
        assert!(
            ran.stderr.starts_with("error: e-mail to a@example.org by 127.0.0.1:"),
            "{name}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains(expected) && ran.stderr.lines().count() == 1, "{name}: {}", ran.stderr);
        assert!(took < Duration::from_secs(8), "{name}: {took:?}");
        // What fits into the buffers of two sockets; 6 GB were read once.
        assert!(server.said.load(Relaxed) < 32 << 20, "{name}: {}", server.said.load(Relaxed));
    }
}

#[test]
fn answers_each_in_time_do_not_prolong_a_conversation() {
    let server = Hostile::start(|client| {
        client.dialogue(&["250 hostile"])?;
        loop {
            client.line()?;
            thread::sleep(Duration::from_millis(700));
            client.say(b"250 ok\r\n")?;
        }
    });
    let receivers: Vec<String> = (0..100).map(|number| format!("\"r{number}@example.org\"")).collect();
    let config = server.email("security = \"none\"");
    let config = config.replace("\"a@example.org\"", &receivers.join(", "));
    let (ran, took) = tested("email", &config);
    assert!(ran.exits(1).stderr.contains("no answer in time"));
    // Three times the timeout.
    assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn a_mail_that_was_taken_is_taken_whatever_becomes_of_the_goodbye() {
    let server = Hostile::start(|client| {
        client.dialogue(&["250 hostile", "250 ok", "250 ok", "354 go on"])?;
        while client.line()? != ".\r\n" {}
        client.say(b"250 taken\r\n")?;
        client.silence()
    });
    let (ran, took) = tested("email", &server.email("security = \"none\""));
    assert!(ran.exits(0).stdout.contains("taken: 250 taken"));
    assert!(took < Duration::from_secs(6), "{took:?}");
}

#[test]
fn no_webhook_takes_more_than_a_little_memory_and_time() {
    let cases: [(&str, &str, &str, Act); 12] = [
        ("no answer", "http", "no answer in time", Client::silence),
        ("a head byte by byte", "http", "no answer in time", |c| {
            c.request()?;
            c.say(b"HTTP/1.1 200 OK\r\nX-Slow: ")?;
            c.slowly(b"x")
        }),
        ("a status without an end", "http", "", |c| c.endlessly(&b"HTTP/1.1 200 OK".repeat(1000))),
        ("a header without an end", "http", "", |c| {
            c.request()?;
            c.say(b"HTTP/1.1 200 OK\r\nX-Long: ")?;
            c.endlessly(&[b'x'; 65536])
        }),
        ("headers without an end", "http", "", |c| {
            c.request()?;
            c.say(b"HTTP/1.1 200 OK\r\n")?;
            c.endlessly(&b"X-Many: yes\r\n".repeat(1000))
        }),
        ("more and more to come", "http", "", |c| {
            c.endlessly(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000))
        }),
        ("noise", "http", "", |c| c.endlessly(&[0; 65536])),
        ("a redirect to itself", "http", "redirects are not followed", |c| {
            c.request()?;
            c.say(b"HTTP/1.1 302 Found\r\nLocation: /quiet\r\nContent-Length: 0\r\n\r\n")
        }),
        ("a refusal without an end", "http", "it refused with 403", |c| {
            c.request()?;
            c.say(b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            c.endlessly(b"1000\r\n")
        }),
        ("no handshake", "https", "no answer in time", Client::silence),
        ("a handshake byte by byte", "https", "no answer in time", |c| {
            c.say(&[0x16, 3, 3, 0x40, 0])?;
            c.slowly(&[2, 0, 0x3f, 0xfc, 3, 3])
        }),
        ("a handshake of noise", "https", "", |c| c.endlessly(&[0x16; 65536])),
    ];
    for (name, scheme, expected, act) in cases {
        let server = Hostile::start(act);
        let (ran, took) = tested("webhook", &server.webhook(scheme, ""));
        let ran = ran.exits(1);
        assert!(ran.stderr.contains(expected) && ran.stderr.lines().count() == 1, "{name}: {}", ran.stderr);
        assert!(took < Duration::from_secs(8), "{name}: {took:?}");
        assert!(server.said.load(Relaxed) < 32 << 20, "{name}: {}", server.said.load(Relaxed));
        assert_eq!(server.connections.load(Relaxed), 1, "{name}");
    }
}

#[test]
fn an_answer_whose_words_have_no_end_is_an_answer() {
    let cases: [Act; 3] = [
        |c| {
            c.request()?;
            c.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            c.endlessly(&b"1000\r\n".iter().chain(&[b'x'; 4096]).chain(b"\r\n").copied().collect::<Vec<_>>())
        },
        |c| {
            c.request()?;
            c.say(b"HTTP/1.1 200 OK\r\n\r\n")?;
            c.slowly(b"x")
        },
        |c| {
            c.request()?;
            c.say(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")?;
            c.silence()
        },
    ];
    for act in cases {
        let server = Hostile::start(act);
        let (ran, took) = tested("webhook", &server.webhook("http", ""));
        assert!(ran.exits(0).stdout.contains("taken: 200 OK"));
        assert!(took < Duration::from_secs(6), "{took:?}");
    }
}

/// What nad says once it was asked to end while it waits for servers, and how long it took.
fn ended_by_signal(folder: &Folder, is_connected: impl FnMut() -> bool) -> (String, Duration) {
    let nad = Waiting::start(folder, PIPED);
    wait_for("nad connects", is_connected);
    let kill = Command::new("kill").args(["-s", "TERM", &nad.nad.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let begun = Instant::now();
    let said = nad.finish_open();
    (said, begun.elapsed())
}

#[test]
fn nad_ends_in_time_whatever_servers_do_and_says_what_they_were_not_told() {
    let acts: [Act; 2] = [Client::silence, |client| client.slowly(b"220-hostile\r\n")];
    for act in acts {
        let (mail, hook) = (Hostile::start(act), Hostile::start(act));
        // Far more time than nad has at its end.
        let config = mail.email("security = \"none\"") + &hook.webhook("http", "");
        let config = config.replace("\"1s\"", "\"60s\"").replace("\"2s\"", "\"60s\"");
        let folder = folder(&config);
        let is_connected = || mail.connections.load(Relaxed) > 0 && hook.connections.load(Relaxed) > 0;
        let (said, took) = ended_by_signal(&folder, is_connected);
        assert!(took < Duration::from_secs(6), "{took:?}\n{said}");
        for output in
            [format!("e-mail by 127.0.0.1:{}", mail.port), format!("webhook http://127.0.0.1:{}", hook.port)]
        {
            let counts = counted(&said, &output);
            assert!(counts.contains("0 delivered, ") && counts.contains(" failed"), "{counts}");
        }
    }
}

#[test]
fn what_a_webhook_was_not_told_at_the_end_is_in_its_spool() {
    let hook = Hostile::start(Client::silence);
    let config = hook.webhook("http", "spool = \"spool\"").replace("\"2s\"", "\"60s\"");
    let folder = folder(&config);
    let (said, took) = ended_by_signal(&folder, || hook.connections.load(Relaxed) > 0);
    assert!(took < Duration::from_secs(6), "{took:?}\n{said}");
    let waiting = std::fs::read_dir(folder.path("spool")).unwrap();
    let waiting =
        waiting.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "json"));
    let waiting = waiting.count();
    assert!(waiting >= 2, "opened and closed: {waiting}");
    assert!(said.contains(&format!("{waiting} messages wait in the spool for the next start")), "{said}");
    assert!(!said.contains(" delivered, "), "none of them counts as failed: {said}");
}
