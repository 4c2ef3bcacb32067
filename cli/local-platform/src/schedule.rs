//! The schedule of the local platform: every night the day before is merged and reported.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::running::RunningPlatform;

/// When the night's run starts: an hour after midnight in UTC, so that events minutes late are
/// included.
const START_HOUR_UTC: i64 = 1;

/// How often a run is tried; EventBridge Scheduler tries longer.
const TRIES: u32 = 5;

const HOUR_MILLIS: i64 = 3_600_000;

/// Waits for each night and runs the merge, then the report, with the scheduled time as payload.
pub async fn run_nightly(running: Arc<RunningPlatform>) {
    loop {
        let now = running.clock.now_millis();
        let next = next_run_millis(now);
        tokio::time::sleep(Duration::from_millis((next - now).unsigned_abs())).await;
        let time = jiff::Timestamp::from_millisecond(next)
            .map(|timestamp| timestamp.to_string())
            .unwrap_or_default();
        for function in ["snapshot-merge", "quality-report"] {
            run_with_retries(&running, function, &time).await;
        }
    }
}

async fn run_with_retries(running: &RunningPlatform, function: &str, time: &str) {
    for attempt in 1..=TRIES {
        match running
            .invoke_function(function, &json!({"scheduled_time": time}))
            .await
        {
            Ok(_) => return,
            Err(error) => {
                eprintln!("{function} for {time}, try {attempt} of {TRIES}: {error}");
                tokio::time::sleep(Duration::from_secs(u64::from(attempt) * 10)).await;
            }
        }
    }
}

/// The next run after `now`, both in milliseconds since 1970.
fn next_run_millis(now: i64) -> i64 {
    let day = 24 * HOUR_MILLIS;
    let today = now.div_euclid(day) * day + START_HOUR_UTC * HOUR_MILLIS;
    if now < today { today } else { today + day }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_is_at_one_and_never_now() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        assert_eq!(
            next_run_millis(at("2026-03-02T00:59:59Z")),
            at("2026-03-02T01:00:00Z")
        );
        assert_eq!(
            next_run_millis(at("2026-03-02T01:00:00Z")),
            at("2026-03-03T01:00:00Z")
        );
        assert_eq!(
            next_run_millis(at("2026-03-02T23:00:00Z")),
            at("2026-03-03T01:00:00Z")
        );
    }
}
