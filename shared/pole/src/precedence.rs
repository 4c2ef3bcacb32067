//! Version precedence: which of two changes of the same row takes precedence.

/// The position of a change in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition {
    /// When it was appended, in microseconds since 1970.
    pub appended: i64,
    /// Its Kafka partition.
    pub partition: i64,
    /// Its offset in that partition.
    pub offset: i64,
}

/// A change's rank. The greatest takes precedence: first by the source's version, then by event
/// time, then by position in the log. It does not depend on the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Precedence {
    /// The record's version; none ranks below every number.
    pub version: Option<i64>,
    /// Event time in microseconds since 1970.
    pub event_time: i64,
    /// Nanoseconds of the event time beyond the microsecond.
    pub event_time_nanos: i64,
    /// The position in the log.
    pub position: LogPosition,
}

impl Precedence {
    /// Whether `other` has the same version and time, so that only the position in the log differs.
    #[must_use]
    pub fn has_same_version_and_time(&self, other: &Self) -> bool {
        self.version == other.version
            && self.event_time == other.event_time
            && self.event_time_nanos == other.event_time_nanos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn precedence(version: Option<i64>, event_time: i64, offset: i64) -> Precedence {
        Precedence {
            version,
            event_time,
            event_time_nanos: 0,
            position: LogPosition {
                appended: offset,
                partition: 0,
                offset,
            },
        }
    }

    #[test]
    fn version_comes_before_time_and_time_before_position() {
        assert!(precedence(Some(8), 1, 1) > precedence(Some(7), 9, 9));
        assert!(precedence(None, 9, 1) > precedence(None, 8, 9));
        assert!(precedence(None, 8, 9) > precedence(None, 8, 1));
        assert!(precedence(Some(0), 0, 0) > precedence(None, 9, 9));

        let finer = |event_time_nanos, offset| Precedence {
            event_time_nanos,
            ..precedence(None, 8, offset)
        };
        assert!(finer(800, 1) > finer(0, 9));
        assert!(!finer(800, 1).has_same_version_and_time(&finer(0, 1)));
    }
}
