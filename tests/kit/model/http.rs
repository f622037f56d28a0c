//! The wire of the model server. It speaks through hyper directly, because a framework would not let it break its word.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket};

use crate::kit::model::answer::How;

/// Connections that may come at the same moment.
const BACKLOG: u32 = 4096;

pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Who is behind the wire. An error breaks the connection.
pub trait Answers: Send + Sync + 'static {
    fn answer(&self, head: Parts, body: Bytes) -> impl Future<Output = io::Result<Response<Body>>> + Send;
}

/// Listens on a port of this machine.
pub fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}

/// Serves until it is dropped.
pub async fn serve(listener: TcpListener, answers: Arc<impl Answers>) -> Infallible {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // A client that goes away, and a staged break, both end a connection with an error.
        let _ = stream.set_nodelay(true);
        let answers = answers.clone();
        connections.spawn(async move {
            let service = service_fn(|request| read(&*answers, request));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn read(answers: &impl Answers, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    answers.answer(head, body).await
}

/// Does what an answer says.
pub async fn respond(how: How) -> io::Result<Response<Body>> {
    match how {
        How::Http { status, content_type, retry_after, body } => {
            let mut response = Response::builder().status(status).header("content-type", content_type);
            if let Some(value) = retry_after {
                response = response.header("retry-after", value);
            }
            Ok(response.body(full(body)).expect("a response"))
        }
        How::Reset => Err(broken()),
        How::Stall => std::future::pending().await,
        How::Truncated(body) => Ok(partly(&body, Some(broken()))),
        How::StallInBody(body) => Ok(partly(&body, None)),
    }
}

/// A JSON document with a status.
pub fn json(status: u16, body: impl Into<Bytes>) -> Response<Body> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(full(body)).expect("a response")
}

pub fn full(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// What makes hyper break the connection.
pub fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "staged by the test")
}

/// Announces the whole body, sends half of it, and then breaks or stalls.
fn partly(body: &str, end: Option<io::Error>) -> Response<Body> {
    let half = Bytes::copy_from_slice(&body.as_bytes()[..body.len() / 2]);
    let mut steps = vec![Ok(Frame::data(half))];
    let stalls = end.is_none();
    steps.extend(end.map(Err));
    let rest = futures_util::stream::iter(steps);
    let frames: futures_util::stream::BoxStream<'static, _> = if stalls {
        Box::pin(futures_util::StreamExt::chain(rest, futures_util::stream::pending()))
    } else {
        Box::pin(rest)
    };
    let response = Response::builder().header("content-type", "application/json").header("content-length", body.len());
    response.body(BodyExt::boxed_unsync(StreamBody::new(frames))).expect("a response")
}
