//! Ports for what is started by the tests.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// From 32768 up the system hands ports out to outgoing connections, so that one chosen there may be gone a moment later.
const FIRST: u16 = 12_000;
const LAST: u16 = 32_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port that nobody listens on and that this run has not handed out before.
pub fn free_port() -> u16 {
    let start = FIRST + rand::random_range(0..LAST - FIRST);
    let _ = NEXT.compare_exchange(0, start, Ordering::Relaxed, Ordering::Relaxed);
    for _ in FIRST..LAST {
        let port = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |port| {
            Some(if port >= LAST { FIRST } else { port + 1 })
        });
        let port = port.unwrap_or(FIRST);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {LAST}");
}
