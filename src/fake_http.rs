//! An HTTP server for unit tests of clients, whatever they speak: each request gets the reaction that the test gives it,
//! down to the bytes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use url::Url;

/// A request as the server got it.
#[derive(Clone, Debug)]
pub struct Got {
    pub method: String,
    pub path: String,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

/// What the server does about it.
pub enum Reaction {
    /// A whole answer.
    Answer(u16, String),
    /// A whole answer with one more header.
    With(u16, &'static str, &'static str, String),
    /// These bytes and then the end of the connection.
    Raw(Vec<u8>),
    /// Closes the connection without a byte.
    Close,
    /// These bytes and then silence, until the client goes away.
    Stall(Vec<u8>),
    /// A success whose body comes in pieces, each after so long, and then in whichever way it ends.
    Pieces(Vec<(Duration, Vec<u8>)>, End),
}

/// How a body in pieces ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As it should.
    Told,
    /// The connection is closed.
    Cut,
    /// Nothing comes, until the client goes away.
    Never,
}

/// A running server; it ends on drop.
pub struct FakeServer {
    pub url: Url,
    got: Arc<Mutex<Vec<Got>>>,
    hung_up: Arc<Notify>,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

type React = dyn Fn(&Got, usize) -> Reaction + Send + Sync;

impl FakeServer {
    /// Answers each request by `react`, which is told how many requests for the same path came before.
    pub async fn new(react: impl Fn(&Got, usize) -> Reaction + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), react)
    }

    /// As [`new`](Self::new), on a given address.
    pub fn on(listener: TcpListener, react: impl Fn(&Got, usize) -> Reaction + Send + Sync + 'static) -> Self {
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let hung_up = Arc::new(Notify::new());
        let (log, bell, react): (_, _, Arc<React>) = (Arc::clone(&got), Arc::clone(&hung_up), Arc::new(react));
        let connections = Arc::new(AtomicUsize::new(0));
        let accepted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&log), Arc::clone(&bell), Arc::clone(&react)));
            }
        });
        Self { url, got, hung_up, connections, task }
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Until a client goes away from a [`Reaction::Stall`].
    pub async fn until_hung_up(&self) {
        self.hung_up.notified().await;
    }

    /// The requests for a path, in order.
    pub fn got(&self, path: &str) -> Vec<Got> {
        self.got.lock().unwrap().iter().filter(|got| got.path == path).cloned().collect()
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, log: Arc<Mutex<Vec<Got>>>, hung_up: Arc<Notify>, react: Arc<React>) {
    while let Some(got) = read_request(&mut stream).await {
        let reaction = {
            let mut log = log.lock().unwrap();
            let before = log.iter().filter(|other| other.path == got.path).count();
            log.push(got.clone());
            react(&got, before)
        };
        let (status, header, body) = match reaction {
            Reaction::Answer(status, body) => (status, String::new(), body),
            Reaction::With(status, name, value, body) => (status, format!("{name}: {value}\r\n"), body),
            Reaction::Close => return,
            Reaction::Raw(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Reaction::Pieces(pieces, end) => {
                if write_pieces(&mut stream, pieces, end).await.is_err() || end == End::Cut {
                    return;
                }
                if end == End::Never {
                    let _ = stream.read_u8().await;
                    hung_up.notify_one();
                    return;
                }
                continue;
            }
            Reaction::Stall(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.read_u8().await;
                hung_up.notify_one();
                return;
            }
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} X\r\n{header}content-length: {length}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn write_pieces(stream: &mut TcpStream, pieces: Vec<(Duration, Vec<u8>)>, end: End) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n").await?;
    for (pause, piece) in pieces {
        tokio::time::sleep(pause).await;
        let head = format!("{:x}\r\n", piece.len());
        stream.write_all(&[head.as_bytes(), &piece, b"\r\n"].concat()).await?;
    }
    if end == End::Told { stream.write_all(b"0\r\n\r\n").await } else { Ok(()) }
}

async fn read_request(stream: &mut TcpStream) -> Option<Got> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = serde_json::from_slice(&bytes[end + 4..]).unwrap_or(Value::Null);
    Some(Got { method: first.next()?.to_owned(), path: first.next()?.to_owned(), headers, body })
}
