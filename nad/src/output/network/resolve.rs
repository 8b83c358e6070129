//! Names to addresses, by the system's resolver, which nobody can interrupt: it has a thread of its own for each question,
//! and is waited for as long as the conversation may last.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::{
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Instant,
};

use super::{Limits, SLICE};

/// Questions that may be open at a time, also those that nobody waits for any more.
const MOST_OPEN: usize = 4;
/// Addresses of a name that are tried.
const MOST_ADDRESSES: usize = 8;

static OPEN: Asking = Asking(AtomicUsize::new(0));

/// The addresses of a host's name, or the address that it is.
///
/// # Errors
///
/// When there is none, or no answer in time.
pub(in crate::output) fn resolve(host: &str, port: u16, limits: &Limits) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let host = host.to_owned();
    OPEN.ask(limits, move || (host.as_str(), port).to_socket_addrs().map(Vec::from_iter))
}

/// How many questions are open.
struct Asking(AtomicUsize);

impl Asking {
    fn ask(
        &'static self,
        limits: &Limits,
        question: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
    ) -> io::Result<Vec<SocketAddr>> {
        let begun = Instant::now();
        if self.0.fetch_add(1, Relaxed) >= MOST_OPEN {
            self.0.fetch_sub(1, Relaxed);
            return Err(io::Error::other(format!(
                "{MOST_OPEN} names are looked up already without an answer; look at the name servers of this machine"
            )));
        }
        let open = Open(self);
        let (answer, answered) = mpsc::sync_channel(1);
        let ask = move || {
            let found = question();
            drop(open);
            // Who has asked may have gone.
            let _ = answer.send(found);
        };
        thread::Builder::new().name("nad-resolve".into()).spawn(ask)?;
        loop {
            let left = limits.left(begun)?;
            match answered.recv_timeout(left.min(SLICE)) {
                Ok(answer) => {
                    let mut addresses = answer?;
                    addresses.truncate(MOST_ADDRESSES);
                    return Ok(addresses);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("the resolver failed"));
                }
            }
        }
    }
}

/// A question that is open.
struct Open(&'static Asking);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::output::ending::Ending;

    static HANGING: Asking = Asking(AtomicUsize::new(0));

    #[test]
    fn a_resolver_that_hangs_is_waited_for_no_longer_than_the_limits_give_and_has_few_threads() {
        let limits =
            || Limits::new(Duration::from_millis(50), Duration::from_secs(9), 100, &Ending::default());
        let hangs = || {
            HANGING.ask(&limits(), || {
                thread::sleep(Duration::from_secs(3600));
                Ok(Vec::new())
            })
        };
        for _ in 0..MOST_OPEN {
            assert_eq!(hangs().unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
        let error = hangs().unwrap_err().to_string();
        assert!(error.contains("look at the name servers"), "{error}");
        assert_eq!(HANGING.0.load(Relaxed), MOST_OPEN);
    }

    #[test]
    fn the_end_of_nad_ends_the_waiting() {
        static ASKING: Asking = Asking(AtomicUsize::new(0));
        let ending = Ending::default();
        let limits = Limits::new(Duration::from_secs(3600), Duration::from_secs(3600), 100, &ending);
        ending.begin(Instant::now());
        let asked = ASKING.ask(&limits, || {
            thread::sleep(Duration::from_secs(3600));
            Ok(Vec::new())
        });
        assert_eq!(asked.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn an_address_needs_no_resolver_and_a_name_gives_its_addresses() {
        let limits = Limits::new(Duration::from_secs(30), Duration::from_secs(30), 100, &Ending::default());
        assert_eq!(resolve("::1", 25, &limits).unwrap(), ["[::1]:25".parse().unwrap()]);
        assert!(resolve("localhost", 25, &limits).unwrap().iter().all(|address| address.ip().is_loopback()));
        assert_eq!(OPEN.0.load(Relaxed), 0);
    }
}
