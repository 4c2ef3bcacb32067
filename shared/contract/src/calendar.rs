//! How a mapping reads dates and times: in which zone local times are, which days stand for "no
//! date", and before when a date of the past must be.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::time::{
    ExactInstant, MICROS_PER_DAY, WrittenTime, civil_date, is_storable_day, local_day,
    offset_micros,
};

/// What a text that is no date is refused with.
const NO_DATE: &str = "a date such as 2026-03-29 was expected";

/// What a text that is no timestamp is refused with.
const NO_INSTANT: &str = "a timestamp such as 2026-02-17T09:41:07Z was expected";

/// What a year that readers cannot hold is refused with.
pub(crate) const YEAR_OUT_OF_RANGE: &str = "a year from 1 to 9999 was expected, in UTC";

/// The last year whose clock changes are looked up: later ones repeat the offsets of earlier ones.
const LAST_CHANGE: Timestamp = Timestamp::constant(4_102_444_800, 0);

/// One rule of zones for every verb: a text without an offset is local time of the zone, an instant
/// that fills a date is the zone's date, and a date alone is that date. Without a zone it is UTC.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calendar {
    rules: Arc<DateRules>,
    /// When the event happened: no date of the past is after it. None for constants.
    as_of: Option<i64>,
}

/// What a mapping declares of dates.
#[derive(Debug, Default)]
struct DateRules {
    /// Days that stand for "no date", such as 0001-01-01.
    sentinels: Vec<i32>,
    /// The zone of local times.
    zone: Option<TimeZone>,
    /// Every offset that the zone has or had, in microseconds; none without a sentinel.
    offsets: Vec<i64>,
}

impl Calendar {
    /// The calendar of a zone, with the days that stand for "no date".
    pub(crate) fn new(sentinels: Vec<i32>, zone: Option<TimeZone>) -> Self {
        let offsets = match &zone {
            Some(zone) if !sentinels.is_empty() => list_offsets(zone),
            _ => Vec::new(),
        };
        Self {
            rules: Arc::new(DateRules {
                sentinels,
                zone,
                offsets,
            }),
            as_of: None,
        }
    }

    /// The calendar for an event that happened at `micros`.
    pub(crate) fn as_of(&self, micros: i64) -> Self {
        Self {
            rules: Arc::clone(&self.rules),
            as_of: Some(micros),
        }
    }

    /// When the event happened.
    pub(crate) fn event_time(&self) -> Option<i64> {
        self.as_of
    }

    /// The zone of local times; UTC when there is none.
    pub(crate) fn zone(&self) -> Option<&TimeZone> {
        self.rules.zone.as_ref()
    }

    /// The day of an ISO text; none for a sentinel.
    pub(crate) fn read_day(&self, text: &str) -> Result<Option<i32>, &'static str> {
        let written = WrittenTime::read(text).ok_or(NO_DATE)?;
        self.day_of_written(written)
    }

    /// The instant of an ISO text; none for a sentinel.
    pub(crate) fn read_instant(&self, text: &str) -> Result<Option<ExactInstant>, &'static str> {
        let written = WrittenTime::read(text).ok_or(NO_INSTANT)?;
        self.instant_of_written(written)
    }

    /// The local day of a time as it is written; none for a sentinel.
    pub(crate) fn day_of_written(&self, written: WrittenTime) -> Result<Option<i32>, &'static str> {
        if self.is_written_sentinel(written) {
            return Ok(None);
        }
        let local = written.local_micros(self.zone());
        let day = i32::try_from(local.div_euclid(MICROS_PER_DAY)).ok();
        let storable = day.filter(is_storable_day).ok_or(YEAR_OUT_OF_RANGE)?;
        Ok(Some(storable))
    }

    /// The instant of a time as it is written; none for a sentinel.
    pub(crate) fn instant_of_written(
        &self,
        written: WrittenTime,
    ) -> Result<Option<ExactInstant>, &'static str> {
        if self.is_written_sentinel(written) {
            return Ok(None);
        }
        check_instant(written.instant(self.zone())).map(Some)
    }

    /// The instant, unless it stands for "no date".
    pub(crate) fn check_instant(
        &self,
        instant: ExactInstant,
    ) -> Result<Option<ExactInstant>, &'static str> {
        if self.is_sentinel_instant(instant.micros) {
            return Ok(None);
        }
        check_instant(instant).map(Some)
    }

    /// The day, unless it stands for "no date".
    pub(crate) fn check_day(&self, day: i32) -> Result<Option<i32>, &'static str> {
        if self.is_sentinel_day(day) {
            return Ok(None);
        }
        Some(day)
            .filter(is_storable_day)
            .map(Some)
            .ok_or(YEAR_OUT_OF_RANGE)
    }

    /// The first instant of a day in the zone.
    pub(crate) fn midnight(&self, day: i32) -> Option<ExactInstant> {
        Some(WrittenTime::local(civil_date(day)?, None).instant(self.zone()))
    }

    /// The local day of an instant.
    pub(crate) fn local_day(&self, micros: i64) -> Option<i32> {
        local_day(micros, self.zone())
    }

    /// Whether a text stands for "no date".
    pub(crate) fn is_sentinel_text(&self, text: &str) -> bool {
        !self.rules.sentinels.is_empty()
            && WrittenTime::read(text).is_some_and(|written| self.is_written_sentinel(written))
    }

    fn is_sentinel_day(&self, day: i32) -> bool {
        self.rules.sentinels.contains(&day)
    }

    /// Whether a time stands for "no date": by the day that is written, or by its instant.
    fn is_written_sentinel(&self, written: WrittenTime) -> bool {
        if self.rules.sentinels.is_empty() {
            return false;
        }
        self.is_sentinel_day(written.day())
            || written.has_time() && self.is_sentinel_instant(written.instant(self.zone()).micros)
    }

    /// Whether an instant falls on a day that stands for "no date", in UTC or in the zone, or is
    /// its midnight moved by an offset of the zone in either direction. Programs that convert
    /// placeholders write 1899-12-31T23:58:45Z for the first of January 1900 in London: its own
    /// time was 75 s behind Greenwich until 1847.
    fn is_sentinel_instant(&self, micros: i64) -> bool {
        let rules = &self.rules;
        // Hardly a time is near a placeholder, and the zone's rules are the dearer test.
        let is_near = rules.sentinels.iter().any(|sentinel| {
            (micros - i64::from(*sentinel) * MICROS_PER_DAY).abs() < 3 * MICROS_PER_DAY
        });
        if !is_near {
            return false;
        }
        let is_sentinel = |day: Option<i32>| day.is_some_and(|day| self.is_sentinel_day(day));
        is_sentinel(local_day(micros, None))
            || is_sentinel(self.local_day(micros))
            || rules.sentinels.iter().any(|sentinel| {
                let distance = micros - i64::from(*sentinel) * MICROS_PER_DAY;
                rules.offsets.contains(&distance.abs())
            })
    }
}

