//! Clients that would take all of a server, on loopback, and honest ones beside them.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use futures_util::future::join_all;
use futures_util::stream::unfold;
use prometheus::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::http::body::is_too_slow;
use crate::telemetry::metrics::text;

/// Long enough for who means it on a busy machine.
const LIMITS: Limits = Limits {
    room: Room { places: 100, guests: 4, waiting_of_one: 100 },
    head: Duration::from_secs(1),
    body: Duration::from_secs(1),
    idle: Duration::from_secs(3),
    taking: Duration::from_secs(1),
};
const PATIENCE: Duration = Duration::from_secs(30);

struct Running {
    address: SocketAddr,
    registry: Registry,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
    /// Event streams that are open.
    streams: Arc<AtomicUsize>,
}

/// What counts an event stream for as long as it lives.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a stream sends: little, but often.
fn events(streams: &Arc<AtomicUsize>, length: usize) -> Response {
    streams.fetch_add(1, Ordering::Relaxed);
    let open = Open(streams.clone());
    let pings = unfold(open, move |open| async move {
        sleep(Duration::from_millis(5)).await;
        Some((Ok::<_, Infallible>(vec![b'.'; length]), open))
    });
    Body::from_stream(pings).into_response()
}

async fn upload(body: Result<Bytes, BytesRejection>) -> StatusCode {
    match body {
        Ok(_) => StatusCode::OK,
        Err(error) if is_too_slow(&error) => StatusCode::REQUEST_TIMEOUT,
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

async fn start(limits: Limits) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, registry, streams) = (listener.local_addr().unwrap(), Registry::new(), Arc::new(AtomicUsize::new(0)));
    let (little, much) = (streams.clone(), streams.clone());
    let router = Router::new()
        .route("/", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string()))
        .route("/livez", get(async || "ok"))
        .route("/events", get(async move || events(&little, 32)))
        .route("/much", get(async move || events(&much, 64 * 1024)))
        .route("/upload", post(upload));
    let server = Server {
        router,
        limits,
        is_many: Box::new(|_| false),
        full: || StatusCode::SERVICE_UNAVAILABLE.into_response(),
        metrics: HttpMetrics::new(&registry).unwrap(),
    };
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(server.run(listener, async move { drop(stopped.await) }));
    Running { address, registry, stop, ended, streams }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Connects and says so much.
    async fn say(&self, words: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(words.as_bytes()).await.unwrap();
        stream
    }

    /// What is answered to an honest client.
    async fn ask(&self, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        rest(self.say(&request).await).await
    }

    fn counted(&self, reason: Cut) -> Option<u64> {
        let written = text(&self.registry).unwrap();
        let start = format!("http_connections_cut_total{{reason=\"{}\"}} ", reason.name());
        written.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok())
    }

    async fn until_streams_are(&self, count: usize) {
        let watching = async {
            while self.streams.load(Ordering::Relaxed) != count {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, watching).await.unwrap_or_else(|_| panic!("{:?} streams are open", self.streams));
    }
}

/// All that comes until the connection ends, however it ends.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it ends");
    String::from_utf8_lossy(&answer).into_owned()
}

/// A client that takes nothing of what it asked for: its window is small, and shut once it is full.
async fn shut(server: &Running, path: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2_048).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn who_sends_no_head_in_time_is_cut_off_and_others_are_served_meanwhile() {
    let server = start(LIMITS).await;
    let mut attackers = Vec::new();
    for words in ["", "GET / HTTP/1.1\r\nHost: a\r\nX-", "\r\n"] {
        for _ in 0..20 {
            attackers.push(server.say(words).await);
        }
    }
    assert!(server.ask("/").await.ends_with("127.0.0.1"));
    let answers = join_all(attackers.into_iter().map(rest)).await;
    assert!(answers.iter().all(String::is_empty));
    assert_eq!(server.counted(Cut::SlowHead), Some(60));
}

