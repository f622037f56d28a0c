//! The body of an answer while it comes: unpacked, told to whoever listens, and bounded.

use std::io::{self, BufRead, Read};
use std::time::Duration;

use bytes::Bytes;
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use futures_util::FutureExt;
use reqwest::Response;

use super::body::Form;
use super::classify::Cause;
use super::heard::Heard;
use super::streamed::Streamed;
use super::waking::Limit;

/// Once an answer has begun, the longest silence within it. Blank lines and comments are no beginning: they keep the
/// connection open while the model thinks.
pub(super) const BODY_IDLE: Duration = Duration::from_secs(5);
/// No completion that we ask for comes near this.
pub(super) const MAX_BODY: usize = 1 << 20;
/// What a compressed body begins with.
pub(super) const GZIP: [u8; 3] = [0x1f, 0x8b, 8];
/// A stream says each few characters in an event of a hundred bytes and more.
const MAX_STREAM: usize = 16 << 20;
/// How long to wait, once the reply is whole, for what it cost, and for the end, which lets the connection be used again.
const ENDING: Duration = Duration::from_millis(500);
/// How much is unpacked at once.
const PIECE: usize = 16 << 10;

/// What came of listening.
#[derive(Debug)]
pub(super) struct Listened {
    /// The answer, as if it had come in one.
    pub body: Vec<u8>,
    pub was_stream: bool,
}

/// Listens to the body of an answer until it is whole. What it says is told as it comes: all that is there, at once.
pub(super) async fn listen(
    response: Response,
    encoding: &str,
    limit: &mut Limit,
    heard: &Heard<'_>,
) -> Result<Listened, Cause> {
    let mut incoming = Incoming { response, unpacking: Unpacking::of(encoding) };
    let mut answer = Coming::Unclear(Vec::new());
    loop {
        let mut next = limit.within(answer.patience(), incoming.next()).await.unwrap_or(Err(Cause::Silent));
        let end = loop {
            match next {
                Ok(Some(bytes)) => answer.takes(bytes)?,
                Ok(None) => break Some(Ok(())),
                Err(cause) => break Some(Err(cause)),
            }
            match incoming.next().now_or_never() {
                Some(more) => next = more,
                None => break None,
            }
        };
        answer.tell(heard);
        match end {
            // Whatever becomes of the connection now, the reply is whole.
            Some(Err(cause)) if !answer.is_whole() => return Err(cause),
            Some(_) => return Ok(answer.ends()),
            None if answer.is_error() => return Ok(answer.ends()),
            None => {}
        }
    }
}

/// An answer, as far as it is there.
enum Coming {
    Unclear(Vec<u8>),
    /// It was asked for as a stream, and comes as none.
    Plain(Vec<u8>),
    Stream {
        streamed: Box<Streamed>,
        bytes: usize,
    },
}

impl Coming {
    fn takes(&mut self, more: Bytes) -> Result<(), Cause> {
        let size = match self {
            Self::Unclear(body) => {
                body.extend_from_slice(&more);
                let (body, size) = (std::mem::take(body), body.len());
                *self = match Form::of(&body) {
                    Form::Unclear => Self::Unclear(body),
                    Form::Whole => Self::Plain(body),
                    Form::Events => {
                        let mut streamed = Box::<Streamed>::default();
                        streamed.hears(body.into());
                        Self::Stream { streamed, bytes: size }
                    }
                };
                size
            }
            Self::Plain(body) => {
                body.extend_from_slice(&more);
                body.len()
            }
            Self::Stream { streamed, bytes } => {
                *bytes += more.len();
                if *bytes > MAX_STREAM {
                    return Err(Cause::Garbage);
                }
                streamed.hears(more);
                streamed.size()
            }
        };
        if size > MAX_BODY { Err(Cause::Garbage) } else { Ok(()) }
    }

    /// How long to wait for more of it, where that does not depend on the model.
    fn patience(&self) -> Option<Duration> {
        match self {
            Self::Unclear(_) => None,
            Self::Plain(_) => Some(BODY_IDLE),
            Self::Stream { streamed, .. } => streamed.is_whole().then_some(ENDING),
        }
    }