/// An instant whose year every reader can hold.
fn check_instant(instant: ExactInstant) -> Result<ExactInstant, &'static str> {
    if instant.is_storable() {
        Ok(instant)
    } else {
        Err(YEAR_OUT_OF_RANGE)
    }
}

/// The sizes of every offset that a zone has or had, in microseconds.
fn list_offsets(zone: &TimeZone) -> Vec<i64> {
    let changes = zone
        .following(Timestamp::MIN)
        .take_while(|change| change.timestamp() < LAST_CHANGE);
    let mut offsets: Vec<i64> = std::iter::once(zone.to_offset(Timestamp::MIN))
        .chain(changes.map(|change| change.offset()))
        .map(|offset| offset_micros(offset).abs())
        .collect();
    offsets.sort_unstable();
    offsets.dedup();
    offsets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{parse_date, parse_timestamp};

    fn calendar(zone: Option<&str>) -> Calendar {
        let sentinels = ["0001-01-01", "1900-01-01", "9999-12-31"]
            .iter()
            .map(|day| parse_date(day).unwrap());
        let zone = zone.map(|name| TimeZone::get(name).unwrap());
        Calendar::new(sentinels.collect(), zone)
    }

    #[test]
    fn placeholders_are_known_by_their_text_and_by_their_instant() {
        for (zone, text) in [
            (None, "0001-01-01"),
            (None, "0001-01-01T00:00:00"),
            (None, "0001-01-01T00:00:00Z"),
            (None, "0001-01-01T00:00:00+00:00"),
            (None, "9999-12-31T23:59:59.9999999Z"),
            (None, "9999-12-31T23:59:59.9999999-05:00"),
            (None, "1899-12-31T23:00:00-01:00"),
            (None, "0000-12-31T23:00:00-01:00"),
            (Some("Europe/London"), "1899-12-31T23:58:45Z"),
            (Some("Europe/London"), "1900-01-01T00:01:15Z"),
            (Some("Europe/London"), "1899-12-31T23:00:00Z"),
            (Some("Europe/London"), "0001-01-01T00:01:15Z"),
            (Some("Europe/London"), "0000-12-31T23:58:45Z"),
            (Some("Europe/Berlin"), "0000-12-31T23:06:32Z"),
            (Some("Europe/Berlin"), "9999-12-31T22:59:59.9999999Z"),
            (Some("America/New_York"), "1900-01-01T05:00:00Z"),
        ] {
            let calendar = calendar(zone);
            assert_eq!(calendar.read_day(text), Ok(None), "{zone:?} {text}");
            assert_eq!(calendar.read_instant(text), Ok(None), "{zone:?} {text}");
            assert!(calendar.is_sentinel_text(text), "{zone:?} {text}");
        }
    }

    #[test]
    fn the_day_beside_a_placeholder_is_a_day() {
        for (zone, text) in [
            (None, "1899-12-31"),
            (None, "1899-12-31T23:58:45Z"),
            (Some("Europe/London"), "1899-12-31"),
            (Some("Europe/London"), "1899-12-31T12:00:00Z"),
            (Some("Europe/London"), "1900-01-02T00:01:00Z"),
        ] {
            let day = calendar(zone).read_day(text).unwrap();
            assert_eq!(day, parse_date(text), "{zone:?} {text}");
        }
    }

    #[test]
    fn years_of_one_to_9999_are_held_and_others_are_refused() {
        let calendar = Calendar::default();
        for text in [
            "0000-12-31",
            "0000-06-01T00:00:00Z",
            "0001-01-01T00:30:00+01:00",
            "9999-12-31T23:30:00-01:00",
        ] {
            assert_eq!(calendar.read_day(text), Err(YEAR_OUT_OF_RANGE), "{text}");
            assert_eq!(
                calendar.read_instant(text),
                Err(YEAR_OUT_OF_RANGE),
                "{text}"
            );
        }
        for text in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"] {
            let micros = calendar.read_instant(text).unwrap().unwrap().micros;
            assert_eq!(Some(micros), parse_timestamp(text), "{text}");
        }
    }

    #[test]
    fn midnight_is_that_of_the_zone() {
        let calendar = calendar(Some("Europe/London"));
        let day = parse_date("2026-07-01").unwrap();
        assert_eq!(
            calendar.midnight(day).map(|instant| instant.micros),
            parse_timestamp("2026-06-30T23:00:00Z")
        );
        let last = parse_date("9999-12-30").unwrap();
        assert!(calendar.midnight(last).is_some());
    }
}
