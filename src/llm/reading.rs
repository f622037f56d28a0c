//! The body of an answer while it comes: unpacked, told to whoever listens, and bounded in time and size.

use std::io::{self, BufRead, Read};
use std::time::Duration;

use bytes::Bytes;
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use futures_util::FutureExt;
use reqwest::Response;
use tokio::time::Instant;

use super::body::{Form, without_comments};
use super::classify::Cause;
use super::heard::Heard;
use super::streamed::Streamed;
use super::waking::Limit;

/// Once an answer has begun, the longest silence within it. Blank lines and comments are no beginning: they keep the
/// connection open while the model thinks.
const BODY_IDLE: Duration = Duration::from_secs(5);
/// No completion that we ask for comes near this.
const MAX_BODY: usize = 1 << 20;
/// What a compressed body begins with.
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];
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

/// Listens to the body of an answer until it is whole. What it says is told to whoever hears it as it comes: all that is
/// there, at once. A stream may come that nobody asked for.
pub(super) async fn listen(
    response: Response,
    encoding: &str,
    limit: &mut Limit,
    heard: Option<&Heard<'_>>,
) -> Result<Listened, Cause> {
    let mut incoming = Incoming { response, unpacking: Unpacking::of(encoding) };
    let mut answer = Coming::Unclear { beginning: Vec::new(), bytes: 0 };
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
    /// Nothing but what keeps the connection open, of which no more is kept than what is not at its end.
    Unclear { beginning: Vec<u8>, bytes: usize },
    /// It comes in one.
    Plain(Vec<u8>),
    Stream {
        streamed: Box<Streamed>,
        bytes: usize,
        /// Until when to wait for its end, once it is whole.
        ending: Option<Instant>,
    },
}

impl Coming {
    fn takes(&mut self, more: Bytes) -> Result<(), Cause> {
        match self {
            Self::Unclear { beginning, bytes } => {
                *bytes += more.len();
                beginning.extend_from_slice(&more);
                match Form::of(beginning) {
                    Form::Unclear => *beginning = without_comments(beginning).to_vec(),
                    Form::Whole => *self = Self::Plain(std::mem::take(beginning)),
                    Form::Events => {
                        let (bytes, mut streamed) = (*bytes, Box::<Streamed>::default());
                        streamed.hears(std::mem::take(beginning).into());
                        *self = Self::Stream { streamed, bytes, ending: None };
                    }
                }
            }
            Self::Plain(body) => body.extend_from_slice(&more),
            Self::Stream { streamed, bytes, .. } => {
                *bytes += more.len();
                streamed.hears(more);
            }
        }
        if self.is_too_large() { Err(Cause::Garbage) } else { Ok(()) }
    }

    /// Whether it is larger than any answer that we ask for.
    fn is_too_large(&self) -> bool {
        match self {
            Self::Unclear { bytes, .. } => *bytes > MAX_BODY,
            Self::Plain(body) => body.len() > MAX_BODY,
            Self::Stream { streamed, bytes, .. } => *bytes > MAX_STREAM || streamed.size() > MAX_BODY,
        }
    }

    /// How long to wait for more of it, where that does not depend on the model.
    fn patience(&self) -> Option<Duration> {
        match self {
            Self::Unclear { .. } => None,
            Self::Plain(_) => Some(BODY_IDLE),
            Self::Stream { ending, .. } => ending.map(|end| end.duration_since(Instant::now())),
        }
    }

    fn tell(&mut self, heard: Option<&Heard<'_>>) {
        let Self::Stream { streamed, ending, .. } = self else { return };
        let is_whole = streamed.is_whole();
        let (more, events) = streamed.news();
        // Some call each piece the last. But comments do not put the end off.
        if is_whole && (ending.is_none() || events > 0) {
            *ending = Some(Instant::now() + ENDING);
        }
        heard.into_iter().for_each(|heard| heard.hears(more, events));
    }

    fn is_whole(&self) -> bool {
        matches!(self, Self::Stream { streamed, .. } if streamed.is_whole())
    }

    fn is_error(&self) -> bool {
        matches!(self, Self::Stream { streamed, .. } if streamed.is_error())
    }

    fn ends(self) -> Listened {
        match self {
            Self::Unclear { beginning: body, .. } | Self::Plain(body) => Listened { body, was_stream: false },
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
    /// A few do not say so: it shows as soon as this much has come.
    Unsaid(Vec<u8>),
    Plain,
    Gzip(Box<MultiGzDecoder<Packed>>),
    Deflate(Box<ZlibDecoder<Packed>>),
}

impl Unpacking {
    fn of(encoding: &str) -> Self {
        match encoding {
            "gzip" | "x-gzip" => Self::Gzip(Box::new(MultiGzDecoder::new(Packed::default()))),
            "deflate" => Self::Deflate(Box::new(ZlibDecoder::new(Packed::default()))),
            _ => Self::Unsaid(Vec::new()),
        }
    }

    /// What can be read with `packed`; `None` says that nothing more comes.
    fn unpack(&mut self, mut packed: Option<Bytes>) -> Result<Bytes, Cause> {
        if let Self::Unsaid(beginning) = self {
            beginning.extend_from_slice(packed.as_deref().unwrap_or_default());
            let is_clear = packed.is_none() || beginning.len() >= GZIP.len() || !GZIP.starts_with(beginning);
            if !is_clear {
                return Ok(Bytes::new());
            }
            packed = Some(std::mem::take(beginning).into());
            let is_gzip = packed.as_ref().is_some_and(|bytes| bytes.starts_with(&GZIP));
            *self = if is_gzip { Self::of("gzip") } else { Self::Plain };
        }
        match self {
            Self::Unsaid(_) | Self::Plain => Ok(packed.unwrap_or_default()),
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn that_a_body_is_compressed_shows_in_whatever_pieces_it_comes() {
        let text = "data: 좋은\n\n".as_bytes();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text).unwrap();
        for (body, plain) in
            [(gzip.finish().unwrap(), text), (text.to_vec(), text), (vec![0x1f], &[0x1f]), (vec![], b"")]
        {
            let mut unpacking = Unpacking::of("");
            let mut unpacked = Vec::new();
            for byte in body {
                unpacked.extend(unpacking.unpack(Some(vec![byte].into())).unwrap());
            }
            unpacked.extend(unpacking.unpack(None).unwrap());
            assert_eq!(unpacked, plain);
        }
    }
}