#[tokio::test]
async fn a_head_that_drips_is_cut_off_too() {
    let server = start(LIMITS).await;
    let mut stream = server.say("GET / HTTP/1.1\r\n").await;
    let began = Instant::now();
    while stream.write_all(b"X-A: b\r\n").await.is_ok() && began.elapsed() < PATIENCE {
        sleep(Duration::from_millis(50)).await;
    }
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(server.counted(Cut::SlowHead), Some(1));
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_answered_and_one_that_does_is_read() {
    let server = start(LIMITS).await;
    let head = "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
    let answer = rest(server.say(&format!("{head}a")).await).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(server.counted(Cut::SlowBody), Some(1));
    let answer = rest(server.say(&format!("{head}abcd")).await).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_dropped_and_one_that_reads_is_not() {
    let server = start(LIMITS).await;
    let mut honest = server.say("GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await;
    // One whose buffers are filled, and one whose stream says so little that they never would be.
    let (_much, _little) = (shut(&server, "/much").await, shut(&server, "/events").await);
    server.until_streams_are(3).await;
    let reading = async {
        let mut buffer = [0; 4_096];
        while honest.read(&mut buffer).await.unwrap() > 0 {}
        panic!("it ended");
    };
    tokio::select! {
        () = server.until_streams_are(1) => {}
        () = reading => {}
    }
    assert_eq!(server.counted(Cut::NotReading), Some(2));
}

#[tokio::test]
async fn idle_connections_keep_nobody_out() {
    let server = start(Limits { room: Room { places: 4, guests: 2, waiting_of_one: 100 }, ..LIMITS }).await;
    let mut idle = Vec::new();
    for _ in 0..50 {
        idle.push(server.connect().await);
        assert!(server.ask("/").await.starts_with("HTTP/1.1 200 "));
    }
    assert!(server.counted(Cut::GaveWay).is_some_and(|gone| gone >= 46));
    assert_eq!(server.counted(Cut::Full), None);
}

#[tokio::test]
async fn where_all_places_are_taken_health_is_told_and_the_rest_is_refused_until_places_come_back() {
    let server = start(Limits { room: Room { places: 3, guests: 2, waiting_of_one: 100 }, ..LIMITS }).await;
    let mut streams = Vec::new();
    for number in 1..=3 {
        streams.push(server.say("GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await);
        server.until_streams_are(number).await;
    }
    let refused = server.ask("/").await;
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("connection: close"), "{refused}");
    let _guests = (server.connect().await, server.connect().await);
    assert!(server.ask("/livez").await.ends_with("\r\n\r\nok"), "guests give way, too");
    assert_eq!(server.counted(Cut::Full), Some(1));
    streams.clear();
    server.until_streams_are(0).await;
    assert!(server.ask("/").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_connection_is_kept_for_more_requests_but_not_for_ever() {
    let server = start(LIMITS).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok") {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0);
        }
        // Longer than a head may take.
        sleep(LIMITS.head * 3 / 2).await;
    }
    assert_eq!((rest(stream).await.as_str(), server.counted(Cut::SlowHead)), ("", None));
}

#[tokio::test]
async fn a_head_may_be_so_long_and_no_longer() {
    let server = start(LIMITS).await;
    let with =
        |length: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: {}\r\n\r\n", "x".repeat(length));
    assert!(rest(server.say(&with(16 * 1024)).await).await.starts_with("HTTP/1.1 200 "));
    assert!(rest(server.say(&with(64 * 1024)).await).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn what_is_being_served_at_the_end_is_served_to_its_end() {
    let Running { address, stop, ended, .. } = start(LIMITS).await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    let mut uploading = TcpStream::connect(address).await.unwrap();
    uploading
        .write_all(b"POST /upload HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"100 Continue\r\n\r\n") {
        assert!(uploading.read_buf(&mut answer).await.unwrap() > 0);
    }
    stop.send(()).unwrap();
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0, "nobody waits for who is idle");
    uploading.write_all(b"ab").await.unwrap();
    assert!(rest(uploading).await.starts_with("HTTP/1.1 200 "));
    timeout(PATIENCE, ended).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
