//! A lossy queue before the log's reader: whoever reads slowly, not at all any more, or has gone away (a log shipper that
//! restarts, `| head`) costs lines, which are counted, and never makes the program wait.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that may wait to be written; as many may be on their way out.
const WAITING_MAX_BYTES: usize = 1 << 20;
/// How long a target rests that can take nothing now and says so instead of making its writer wait.
const FULL_PAUSE: Duration = Duration::from_millis(10);

/// Lines on their way out. Clones are the same queue.
#[derive(Clone, Debug)]
pub struct LogQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Whole lines.
    waiting: Vec<u8>,
    /// What was taken out is being written.
    writing: bool,
    /// Lines that nobody will read.
    lost: u64,
}

impl LogQueue {
    /// A queue that a thread of its own writes to `target`. When that takes lines again after some were lost,
    /// `tell_lost` hears how many.
    ///
    /// # Errors
    /// When there can be no other thread.
    pub fn open(target: impl Write + Send + 'static, tell_lost: impl Fn(u64) + Send + 'static) -> io::Result<Self> {
        let queue = Self(Arc::default());
        let writing = queue.clone();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || writing.write_for_ever(target, tell_lost))?;
        Ok(queue)
    }

    /// Puts a whole line, or several, into the queue; where there is no room they are lost.
    pub fn push(&self, lines: &[u8]) {
        let mut state = self.state();
        if state.waiting.len() + lines.len() > WAITING_MAX_BYTES {
            state.lost += count(lines);
            return;
        }
        state.waiting.extend_from_slice(lines);
        self.0.changed.notify_all();
    }

    /// How many lines nobody will read.
    pub fn lost(&self) -> u64 {
        self.state().lost
    }

    /// Waits until everything is written, at most `limit`.
    pub fn flush(&self, limit: Duration) {
        let busy = |state: &mut State| state.writing || !state.waiting.is_empty();
        drop(self.0.changed.wait_timeout_while(self.state(), limit, busy));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_for_ever(&self, mut target: impl Write, tell_lost: impl Fn(u64)) {
        let mut lines = Vec::new();
        let mut told = 0;
        loop {
            self.take(&mut lines);
            let unwritten = count(write(&mut target, &lines));
            lines.clear();
            let lost = self.written(unwritten);
            if unwritten == 0 && lost > told {
                tell_lost(lost - told);
                told = lost;
            }
        }
    }

    /// Waits for lines, and takes all that are there.
    fn take(&self, lines: &mut Vec<u8>) {
        let idle = |state: &mut State| state.waiting.is_empty();
        let waited = self.0.changed.wait_while(self.state(), idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.waiting, lines);
        state.writing = true;
    }

    /// What was taken is out, but for so many lines; how many were lost until now.
    fn written(&self, unwritten: u64) -> u64 {
        let mut state = self.state();
        state.writing = false;
        state.lost += unwritten;
        self.0.changed.notify_all();
        state.lost
    }
}

/// Each write is whole lines: a log line is written at once.
impl Write for LogQueue {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.push(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes as much as can be written; what is left is lost.
fn write<'a>(target: &mut impl Write, mut lines: &'a [u8]) -> &'a [u8] {
    while !lines.is_empty() {
        match target.write(lines) {
            Ok(0) => break,
            Ok(written) => lines = lines.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(FULL_PAUSE),
            // There is nobody to tell: the next lines find out whether it has come back.
            Err(_) => break,
        }
    }
    lines
}

/// How many lines these are.
fn count(lines: &[u8]) -> u64 {
    let ends = lines.iter().filter(|byte| **byte == b'\n').count();
    u64::try_from(ends).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// A reader that takes a write only when the test says what becomes of it.
    struct Reader {
        answers: mpsc::Receiver<io::Result<()>>,
        read: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.answers.recv().unwrap_or(Ok(()))?;
            let _ = self.read.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Bench {
        queue: LogQueue,
        answer: mpsc::Sender<io::Result<()>>,
        read: mpsc::Receiver<Vec<u8>>,
        told: mpsc::Receiver<u64>,
    }

    fn bench() -> Bench {
        let ((answer, answers), (reading, read), (telling, told)) = (mpsc::channel(), mpsc::channel(), mpsc::channel());
        let tell = move |lost| {
            let _ = telling.send(lost);
        };
        let queue = LogQueue::open(Reader { answers, read: reading }, tell).unwrap();
        Bench { queue, answer, read, told }
    }

    #[test]
    fn lines_come_out_in_order_and_a_flush_waits_for_the_last() {
        let bench = bench();
        for answer in [Ok(()), Err(ErrorKind::Interrupted.into()), Err(ErrorKind::WouldBlock.into())] {
            bench.answer.send(answer).unwrap();
        }
        drop(bench.answer);
        bench.queue.push(b"one\n");
        bench.queue.push(b"two\n");
        bench.queue.flush(SOON);
        assert_eq!(bench.read.try_iter().flatten().collect::<Vec<u8>>(), b"one\ntwo\n");
        assert_eq!(bench.queue.lost(), 0);
    }

    #[test]
    fn a_reader_that_has_gone_costs_lines_and_whoever_comes_back_hears_how_many() {
        let bench = bench();
        bench.answer.send(Err(ErrorKind::BrokenPipe.into())).unwrap();
        bench.queue.push(b"one\ntwo\n");
        bench.queue.flush(SOON);
        assert_eq!(bench.queue.lost(), 2);
        assert!(bench.told.try_recv().is_err(), "nobody was there to be told");
        bench.answer.send(Ok(())).unwrap();
        bench.queue.push(b"three\n");
        assert_eq!(bench.told.recv_timeout(SOON), Ok(2));
        assert_eq!(bench.read.try_iter().flatten().collect::<Vec<u8>>(), b"three\n");
    }

    #[test]
    fn a_reader_that_does_not_read_makes_nobody_wait_and_what_waits_is_bounded() {
        let bench = bench();
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        let (pushed, room) = (3_000, 1_024);
        for _ in 0..pushed {
            bench.queue.push(&line);
        }
        // The thread may have taken some of them out before there was no more room.
        let lost = bench.queue.lost();
        assert!((pushed - 2 * room..=pushed - room).contains(&lost), "{lost} of {pushed} lines");
        bench.queue.flush(Duration::from_millis(1));
        drop(bench.answer);
        assert_eq!(bench.told.recv_timeout(SOON), Ok(lost));
        bench.queue.flush(SOON);
        let read: usize = bench.read.try_iter().map(|lines| lines.len() / line.len()).sum();
        assert_eq!(u64::try_from(read).unwrap() + lost, pushed);
    }
}
