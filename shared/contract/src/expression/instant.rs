//! Expressions that give an instant, to the nanosecond: columns hold microseconds, and the order of
//! events is finer.

use super::{CompiledExpression, RootedPath, ValueRoots, ValueRules};
use crate::calendar::Calendar;
use crate::cell::Cell;
use crate::column::ColumnType;
use crate::mapping::EpochUnit;
use crate::time::ExactInstant;

/// The instant of an expression; none where the event has none. The reason never holds the value.
type InstantResult = Result<Option<ExactInstant>, &'static str>;

impl CompiledExpression {
    /// The instant that the expression gives.
    pub(crate) fn evaluate_instant(
        &self,
        scope: &ValueRoots<'_>,
        rules: &ValueRules<'_>,
    ) -> InstantResult {
        match self {
            Self::Coalesce(parts) => first_instant(parts, scope, rules),
            Self::Parse { from, parse } => match from.evaluate_text(scope, rules)? {
                Some(text) => parse.parse_instant(&text, rules.calendar),
                None => Ok(None),
            },
            Self::Epoch {
                from,
                unit,
                sentinels,
            } => match from.evaluate_text(scope, rules)? {
                Some(text) if sentinels.iter().any(|known| known == text.trim()) => Ok(None),
                Some(text) => rules.calendar.check_instant(unit.read_count(&text)?),
                None => Ok(None),
            },
            _ => instant_of_cell(self.evaluate(scope, rules)?, rules.calendar),
        }
    }

    /// Whether the expression can give the time of an event: verbs that look up or identify other
    /// things cannot, and a date of the past needs an event that has a time.
    pub(crate) fn check_event_time(&self) -> Result<(), &'static str> {
        match self {
            Self::Copy(_) | Self::Constant(_) => Ok(()),
            Self::Coalesce(parts) => parts.iter().try_for_each(Self::check_event_time),
            Self::Parse { from, parse } if !parse.is_past() => from.check_event_time(),
            Self::Parse { .. } => Err("the event's own time cannot be `past`; declare a `pivot`"),
            Self::Epoch { from, .. } => from.check_event_time(),
            Self::Concat { parts, .. } => parts.iter().try_for_each(Self::check_event_time),
            Self::Split { from, .. } | Self::Blank { from, .. } => from.check_event_time(),
            _ => Err(
                "the event's time is a path, `parse`, `epoch`, `concat`, `coalesce`, `split`, \
                      `blank` or `constant`",
            ),
        }
    }

    /// The paths whose values are times as they stand: neither parsed nor counted.
    pub(crate) fn copied_times(&self) -> Vec<&RootedPath> {
        match self {
            Self::Copy(path) => vec![path],
            Self::Coalesce(parts) => parts.iter().flat_map(Self::copied_times).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether it counts since 1970.
    pub(crate) fn counts_since_1970(&self) -> bool {
        match self {
            Self::Epoch { .. } => true,
            Self::Coalesce(parts) => parts.iter().any(Self::counts_since_1970),
            _ => false,
        }
    }

    /// The path to which a time can be written so that the expression reads it, and the unit of a
    /// count; none where there is no such path.
    pub(crate) fn time_target(&self) -> Option<(&RootedPath, Option<EpochUnit>)> {
        match self {
            Self::Copy(path) => Some((path, None)),
            Self::Epoch { from, unit, .. } => match &**from {
                Self::Copy(path) => Some((path, Some(*unit))),
                _ => None,
            },
            Self::Parse { from, parse } if parse.reads_iso_timestamps() => match &**from {
                Self::Copy(path) => Some((path, None)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The first part that has an instant.
fn first_instant(
    parts: &[CompiledExpression],
    scope: &ValueRoots<'_>,
    rules: &ValueRules<'_>,
) -> InstantResult {
    for part in parts {
        let instant = part.evaluate_instant(scope, rules)?;
        if instant.is_some() {
            return Ok(instant);
        }
    }
    Ok(None)
}

fn instant_of_cell(cell: Cell<'_>, calendar: &Calendar) -> InstantResult {
    if let Cell::Text(text) = &cell {
        return calendar.read_instant(text.trim());
    }
    Ok(
        match cell.coerce_to_type(ColumnType::Timestamp, calendar)? {
            Cell::Timestamp(micros) => Some(ExactInstant { micros, nanos: 0 }),
            _ => None,
        },
    )
}
