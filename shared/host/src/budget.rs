//! The deadline budget: a function stops taking work in time and gives the remainder back.

use std::time::{Duration, SystemTime};

use lambda_runtime::Context;

/// No new work in the last ten seconds before the deadline.
const DEADLINE_RESERVE: Duration = Duration::from_secs(10);

/// How long an invocation may still run.
#[derive(Clone, Copy, Debug)]
pub struct TimeBudget {
    deadline: SystemTime,
    reserve: Duration,
}

impl TimeBudget {
    /// The budget of an invocation. A short one keeps a fifth of its time in reserve instead of ten
    /// seconds.
    #[must_use]
    pub fn from_context(context: &Context) -> Self {
        let deadline = context.deadline();
        let total = deadline
            .duration_since(SystemTime::now())
            .unwrap_or_default();
        Self {
            deadline,
            reserve: DEADLINE_RESERVE.min(total / 5),
        }
    }

    /// A budget that ends after `time`; for tests and tools.
    #[must_use]
    pub fn lasting_for(time: Duration) -> Self {
        Self {
            deadline: SystemTime::now() + time,
            reserve: DEADLINE_RESERVE.min(time / 5),
        }
    }

    /// The time left for work; zero when only the reserve is left.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        let left = self
            .deadline
            .duration_since(SystemTime::now())
            .unwrap_or_default();
        left.saturating_sub(self.reserve)
    }

    /// Whether the function should take no more work.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.time_left().is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_kept() {
        let minute = TimeBudget::lasting_for(Duration::from_secs(60));
        assert!(minute.time_left() <= Duration::from_secs(50));
        assert!(!minute.is_spent());
        assert!(TimeBudget::lasting_for(Duration::ZERO).is_spent());
    }
}
