//! The schedule's payload: EventBridge Scheduler passes the scheduled time, which gives the logical
//! date.

use lake::Day;
use serde::Deserialize;

/// The run that a schedule or an operator requests.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct ScheduleRequest {
    /// The logical day, `YYYY-MM-DD`: any date again at any time.
    #[serde(default)]
    pub date: Option<String>,
    /// `<aws.scheduler.scheduled-time>`: the run is for the day before it.
    #[serde(default)]
    pub scheduled_time: Option<String>,
    /// Only these tables; all of them when it is empty.
    #[serde(default)]
    pub tables: Vec<String>,
}

impl ScheduleRequest {
    /// The logical day: `date`, or the day before `scheduled_time`. Never the wall clock.
    ///
    /// # Errors
    /// When neither is given, or the given text is no day.
    pub fn logical_day(&self) -> Result<Day, String> {
        if let Some(date) = &self.date {
            return Day::require(date);
        }
        let Some(time) = &self.scheduled_time else {
            return Err("the payload needs `date` (YYYY-MM-DD) or `scheduled_time`".into());
        };

        let scheduled_day = Day::require(time.get(..10).unwrap_or(time))?;
        Ok(Day(scheduled_day.0 - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_asked_for_or_the_one_before_the_schedules_time() {
        let day = |json: &str| {
            serde_json::from_str::<ScheduleRequest>(json)
                .unwrap()
                .logical_day()
                .map(|day| day.to_string())
        };
        assert_eq!(day(r#"{"date":"2026-03-02"}"#).unwrap(), "2026-03-02");
        assert_eq!(
            day(r#"{"scheduled_time":"2026-03-01T01:30:00Z"}"#).unwrap(),
            "2026-02-28"
        );
        assert!(day("{}").unwrap_err().contains("scheduled_time"));
        assert!(
            day(r#"{"date":"2026-02-30"}"#)
                .unwrap_err()
                .contains("there is no 30 February 2026")
        );
    }
}
