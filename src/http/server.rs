//! The accept loop of whatever is served: no client can take all of it, and whoever looks after the process is answered
//! whatever others do.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::http::body::{Holding, InTime};
use crate::http::group::Group;
use crate::http::places::{Entry, Places, Room};
use crate::http::watched::{Phase, Watched};
use crate::open_files;
use crate::telemetry::http::{Cut, HttpMetrics};

/// Longest head of a request, in bytes; what is written waits in as much.
const HEAD_MAX_BYTES: usize = 32 * 1024;
/// How long no file is opened once there were none left.
const NO_FILES_PAUSE: Duration = Duration::from_millis(100);
/// How often the log tells that connections had to give way or were refused.
const TELL_AGAIN: Duration = Duration::from_secs(60);
/// What is answered even where all places are taken.
const HEALTH: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// How much of a server its clients may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub room: Room,
    /// How long a request's head may take.
    pub head: Duration,
    /// How long its body may take, beside a second for each 4 KiB.
    pub body: Duration,
    /// How long a connection is kept for another request: longer than proxies keep theirs, or they would meet the end of it.
    pub idle: Duration,
    /// How long nothing may be taken of an answer.
    pub taking: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            room: Room { places: 256, guests: 64, waiting_of_one: 256 },
            head: Duration::from_secs(10),
            body: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            taking: Duration::from_secs(60),
        }
    }
}

/// What is served, and within which limits.
pub struct Server {
    pub router: Router,
    pub limits: Limits,
    /// Whether an address stands for many clients.
    pub is_many: Box<dyn Fn(IpAddr) -> bool + Send>,
    /// What is answered while all places are taken.
    pub full: fn() -> Response,
    pub metrics: HttpMetrics,
}

impl Server {
    /// Serves until `stop` is done, and then until the last connection has ended.
    pub async fn run(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let Self { router, mut limits, is_many, full, metrics } = self;
        limits.room.places = open_files::most_connections(limits.room.places);
        let shared = Shared {
            service: TowerToHyperService::new(router),
            places: Arc::new(Mutex::new(Places::new(limits.room))),
            limits,
            full,
            metrics,
        };
        let (stopping, stopped) = watch::channel(false);
        let (mut stop, mut connections) = (pin!(stop), JoinSet::new());
        let mut told = None;
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                Some(_) = connections.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let connection = shared.admit(stream, peer, is_many(peer.ip()), &mut told);
                    connections.spawn(connection.serve(stopped.clone()));
                }
                // Who came has gone again.
                Err(error) if is_of_connection(&error) => {}
                Err(error) => {
                    shared.metrics.cut(Cut::NoFiles);
                    tell(&mut told, || tracing::error!(%error, "no connection can be accepted"));
                    shared.metrics.cut_all(Cut::GaveWay, shared.places().make_room());
                    sleep(NO_FILES_PAUSE).await;
                }
            }
        }
        drop(listener);
        stopping.send_replace(true);
        while connections.join_next().await.is_some() {}
    }
}

fn is_of_connection(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused)
}

/// Tells it, unless it was told just before.
fn tell(told: &mut Option<Instant>, say: impl FnOnce()) {
    if told.is_none_or(|told| told.elapsed() >= TELL_AGAIN) {
        *told = Some(Instant::now());
        say();
    }
}

/// What the connections share.
#[derive(Clone)]
struct Shared {
    service: TowerToHyperService<Router>,
    places: Arc<Mutex<Places>>,
    limits: Limits,
    full: fn() -> Response,
    metrics: HttpMetrics,
}

impl Shared {
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr, is_many: bool, told: &mut Option<Instant>) -> Connection {
        let (end, ended) = oneshot::channel();
        let (id, entry, gone) = self.places().arrive(Group::of(peer.ip()), is_many, end);
        self.metrics.cut_all(Cut::GaveWay, gone);
        if entry == Entry::Guest {
            tell(told, || tracing::warn!("all connections are taken: whoever comes is told to come again"));
        }
        self.metrics.connections.inc();
        let place = Arc::new(Place { id, phase: Arc::new(Phase::new()), shared: self.clone() });
        Connection { stream, peer, entry, ended, place }
    }
}

/// A connection's place, from when it came to when it has gone.
struct Place {
    id: u64,
    phase: Arc<Phase>,
    shared: Shared,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.places().leave(self.id);
        self.shared.metrics.connections.dec();
    }
}

/// A request that is being served, until its answer has been taken.
struct Serving(Arc<Place>);

impl Serving {
    fn begin(place: &Arc<Place>) -> Self {
        place.phase.begin();
        place.shared.places().begin(place.id);
        Self(place.clone())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.phase.rest();
        self.0.shared.places().rest(self.0.id);
    }
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    entry: Entry,
    /// Somebody else needs its place.
    ended: oneshot::Receiver<()>,
    place: Arc<Place>,
}

impl Connection {
    async fn serve(self, mut stopped: watch::Receiver<bool>) {
        let Self { stream, peer, entry, ended, place } = self;
        let Shared { limits, metrics, .. } = place.shared.clone();
        let watched = Watched::new(stream, place.phase.clone(), limits.head, limits.taking, metrics);
        let answer = service_fn(move |request| answer(place.clone(), peer, entry, request));
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .max_buf_size(HEAD_MAX_BYTES)
            .serve_connection(TokioIo::new(watched), answer);
        let mut served = pin!(served);
        tokio::select! {
            biased;
            // It ends where it is: nothing was being served.
            Ok(()) = ended => return,
            // What went wrong is its other end's doing, who may have gone.
            _ = served.as_mut() => return,
            _ = stopped.wait_for(|stopped| *stopped) => served.as_mut().graceful_shutdown(),
        }
        let _ = served.await;
    }
}

async fn answer(
    place: Arc<Place>,
    peer: SocketAddr,
    entry: Entry,
    request: Request<Incoming>,
) -> Result<Response<Holding<Body, Serving>>, Infallible> {
    let serving = Serving::begin(&place);
    let Shared { service, limits, full, metrics, .. } = &place.shared;
    let mut response = if entry == Entry::Guest && !HEALTH.contains(&request.uri().path()) {
        metrics.cut(Cut::Full);
        full()
    } else {
        let counted = metrics.clone();
        let in_time = |body| Body::new(InTime::new(body, limits.body, move || counted.cut(Cut::SlowBody)));
        let mut request = request.map(in_time);
        request.extensions_mut().insert(ConnectInfo(peer));
        service.call(request).await?
    };
    if entry == Entry::Guest {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Holding::new(body, serving)))
}

#[cfg(test)]
mod tests;
