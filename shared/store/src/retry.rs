//! How a call to a store is repeated: with pauses that double, and only while repeating it is
//! worth it.
//!
//! The AWS clients repeat what the network loses by themselves; this is for answers that say
//! "later". The relay's attempts end at the deadline of their request: `event-relay` has a policy
//! of its own for them.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};

/// How often a call is repeated, and after which pauses.
///
/// ```
/// use std::time::Duration;
/// use store::RetryPolicy;
///
/// const WRITE_RETRY: RetryPolicy = RetryPolicy::new(4, Duration::from_millis(100)).with_jitter();
/// let until_deadline = WRITE_RETRY.with_pause_budget(Duration::from_secs(2));
/// # let _ = until_deadline;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    attempts: usize,
    first_pause: Duration,
    max_pause: Duration,
    pause_budget: Option<Duration>,
    has_jitter: bool,
}

/// No pause is longer, unless the policy says so.
const DEFAULT_MAX_PAUSE: Duration = Duration::from_secs(10);

impl RetryPolicy {
    /// So many calls, the first among them; `first_pause` after the first, and twice as long after
    /// each further one, at most 10 s.
    #[must_use]
    pub const fn new(attempts: usize, first_pause: Duration) -> Self {
        Self {
            attempts,
            first_pause,
            max_pause: DEFAULT_MAX_PAUSE,
            pause_budget: None,
            has_jitter: false,
        }
    }

    /// The same with another longest pause.
    #[must_use]
    pub const fn with_max_pause(mut self, max_pause: Duration) -> Self {
        self.max_pause = max_pause;
        self
    }

    /// The same, with each pause longer by a random part of itself, so that many callers do not
    /// come back at once.
    #[must_use]
    pub const fn with_jitter(mut self) -> Self {
        self.has_jitter = true;
        self
    }

    /// The same, but all pauses together last no longer than this: what is left of a function's
    /// time.
    #[must_use]
    pub const fn with_pause_budget(mut self, budget: Duration) -> Self {
        self.pause_budget = Some(budget);
        self
    }

    fn to_backoff(self) -> ExponentialBuilder {
        let backoff = ExponentialBuilder::new()
            .with_min_delay(self.first_pause)
            .with_max_delay(self.max_pause)
            .with_max_times(self.attempts.saturating_sub(1))
            .with_total_delay(self.pause_budget);
        if self.has_jitter {
            backoff.with_jitter()
        } else {
            backoff
        }
    }
}

/// Calls until an answer is right, is an error that `is_transient` does not accept, or the policy
/// is used up. Gives the last answer.
///
/// # Errors
/// The last call's error.
pub async fn retry_with_backoff<T, E, Call, Answer>(
    policy: RetryPolicy,
    call: Call,
    is_transient: impl FnMut(&E) -> bool,
) -> Result<T, E>
where
    Call: FnMut() -> Answer,
    Answer: Future<Output = Result<T, E>>,
{
    call.retry(policy.to_backoff()).when(is_transient).await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const QUICK: RetryPolicy = RetryPolicy::new(4, Duration::from_millis(1));

    /// Calls a service that fails so many times before it answers. Gives the answer and the number
    /// of calls.
    fn call_failing(
        failures: u32,
        policy: RetryPolicy,
        is_transient: bool,
    ) -> (Result<&'static str, u32>, u32) {
        let calls = Cell::new(0);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let answer = runtime.block_on(retry_with_backoff(
            policy,
            async || {
                calls.set(calls.get() + 1);
                if calls.get() > failures {
                    Ok("done")
                } else {
                    Err(calls.get())
                }
            },
            |_| is_transient,
        ));
        (answer, calls.get())
    }

    #[test]
    fn a_call_is_repeated_until_it_is_answered() {
        assert_eq!(call_failing(0, QUICK, true), (Ok("done"), 1));
        assert_eq!(call_failing(3, QUICK, true), (Ok("done"), 4));
        assert_eq!(call_failing(2, QUICK.with_jitter(), true), (Ok("done"), 3));
    }

    #[test]
    fn the_last_error_is_given_when_the_attempts_are_used_up() {
        assert_eq!(call_failing(9, QUICK, true), (Err(4), 4));
    }

    #[test]
    fn an_error_for_good_is_not_repeated() {
        assert_eq!(call_failing(9, QUICK, false), (Err(1), 1));
    }

    #[test]
    fn pauses_end_with_their_budget() {
        let none_left = QUICK.with_pause_budget(Duration::ZERO);
        assert_eq!(call_failing(9, none_left, true), (Err(1), 1));
    }
}
