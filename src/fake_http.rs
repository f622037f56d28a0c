//! An HTTP server for unit tests of clients, whatever they speak: each request gets the reaction that the test gives it,
//! down to the bytes.

use std::sync::{Arc, Mutex};

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
}

/// A running server; it ends on drop.
pub struct FakeServer {
    pub url: Url,
    got: Arc<Mutex<Vec<Got>>>,
    hung_up: Arc<Notify>,
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
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&log), Arc::clone(&bell), Arc::clone(&react)));
            }
        });
        Self { url, got, hung_up, task }
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
