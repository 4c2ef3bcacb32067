//! When an event happened: an expression like that of any column, read by the mapping's calendar,
//! and never far after the event's arrival.

use std::str::FromStr;

use jiff::SignedDuration;
use serde_json::Value;

use crate::calendar::Calendar;
use crate::expression::{CompiledExpression, RootedPath, ValueRoots, ValueRules};
use crate::fault::EventFault;
use crate::list::ReferenceLists;
use crate::locator::ProblemLocator;
use crate::mapping::{EpochUnit, Expression};
use crate::namespace::{NamedReferences, Namespaces};
use crate::path::EventPath;
use crate::place::DocumentPlace;
use crate::problem::Problem;
use crate::structure::DeclaredStructure;
use crate::time::{ExactInstant, MICROS_PER_DAY};

/// How far an event's time may be after its arrival, where the contract does not say it: clocks of
/// applications are minutes wrong, and an hour is a zone that was left out.
const DEFAULT_SKEW: &str = "1h";

/// The widest skew that a contract can declare: beyond a day it is no clock that is wrong.
const SKEW_MAX: SignedDuration = SignedDuration::from_hours(24);

/// 1971-01-01. No system counted since 1970 before it; seconds that are read as milliseconds give
/// 1970, and so does every other count whose unit is smaller than the declared one.
const COUNTS_BEGIN: i64 = 365 * MICROS_PER_DAY;

/// What a count before that is refused with.
const NO_PRESENT_COUNT: &str = "the count gives a time before 1971: the source counts in a larger \
                                unit than the declared one, or means no time, which `sentinels` say";

/// Where events or records hold their time, and the time of those that have none.
#[derive(Debug)]
pub(crate) struct EventClock {
    expression: Option<CompiledExpression>,
    /// The default as it is written: in which zone it is local time, the mapping says.
    default_text: Option<String>,
    default: Option<ExactInstant>,
    calendar: Calendar,
}

/// The members of a contract's extension that say when something happened.
pub(crate) struct ClockMembers {
    /// The part of the extension that has them; none for the extension itself.
    section: Option<&'static str>,
    time: &'static str,
    default: &'static str,
}

impl ClockMembers {
    /// Those of events.
    pub(crate) const EVENT: Self = Self {
        section: None,
        time: "event_time",
        default: "event_time_default",
    };
    /// Those of a backfill's records.
    pub(crate) const BACKFILL: Self = Self {
        section: Some("backfill"),
        time: "time",
        default: "time_default",
    };

    /// The place of one of them in the extension.
    fn place(&self, member: &str) -> DocumentPlace {
        let section = match self.section {
            Some(section) => DocumentPlace::root().name(section),
            None => DocumentPlace::root(),
        };
        section.name(member)
    }
}

/// When an event happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventTime {
    pub(crate) instant: ExactInstant,
    /// Whether the event says so itself.
    pub(crate) is_stated: bool,
}

/// Where and how an event's time is written.
pub(crate) struct TimeTarget<'c> {
    pub(crate) path: &'c EventPath,
    /// The unit of a count; none for an ISO text.
    pub(crate) unit: Option<EpochUnit>,
}

impl EventClock {
    /// Compiles the time at `expression` with its default, as `members` of the contract write them.
    pub(crate) fn compile(
        expression: Option<&Expression>,
        default: Option<&str>,
        members: &ClockMembers,
        locator: &ProblemLocator<'_>,
    ) -> Result<Self, Problem> {
        let expression = expression
            .map(compile_time_expression)
            .transpose()
            .map_err(|why| {
                let place = members.place(members.time).quoted_in(&why);
                locator.problem_below(place, why)
            })?;
        let calendar = Calendar::default();
        let default_instant = default
            .map(|text| read_default(text, &calendar))
            .transpose()
            .map_err(|()| {
                let name = members.default;
                let message = format!("`{name}` is not a timestamp such as 2020-01-01T00:00:00Z");
                locator.problem_below(members.place(name), message)
            })?;

        Ok(Self {
            expression,
            default_text: default.map(str::to_owned),
            default: default_instant,
            calendar,
        })
    }

    /// Reads times by the mapping's calendar from now on: local times are of its zone.
    pub(crate) fn use_calendar(&mut self, calendar: &Calendar) {
        self.calendar = calendar.clone();
        self.default = self
            .default_text
            .as_deref()
            .and_then(|text| read_default(text, calendar).ok());
    }

