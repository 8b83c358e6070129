//! The same connection for those who want a stream that is asynchronous: nobody is woken, but [`block_on`] looks again.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Connection, Waiting, is_pause};

/// What becomes of a future that waits for one connection only, whose limits end it.
pub(in crate::output) fn block_on<T>(waiting: &Waiting, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
        waiting.wait();
    }
}

impl Connection {
    /// The same, where no more than a line is read at a time: what a server says too early in clear is not taken for what it
    /// says once the connection is encrypted.
    pub(in crate::output) fn by_line(self) -> Self {
        Self { by_line: true, ..self }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.get_mut().read_now(buffer.initialize_unfilled());
        polled(read.map(|count| buffer.advance(count)))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // Where there is no room, there are few bytes of which it is better to wait for it here.
        Poll::Ready(self.get_mut().write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Whoever has gone needs not be told.
        let _ = self.socket.stream.shutdown(std::net::Shutdown::Write);
        Poll::Ready(Ok(()))
    }
}

impl AsyncTokioStream for Connection {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.stream.peer_addr()
    }
}

fn polled<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if is_pause(&error) => Poll::Pending,
        result => Poll::Ready(result),
    }
}
