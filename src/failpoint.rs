//! Places where a test ends the process, to see what a crash between two steps leaves behind. They are there with the
//! `fail-points` feature only; without it [`reach`] is nothing.
//!
//! `SSAMMU_FAIL_POINT` names the place: `saved` dies there as abruptly as `kill -9` does, `saved:panic` panics there,
//! the first time only.

/// Marks the place called `name`.
#[cfg(feature = "fail-points")]
pub fn reach(name: &str) {
    use std::io::Write;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    static ARMED: LazyLock<Option<(String, bool)>> = LazyLock::new(|| {
        let setting = std::env::var("SSAMMU_FAIL_POINT").ok()?;
        Some(match setting.strip_suffix(":panic") {
            Some(name) => (name.to_owned(), true),
            None => (setting, false),
        })
    });
    static PANICKED: AtomicBool = AtomicBool::new(false);

    match ARMED.as_ref() {
        Some((armed, false)) if armed == name => {
            let _ = writeln!(std::io::stderr(), "fail point {name} reached");
            // No destructor runs and nothing is flushed, in this thread or any other.
            std::process::abort();
        }
        #[expect(clippy::panic, reason = "that is what this one is for")]
        Some((armed, true)) if armed == name && !PANICKED.swap(true, Ordering::Relaxed) => {
            panic!("fail point {name} reached")
        }
        _ => {}
    }
}

/// Marks the place called `name`.
#[cfg(not(feature = "fail-points"))]
#[inline(always)]
pub fn reach(_name: &str) {}
