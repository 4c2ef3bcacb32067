//! The platform's clock: the wall clock, or one that the demo sets to run three days in a minute.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Gives the append time of records and nothing else: logical dates come from the schedule.
#[derive(Debug, Default)]
pub struct Clock {
    /// Milliseconds added to the wall clock.
    ahead: AtomicI64,
}

impl Clock {
    /// Milliseconds since 1970.
    #[must_use]
    pub fn now_millis(&self) -> i64 {
        wall_clock_millis() + self.ahead.load(Ordering::SeqCst)
    }

    /// Sets the time to `millis`; it goes on from there.
    pub fn set_millis(&self, millis: i64) {
        self.ahead
            .store(millis - wall_clock_millis(), Ordering::SeqCst);
    }
}

fn wall_clock_millis() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
