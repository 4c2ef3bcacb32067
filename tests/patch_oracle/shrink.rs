//! Makes a failing stream small, and writes down all that repeats it.

use std::fmt::Write as _;

use snapshot_merge::MergeSizes;

use super::judge::EventVerdict;
use super::world::{OracleDifference, OracleWorld};

/// How many smaller worlds are tried.
const ATTEMPTS: usize = 400;

/// What finds the first difference of a world.
pub(super) type FindDifference<'f> = &'f dyn Fn(&OracleWorld) -> Option<OracleDifference>;

struct StreamShrinker<'f> {
    find: FindDifference<'f>,
    attempts: usize,
    /// The smallest world that still fails, of one stream.
    world: OracleWorld,
    difference: OracleDifference,
}

/// The smallest world that is found of one that fails, and its difference.
pub(super) fn shrink(
    world: OracleWorld,
    difference: OracleDifference,
    find: FindDifference<'_>,
) -> (OracleWorld, OracleDifference) {
    let mut shrinker = StreamShrinker {
        find,
        attempts: 0,
        world,
        difference,
    };
    shrinker.shrink_days();
    shrinker.shrink_log();
    shrinker.shrink_days();
    shrinker.shrink_records();
    shrinker.shrink_bodies();
    shrinker.shrink_log();
    (shrinker.world, shrinker.difference)
}

impl StreamShrinker<'_> {
    /// Keeps a smaller world when it fails too.
    fn try_world(&mut self, world: OracleWorld) -> bool {
        if self.attempts >= ATTEMPTS {
            return false;
        }
        self.attempts += 1;
        match (self.find)(&world) {
            Some(difference) => {
                self.difference = difference;
                self.world = world;
                true
            }
            None => false,
        }
    }

    fn shrink_days(&mut self) {
        let mut plain = self.world.alone(0);
        plain.sizes.fill(MergeSizes::default());
        self.try_world(plain);

        let mut one_day = self.world.alone(0);
        one_day.sizes.truncate(1);
        one_day.streams[0]
            .log
            .iter_mut()
            .for_each(|(_, day)| *day = 0);
        self.try_world(one_day);
    }

    /// Leaves out parts of the log, ever smaller ones.
    fn shrink_log(&mut self) {
        let mut size = self.world.streams[0].log.len().div_ceil(2);
        while size > 0 {
            let mut from = 0;
            while from < self.world.streams[0].log.len() {
                let mut smaller = self.world.alone(0);
                let log = &mut smaller.streams[0].log;
                let to = (from + size).min(log.len());
                log.drain(from..to);
                if !self.try_world(smaller) {
                    from += size;
                }
            }
            size /= 2;
        }
    }

    /// Leaves out records of the mapping, and columns. The events' verdicts may not hold then, so
    /// only a difference of rows counts.
    fn shrink_records(&mut self) {
        for place in (0..self.world.streams[0].source.records.len()).rev() {
            let mut smaller = self.world.alone(0);
            let records = &mut smaller.streams[0].source.records;
            if records.len() > 1 {
                records.remove(place);
                self.try_rows(smaller);
            }
        }
        for record in 0..self.world.streams[0].source.records.len() {
            let count = self.world.streams[0].source.records[record].columns.len();
            for place in (0..count).rev() {
                let mut smaller = self.world.alone(0);
                let record = &mut smaller.streams[0].source.records[record];
                let (_, required) =
                    super::tables::column_type(record.table, record.columns[place].column);
                if !required && record.columns.len() > 1 {
                    record.columns.remove(place);
                    self.try_rows(smaller);
                }
            }
        }
    }

    fn try_rows(&mut self, world: OracleWorld) -> bool {
        let kept = self.world.alone(0);
        let before = self.difference.text.clone();
        let fails = self.try_world(world);
        if fails && !self.difference.text.starts_with('`') {
            self.world = kept;
            self.difference.text = before;
            return false;
        }
        fails
    }

    /// Leaves out fields of the records that events carry.
    fn shrink_bodies(&mut self) {
        for event in 0..self.world.streams[0].events.len() {
            let is_needed = |(logged, _): &(usize, usize)| *logged == event;
            if !self.world.streams[0].log.iter().any(is_needed) {
                continue;
            }
            let body = &self.world.streams[0].events[event].body;
            let Some(object) = body.as_object() else {
                continue;
            };
            let names: Vec<String> = object.keys().cloned().collect();
            for name in names {
                let mut smaller = self.world.alone(0);
                let event = &mut smaller.streams[0].events[event];
                if event.verdict != EventVerdict::Accepted || !event.value["entity"].is_null() {
                    continue;
                }
                event.body.as_object_mut().unwrap().remove(&name);
                event.value["eventData"]["newData"] = event.body.clone();
                self.try_rows(smaller);
            }
        }
    }
}

/// All that repeats a difference by hand: the contract, the mapping, the events by day.
pub(super) fn reproduction(world: &OracleWorld, difference: &OracleDifference) -> String {
    let mut text = String::new();
    let stream = &world.streams[difference.stream];
    for record in &stream.source.records {
        let _ = writeln!(text, "{}", record.to_json());
    }
    let _ = writeln!(
        text,
        "{:?}, versions: {}, requires code: {}",
        stream.source.events, stream.source.counts_versions, stream.source.requires_code
    );
    for (day, sizes) in world.sizes.iter().enumerate() {
        let _ = writeln!(text, "day {day}, {sizes:?}");
        for event in stream.log_of(day) {
            let event = &stream.events[event];
            let _ = writeln!(text, "  {:?} {}", event.verdict, event.value);
        }
    }
    let _ = writeln!(text, "{}", difference.text);
    text
}
