//! Connections of which there are not too many, and none that is held for ever.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep},
};

/// Connections at a time; more wait until one ends. Each takes one of the process's files, which outputs need, too.
const MOST: usize = 32;
/// A connection is closed where nothing was answered for so long: longer than Prometheus usually waits between scrapes.
const LONGEST_SILENCE: Duration = Duration::from_secs(75);

/// Accepts connections.
pub(super) struct Bounded {
    listener: TcpListener,
    room: Arc<Semaphore>,
    longest_silence: Duration,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, room: Arc::new(Semaphore::new(MOST)), longest_silence: LONGEST_SILENCE }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // It is never closed, so there is always a permit in the end.
        let permit = Arc::clone(&self.room).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let silence = self.longest_silence;
        let deadline = Box::pin(tokio::time::sleep(silence));
        (Connection { stream, deadline, silence, _permit: permit }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection, one of not too many.
pub(super) struct Connection {
    stream: TcpStream,
    /// Moved on by answers only, not by what comes in: who sends a byte now and then holds nothing.
    deadline: Pin<Box<Sleep>>,
    silence: Duration,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// An error instead of waiting on where the time is over.
    fn or_too_late<T>(
        &mut self,
        poll: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if poll.is_pending() && self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        poll
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_read(context, buffer);
        this.or_too_late(poll, context)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write(context, bytes);
        if poll.is_ready() {
            this.deadline.as_mut().reset(Instant::now() + this.silence);
        }
        this.or_too_late(poll, context)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net,
    };

    use axum::Router;

    use super::*;

    #[test]
    fn who_holds_a_connection_without_asking_loses_it_also_when_a_byte_comes_now_and_then() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let room = Arc::new(Semaphore::new(1));
        let bounded = Bounded { listener, room, longest_silence: Duration::from_millis(300) };
        let router = Router::new().fallback(|| async { "here" });
        runtime.spawn(async move { axum::serve(bounded, router).await });
        let asker = std::thread::spawn(move || {
            let mut idler = net::TcpStream::connect(address).unwrap();
            for byte in b"GET" {
                // The last ones may meet a connection that is closed.
                let _ = idler.write_all(&[*byte]);
                std::thread::sleep(Duration::from_millis(150));
            }
            // There is room for one: without the first one's end, this would wait for ever.
            let mut stream = net::TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: nad\r\nConnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        let answered = runtime.block_on(async {
            while !asker.is_finished() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            asker.join().unwrap()
        });
        assert!(answered.ends_with("here"), "{answered}");
    }
}
