//! Pauses between attempts, for `backon`'s retries: a few attempts, jitter, and one deadline for
//! all of them.

use std::time::{Duration, Instant};

/// How records are sent again, whatever their transport: the pause before the second attempt is up to
/// 200 ms, before the third up to twice as long.
pub(crate) const SEND_RETRY: DeadlineRetry = DeadlineRetry {
    attempts_max: 3,
    pause: Duration::from_millis(200),
    jitter_floor: 0.0,
};

/// How an operation is attempted again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeadlineRetry {
    /// Attempts at most, the first included.
    pub(crate) attempts_max: u32,
    /// The longest pause before the second attempt; before the third it is twice as long, and so
    /// on.
    pub(crate) pause: Duration,
    /// The least part of a pause that jitter leaves, from 0 to 1.
    pub(crate) jitter_floor: f64,
}

impl DeadlineRetry {
    /// The pauses, which end where no time for another attempt would be left: `backon` takes any
    /// iterator of pauses, and none of its own knows a deadline.
    pub(crate) fn pauses_until(
        self,
        deadline: Instant,
    ) -> impl Iterator<Item = Duration> + Send + Sync + Unpin {
        (1..self.attempts_max)
            .map(move |attempt| self.jittered_pause(attempt))
            .take_while(move |pause| *pause < time_left(deadline))
    }

    fn jittered_pause(self, attempt: u32) -> Duration {
        let part = self.jitter_floor + (1.0 - self.jitter_floor) * fastrand::f64();
        (self.pause * attempt).mul_f64(part)
    }
}

/// The time from now to the deadline; zero when it has passed.
pub(crate) fn time_left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: DeadlineRetry = DeadlineRetry {
        attempts_max: 3,
        pause: Duration::from_millis(300),
        jitter_floor: 0.5,
    };

    #[test]
    fn pauses_grow_and_keep_the_jitters_floor() {
        for _ in 0..100 {
            let deadline = Instant::now() + Duration::from_secs(60);
            let pauses: Vec<u128> = POLICY
                .pauses_until(deadline)
                .map(|pause| pause.as_millis())
                .collect();
            let [second, third] = pauses.as_slice() else {
                panic!("three attempts have two pauses: {pauses:?}");
            };
            assert!((150..300).contains(second), "{second}");
            assert!((300..600).contains(third), "{third}");
        }
    }

    #[test]
    fn no_attempt_begins_after_the_deadline() {
        let soon = Instant::now() + Duration::from_millis(100);
        assert_eq!(POLICY.pauses_until(soon).count(), 0);
        assert_eq!(time_left(Instant::now()), Duration::ZERO);
    }
}
