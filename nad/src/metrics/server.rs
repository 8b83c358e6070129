//! The HTTP server: three pages, on a thread of its own.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::{
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use nad_engine::ledger::Tally;
use tokio::sync::oneshot;

use super::{
    Format, Latencies, SourceReader, Vitals,
    asked::Names,
    connection::{Limits, Room},
};

/// Bytes of the head of a request.
const LONGEST_HEAD: usize = 16 << 10;
/// How long is waited where a connection can't be taken, because there are too many open files.
const PAUSE: Duration = Duration::from_millis(200);

/// The settings in force of what serves metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsConfig {
    /// An address of this machine and a port, 0 for any that is free.
    pub listen: SocketAddr,
    /// Names, in lower case, that may be asked for besides addresses, `localhost` and the machine's own.
    pub hosts: Vec<String>,
}

/// Why metrics can't be served.
#[derive(Debug, thiserror::Error)]
#[error(
    "metrics can't be served at {address}: {cause}; choose another address with --metrics or `listen` of [metrics]"
)]
pub struct MetricsError {
    address: SocketAddr,
    /// Told by the message, so not also as its source.
    cause: io::Error,
}

/// A place to serve metrics at that nobody else has.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    names: Names,
    latencies: Latencies,
}

impl Listener {
    /// Takes the address, and warns where others than this machine can reach it.
    ///
    /// # Errors
    ///
    /// When the address is in use, is none of this machine, or is not for nad to take.
    pub fn bind(config: MetricsConfig, latencies: Latencies) -> Result<Self, MetricsError> {
        let error = |cause| MetricsError { address: config.listen, cause };
        let socket = TcpListener::bind(config.listen).map_err(error)?;
        socket.set_nonblocking(true).map_err(error)?;
        let address = socket.local_addr().map_err(error)?;
        if !address.ip().is_loopback() {
            tracing::warn!(
                "metrics are served at {address} without a password to whoever reaches it; 127.0.0.1 is for this machine \
                 only"
            );
        }
        Ok(Self { socket, address, names: Names::new(config.hosts), latencies })
    }

    /// Serves them from now on. Whoever starts it gives up privileges before, so that the thread has none.
    ///
    /// # Errors
    ///
    /// When the thread can't be started.
    pub fn serve(self, tally: Arc<Tally>, source: SourceReader) -> Result<Server, MetricsError> {
        let Self { socket, address, names, latencies } = self;
        let vitals = Vitals::new(tally, source, latencies);
        let (stop, stopped) = oneshot::channel();
        let error = |cause| MetricsError { address, cause };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(error)?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(socket).map_err(error)?
        };
        let router = router(vitals, names);
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    // It never ends by itself.
                    () = take_connections(listener, &router, Limits::default()) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name("nad-metrics".into()).spawn(serve).map_err(error)?;
        tracing::info!("metrics at http://{address}/metrics");
        Ok(Server { address, stop: Some(stop), thread: Some(thread) })
    }
}

/// The server, as long as there is this.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so, and nothing depends on it.
            let _ = thread.join();
        }
    }
}

/// Serves all that come. It never ends.
async fn take_connections(listener: tokio::net::TcpListener, router: &Router, limits: Limits) {
    let room = Room::new(limits);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let (connection, leaving) = room.enter(stream, peer.ip());
        let asked = connection.asked();
        let pages = TowerToHyperService::new(router.clone());
        let answer = service_fn(move |request| {
            asked.note();
            pages.call(request)
        });
        let served = http1::Builder::new()
            .max_buf_size(LONGEST_HEAD)
            .serve_connection(TokioIo::new(connection), answer);
        tokio::spawn(async move {
            tokio::select! {
                // What becomes of a connection concerns only who made it.
                _ = served => {}
                () = leaving.is_due() => {}
            }
        });
    }
}

fn router(vitals: Vitals, names: Names) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there are /metrics, /healthz and /readyz\n") })
        .layer(middleware::from_fn_with_state(Arc::new(names), refuse_strangers))
        .with_state(Arc::new(vitals))
}

async fn refuse_strangers(State(names): State<Arc<Names>>, request: Request, next: Next) -> Response {
    match names.refuse(&request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    }
}

async fn metrics(State(vitals): State<Arc<Vitals>>, headers: HeaderMap) -> Response {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let format = Format::accepted(accepted);
    match vitals.page(format) {
        Ok(page) => ([(header::CONTENT_TYPE, format.content_type())], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error + "\n").into_response(),
    }
}

async fn healthz(State(vitals): State<Arc<Vitals>>) -> Response {
    answer("alive", vitals.is_alive())
}

async fn readyz(State(vitals): State<Arc<Vitals>>) -> Response {
    answer("ready", vitals.is_ready())
}

fn answer(what: &str, is: Result<(), String>) -> Response {
    match is {
        Ok(()) => (StatusCode::OK, format!("{what}\n")).into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not {what}: {why}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests;
