//! What nad tells the service manager that started it (systemd, or another that sets `NOTIFY_SOCKET`): the protocol of
//! sd_notify(3).
//!
//! The socket is connected once, before the sandbox, in which no socket can be made; so there is no library for it, as those
//! make one for each message. A message that there is no room for is left out: nad never waits for the service manager.

use std::{
    env,
    ffi::{OsStr, OsString},
    fmt,
    io::{self, ErrorKind},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    sync::Arc,
    time::Duration,
};

use crate::{clock, text};

/// Where messages go; nowhere without a service manager.
#[derive(Debug, Clone, Default)]
pub struct ServiceManager {
    socket: Option<Arc<UnixDatagram>>,
    watchdog: Option<Duration>,
}

/// Why a service manager can't be told anything, though there is one.
#[derive(Debug, thiserror::Error)]
#[error(
    "the service manager can't be told anything, and may take nad for one that does not start: NOTIFY_SOCKET {}: {cause}; \
     unset it, or start nad where it leads to a socket",
    text::escaped(&socket.to_string_lossy())
)]
pub struct Unreachable {
    socket: OsString,
    cause: io::Error,
}

impl ServiceManager {
    /// The one that the environment names: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`. Must be called before the
    /// sandbox is entered.
    ///
    /// # Errors
    ///
    /// When the socket that is named can't be connected to.
    pub fn of_environment() -> Result<Self, Unreachable> {
        let Some(socket) = env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else {
            return Ok(Self::default());
        };
        let number = |name| env::var(name).ok()?.parse::<u64>().ok();
        let watchdog = watchdog(number("WATCHDOG_USEC"), number("WATCHDOG_PID"));
        match connect(&socket) {
            Ok(connected) => Ok(Self { socket: Some(Arc::new(connected)), watchdog }),
            Err(cause) => Err(Unreachable { socket, cause }),
        }
    }

    /// Nad works, or has read its settings again.
    pub fn ready(&self) {
        self.tell(format_args!("READY=1"));
    }

    /// Settings are being read again; [`Self::ready`] ends that.
    pub fn reloading(&self) {
        self.tell(format_args!("RELOADING=1\nMONOTONIC_USEC={}", clock::kernel_ns() / 1000));
    }

    /// Nad is about to end.
    pub fn stopping(&self) {
        self.tell(format_args!("STOPPING=1"));
    }

    /// How things are, in a line for people.
    pub fn status(&self, line: &str) {
        self.tell(format_args!("STATUS={}", text::escaped(line)));
    }

    /// Gives signs of life as long as `is_alive` takes it that there are any, which is asked for how long ago the last may be.
    /// Without a watchdog, nothing is done. There must be a runtime of tokio.
    pub fn keep_alive(&self, is_alive: impl Fn(Duration) -> bool + Send + 'static) {
        let Some(every) = self.watchdog.map(|limit| limit / 2) else { return };
        let manager = self.clone();
        tokio::spawn(async move {
            let mut interval = tokio::time::interval(every);
            loop {
                interval.tick().await;
                if is_alive(every) {
                    manager.tell(format_args!("WATCHDOG=1"));
                }
            }
        });
    }

    fn tell(&self, message: fmt::Arguments<'_>) {
        if let Some(socket) = &self.socket {
            // A service manager that has gone, or that does not read, is no reason to stop.
            let _ = socket.send(message.to_string().as_bytes());
        }
    }
}

/// The time within which signs of life are expected, where they are and from this process.
fn watchdog(microseconds: Option<u64>, process: Option<u64>) -> Option<Duration> {
    let is_ours = process.is_none_or(|process| process == u64::from(std::process::id()));
    // Half of it has to be a time that a timer can wait for.
    microseconds.filter(|microseconds| is_ours && *microseconds >= 2000).map(Duration::from_micros)
}

/// A path, or with `@` before it a name without a file (unix(7)).
fn connect(socket: &OsStr) -> io::Result<UnixDatagram> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(socket)?,
        _ => return Err(io::Error::new(ErrorKind::InvalidInput, "it is neither a path nor a name with @")),
    };
    let connected = UnixDatagram::unbound()?;
    connected.connect_addr(&address)?;
    connected.set_nonblocking(true)?;
    Ok(connected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manager(socket: &OsStr) -> ServiceManager {
        ServiceManager { socket: Some(Arc::new(connect(socket).unwrap())), watchdog: None }
    }

    fn received(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 4096];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn messages_arrive_at_a_path_and_at_a_name_without_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("@nad-notify-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name.as_bytes()[1..]).unwrap();
        for (socket, address) in
            [(path.as_os_str(), SocketAddr::from_pathname(&path).unwrap()), (name.as_ref(), abstract_name)]
        {
            let receiver = UnixDatagram::bind_addr(&address).unwrap();
            let manager = manager(socket);
            manager.ready();
            manager.status("a\nREADY=1\u{1b}[2J");
            manager.stopping();
            assert_eq!(received(&receiver), "READY=1");
            assert_eq!(received(&receiver), "STATUS=a\\nREADY=1\\u{1b}[2J", "a line, whatever is in it");
            assert_eq!(received(&receiver), "STOPPING=1");
            let before = clock::kernel_ns() / 1000;
            manager.reloading();
            let said = received(&receiver);
            let moment = said.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().parse().unwrap();
            assert!((before..=clock::kernel_ns() / 1000).contains(&moment), "{said}");
        }
    }

    #[test]
    fn one_that_does_not_read_or_has_gone_holds_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let manager = manager(path.as_os_str());
        (0..10_000).for_each(|_| manager.ready());
        assert_eq!(received(&receiver), "READY=1");
        drop(receiver);
        manager.stopping();
    }

    #[test]
    fn a_socket_that_is_none_is_named() {
        for socket in ["/nowhere/notify", "vsock:2:1234", "relative"] {
            let cause = connect(socket.as_ref()).unwrap_err();
            let error = Unreachable { socket: socket.into(), cause }.to_string();
            assert!(error.contains(&format!("NOTIFY_SOCKET {socket}: ")) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn signs_of_life_are_for_whom_they_are_asked() {
        let own = u64::from(std::process::id());
        assert_eq!(watchdog(Some(30_000_000), Some(own)), Some(Duration::from_secs(30)));
        assert_eq!(watchdog(Some(30_000_000), None), Some(Duration::from_secs(30)));
        assert_eq!(watchdog(Some(30_000_000), Some(own + 1)), None);
        assert_eq!(watchdog(Some(0), None), None);
        assert_eq!(watchdog(None, Some(own)), None);
    }
}