    fn tell(&mut self, heard: &Heard<'_>) {
        if let Self::Stream { streamed, .. } = self {
            let (more, events) = streamed.news();
            heard.hears(more, events);
        }
    }

    fn is_whole(&self) -> bool {
        matches!(self, Self::Stream { streamed, .. } if streamed.is_whole())
    }

    fn is_error(&self) -> bool {
        matches!(self, Self::Stream { streamed, .. } if streamed.is_error())
    }

    fn ends(self) -> Listened {
        match self {
            Self::Unclear(body) | Self::Plain(body) => Listened { body, was_stream: false },
            Self::Stream { streamed, .. } => {
                let body = streamed.ends().map(|answer| answer.to_string().into_bytes()).unwrap_or_default();
                Listened { body, was_stream: true }
            }
        }
    }
}

/// A body, in the pieces in which it comes.
struct Incoming {
    response: Response,
    unpacking: Unpacking,
}

impl Incoming {
    /// The next piece; `None` at the end. Nothing is lost where it is dropped.
    async fn next(&mut self) -> Result<Option<Bytes>, Cause> {
        loop {
            let packed = self.response.chunk().await.map_err(|_| Cause::Cut)?;
            let is_end = packed.is_none();
            let plain = self.unpacking.unpack(packed)?;
            if is_end && plain.is_empty() {
                return Ok(None);
            }
            if !plain.is_empty() {
                return Ok(Some(plain));
            }
        }
    }
}

/// A body that comes compressed, which some proxies do unasked.
enum Unpacking {
    /// Nothing has come yet: a few do not say so.
    Unsaid,
    Plain,
    Gzip(Box<MultiGzDecoder<Packed>>),
    Deflate(Box<ZlibDecoder<Packed>>),
}

impl Unpacking {
    fn of(encoding: &str) -> Self {
        match encoding {
            "gzip" | "x-gzip" => Self::Gzip(Box::new(MultiGzDecoder::new(Packed::default()))),
            "deflate" => Self::Deflate(Box::new(ZlibDecoder::new(Packed::default()))),
            _ => Self::Unsaid,
        }
    }

    /// What can be read with `packed`; `None` says that nothing more comes.
    fn unpack(&mut self, packed: Option<Bytes>) -> Result<Bytes, Cause> {
        if matches!(self, Self::Unsaid) && packed.as_ref().is_some_and(|bytes| !bytes.is_empty()) {
            let is_gzip = packed.as_ref().is_some_and(|bytes| bytes.starts_with(&GZIP));
            *self = if is_gzip { Self::of("gzip") } else { Self::Plain };
        }
        match self {
            Self::Unsaid | Self::Plain => Ok(packed.unwrap_or_default()),
            Self::Gzip(reader) => {
                reader.get_mut().take(packed);
                unpacked(reader)
            }
            Self::Deflate(reader) => {
                reader.get_mut().take(packed);
                unpacked(reader)
            }
        }
    }
}

fn unpacked(reader: &mut impl Read) -> Result<Bytes, Cause> {
    let (mut plain, mut piece) = (Vec::new(), [0; PIECE]);
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(plain.into()),
            Ok(length) => plain.extend_from_slice(piece.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(plain.into()),
            // Nothing more of it can be read: whatever packed it is broken.
            Err(_) => return Err(Cause::Cut),
        }
        if plain.len() > MAX_STREAM {
            return Err(Cause::Garbage);
        }
    }
}

/// What has come of a compressed body and is not read yet.
#[derive(Default)]
struct Packed {
    bytes: Bytes,
    is_all: bool,
}

impl Packed {
    fn take(&mut self, more: Option<Bytes>) {
        match more {
            Some(more) if self.bytes.is_empty() => self.bytes = more,
            Some(more) => self.bytes = [self.bytes.as_ref(), more.as_ref()].concat().into(),
            None => self.is_all = true,
        }
    }
}

impl Read for Packed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(into)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Packed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.bytes.is_empty() && !self.is_all {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(&self.bytes)
    }

    fn consume(&mut self, length: usize) {
        let _ = self.bytes.split_to(length.min(self.bytes.len()));
    }
}
