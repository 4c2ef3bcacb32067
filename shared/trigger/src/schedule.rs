//! The schedule's own payload: EventBridge Scheduler passes the scheduled time, which gives the logical date.

use serde::Deserialize;

/// What a schedule, or an operator, asks for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Schedule {
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

impl Schedule {
    /// The day that is asked for, as text that names a day: `date`, or the day before `scheduled_time`.
    /// Never the wall clock.
    ///
    /// # Errors
    /// When neither is given.
    pub fn day(&self) -> Result<(&str, bool), String> {
        match (&self.date, &self.scheduled_time) {
            (Some(date), _) => Ok((date, false)),
            (None, Some(time)) => Ok((time.get(..10).unwrap_or(time), true)),
            (None, None) => Err("the payload needs `date` (YYYY-MM-DD) or `scheduled_time`".into()),
        }
    }
}