    /// The time that an event or a record has, or the default.
    ///
    /// # Errors
    /// A fault under `rule` when it has neither, or the time cannot be read.
    pub(crate) fn read_time(&self, rule: &str, value: &Value) -> Result<EventTime, EventFault> {
        let default = |instant| EventTime {
            instant,
            is_stated: false,
        };
        let Some(expression) = &self.expression else {
            return Ok(default(self.default.unwrap_or_default()));
        };

        let scope = ValueRoots {
            event: value,
            body: value,
            parent: value,
            here: value,
        };
        let rules = ValueRules {
            calendar: &self.calendar,
            identity_key: None,
        };
        let stated = expression
            .evaluate_instant(&scope, &rules)
            .map_err(|reason| EventFault::new(rule, &self.path_text(), reason))?;
        match stated {
            Some(instant) if instant.micros < COUNTS_BEGIN && expression.counts_since_1970() => {
                Err(EventFault::new(rule, &self.path_text(), NO_PRESENT_COUNT))
            }
            Some(instant) => Ok(EventTime {
                instant,
                is_stated: true,
            }),
            None => self
                .default
                .map(default)
                .ok_or_else(|| EventFault::new(rule, &self.path_text(), "the event has no time")),
        }
    }

    /// The first path that it reads, for messages.
    pub(crate) fn path_text(&self) -> String {
        let path = self.paths().next().map(EventPath::text);
        path.unwrap_or("$").to_owned()
    }

    /// Every path that it reads.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &EventPath> {
        let expression = self.expression.iter();
        expression.flat_map(|expression| {
            let paths = expression.paths().into_iter();
            paths.map(RootedPath::event_path)
        })
    }

    /// Refuses a time that is copied from a field that is declared as a number: it never parses.
    pub(crate) fn check_declared_types(
        &self,
        field: &str,
        structure: &DeclaredStructure,
    ) -> Result<(), String> {
        let copied = self
            .expression
            .iter()
            .flat_map(CompiledExpression::copied_times);
        let mut paths = copied.map(RootedPath::event_path);
        let number = paths.find(|path| {
            let declared = structure.structure_at(path);
            declared.is_ok_and(DeclaredStructure::is_only_number)
        });
        match number {
            None => Ok(()),
            Some(path) => Err(number_as_time(path.text(), field)),
        }
    }

    /// Where and how a backfill writes the time; none where events have none.
    ///
    /// # Errors
    /// What keeps a backfill from writing it.
    pub(crate) fn write_target(&self) -> Result<Option<TimeTarget<'_>>, String> {
        let Some(expression) = &self.expression else {
            return Ok(None);
        };
        match expression.time_target() {
            Some((path, unit)) => Ok(Some(TimeTarget {
                path: path.event_path(),
                unit,
            })),
            None => Err(
                "a backfill cannot write this `event_time`: it writes a path, `epoch` of \
                         a path, or `parse` of a path as timestamp with `iso` among its formats"
                    .into(),
            ),
        }
    }
}

/// Why a number is no time, and what to write.
pub(crate) fn number_as_time(path: &str, target: &str) -> String {
    format!(
        "the contract declares a number at `{path}`, which is no time as it stands: write \
         `{target}: {{epoch: {{from: {path}, unit: millis}}}}` with the unit in which the source \
         counts since 1970 (seconds, millis, micros or nanos), or `parse` with its format"
    )
}

/// The expression of an event's time names neither lists nor namespaces.
fn compile_time_expression(expression: &Expression) -> Result<CompiledExpression, String> {
    let references = NamedReferences {
        lists: &ReferenceLists::default(),
        namespaces: &Namespaces::default(),
    };
    let compiled = CompiledExpression::compile(expression, &references)?;
    compiled.check_event_time()?;
    Ok(compiled)
}

fn read_default(text: &str, calendar: &Calendar) -> Result<ExactInstant, ()> {
    match calendar.read_instant(text) {
        Ok(Some(instant)) => Ok(instant),
        _ => Err(()),
    }
}

/// How far events of a source may be ahead of their arrival.
#[derive(Clone, Debug)]
pub(crate) struct TimeSkew {
    /// In microseconds.
    micros: i64,
    /// As the contract writes it.
    text: String,
}

impl TimeSkew {
    /// The skew that a contract declares, or an hour.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, String> {
        let text = text.unwrap_or(DEFAULT_SKEW);
        let skew = SignedDuration::from_str(text)
            .ok()
            .filter(|skew| !skew.is_negative() && *skew <= SKEW_MAX)
            .ok_or("`event_time_skew` is a duration such as 30m or 2h, of at most 24h")?;
        Ok(Self {
            micros: i64::try_from(skew.as_micros()).unwrap_or(i64::MAX),
            text: text.to_owned(),
        })
    }

    /// Refuses an event that says to have happened after it came, beyond the skew. It would win
    /// over every later event, and hide that no newer one comes.
    pub(crate) fn check_time(&self, path: &str, time: i64, arrived: i64) -> Result<(), EventFault> {
        if time.saturating_sub(arrived) <= self.micros {
            return Ok(());
        }
        let reason = format!(
            "the event's time is more than {} after the record's arrival",
            self.text
        );
        Err(EventFault::new("event.time_ahead", path, &reason))
    }
}
