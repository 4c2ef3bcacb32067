//! APIs that do not answer in time are left alone for a while: a request that waits for one holds a
//! sandbox, and the sandboxes are shared by all sources.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Requests in a row without an answer in time, after which an API is left alone: the three that
/// one record gets.
const TIMEOUTS_MAX: u32 = 3;

/// The first pause, and the longest: each is twice as long as the one before.
const PAUSE_FIRST: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The pauses of this sandbox, by source.
#[derive(Debug, Default)]
pub(crate) struct FetchPauses(Mutex<BTreeMap<String, SourcePause>>);

/// What is known of a source's API.
#[derive(Clone, Copy, Debug, Default)]
struct SourcePause {
    /// Timeouts in a row, but for those of requests that were under way when a pause began.
    timeouts: u32,
    until: Option<Instant>,
    /// Whether a request was sent behind a pause, and its outcome is awaited.
    probing: bool,
}

impl FetchPauses {
    /// Whether the API of a source may be asked at this time. Behind a pause one request may: until
    /// its outcome is noted, or would have come, the others wait for the next pause to end.
    pub(crate) fn admit_request(&self, source: &str, now: Instant) -> bool {
        let mut sources = self.lock();
        let Some(pause) = sources.get_mut(source) else {
            return true;
        };
        let Some(until) = pause.until else {
            return true;
        };
        if now < until {
            return false;
        }
        pause.until = Some(now + pause.length());
        pause.probing = true;
        true
    }

    /// Notes that a request to the API of a source came back in time, whatever it brought.
    pub(crate) fn note_answer(&self, source: &str) {
        self.lock().remove(source);
    }

    /// Notes that the API of a source did not answer in time; gives the pause that begins with it.
    pub(crate) fn note_timeout(&self, source: &str, now: Instant) -> Option<Duration> {
        let mut sources = self.lock();
        let pause = sources.entry(source.to_owned()).or_default();
        let is_paused = pause.until.is_some_and(|until| now < until);
        if is_paused && !pause.probing {
            return None;
        }

        pause.probing = false;
        pause.timeouts = pause.timeouts.saturating_add(1);
        if pause.timeouts < TIMEOUTS_MAX {
            return None;
        }
        let length = pause.length();
        pause.until = Some(now + length);
        Some(length)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, SourcePause>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SourcePause {
    /// How long the pause is after so many timeouts.
    fn length(self) -> Duration {
        let doublings = self.timeouts.saturating_sub(TIMEOUTS_MAX).min(8);
        (PAUSE_FIRST * 2_u32.pow(doublings)).min(PAUSE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: &str = "housing-person";

    fn paused_at(now: Instant) -> FetchPauses {
        let pauses = FetchPauses::default();
        for _ in 1..TIMEOUTS_MAX {
            assert_eq!(pauses.note_timeout(SLOW, now), None);
            assert!(pauses.admit_request(SLOW, now));
        }
        assert_eq!(pauses.note_timeout(SLOW, now), Some(PAUSE_FIRST));
        pauses
    }

    #[test]
    fn a_slow_api_is_left_alone_and_those_of_other_sources_are_not() {
        let now = Instant::now();
        let pauses = paused_at(now);
        assert!(!pauses.admit_request(SLOW, now));
        assert!(!pauses.admit_request(SLOW, now + PAUSE_FIRST - Duration::from_millis(1)));
        assert!(pauses.admit_request("repairs", now));
    }

    #[test]
    fn behind_a_pause_one_request_is_admitted_until_its_outcome() {
        let now = Instant::now();
        let pauses = paused_at(now);
        let end = now + PAUSE_FIRST;
        assert!(pauses.admit_request(SLOW, end));
        assert!(!pauses.admit_request(SLOW, end), "one at a time");
        assert_eq!(pauses.note_timeout(SLOW, end), Some(PAUSE_FIRST * 2));
        assert!(!pauses.admit_request(SLOW, end + PAUSE_FIRST));

        let second_end = end + PAUSE_FIRST * 2;
        assert!(pauses.admit_request(SLOW, second_end));
        pauses.note_answer(SLOW);
        assert!(pauses.admit_request(SLOW, second_end));
        assert!(pauses.admit_request(SLOW, second_end));
        assert_eq!(
            pauses.note_timeout(SLOW, second_end),
            None,
            "from the beginning"
        );
    }

    #[test]
    fn a_request_whose_outcome_never_came_does_not_close_the_api_for_good() {
        let now = Instant::now();
        let pauses = paused_at(now);
        assert!(pauses.admit_request(SLOW, now + PAUSE_FIRST));
        assert!(pauses.admit_request(SLOW, now + PAUSE_FIRST * 2));
    }

    #[test]
    fn pauses_grow_to_their_longest() {
        let mut now = Instant::now();
        let pauses = paused_at(now);
        let mut lengths = Vec::new();
        for _ in 0..6 {
            now += PAUSE_MAX;
            assert!(pauses.admit_request(SLOW, now));
            lengths.extend(pauses.note_timeout(SLOW, now));
        }
        let seconds = lengths.iter().map(Duration::as_secs);
        assert_eq!(seconds.collect::<Vec<_>>(), [10, 20, 40, 60, 60, 60]);
    }

    #[test]
    fn requests_that_were_under_way_when_a_pause_began_make_it_no_longer() {
        let now = Instant::now();
        let pauses = paused_at(now);
        for _ in 0..5 {
            assert_eq!(pauses.note_timeout(SLOW, now), None);
        }
        assert!(pauses.admit_request(SLOW, now + PAUSE_FIRST));
    }
}
