//! Events by chance, the log in which they arrive, and the days into which the log is cut.

use serde_json::{Value, json};

use super::dice::SeededDice;
use super::draw::draw_source;
use super::fields::{RECORD, draw_misfit, draw_object, draw_value, field_kind};
use super::judge::{EventVerdict, judge_patch, judge_whole};
use super::shape::RecordShape;
use super::source::{EventDeed, SourceShape};
use super::truth::OracleEvent;
use super::values::one_spelling;

/// The keys that records have. The second is a UUID, which has several spellings.
const KEYS: [&str; 4] = ["k-1", "5f0c1d2e-3a4b-4c5d-8e6f-7a8b9c0d1e2f", "k-3", "k-4"];

/// How often a patch is made again whose verdict the rules leave open.
const TRIES: usize = 30;

/// A source with its events.
#[derive(Clone, Debug)]
pub(super) struct OracleStream {
    pub(super) source: SourceShape,
    pub(super) events: Vec<OracleEvent>,
    /// The events in the order in which they arrive, each with its day; some arrive again.
    pub(super) log: Vec<(usize, usize)>,
}

impl OracleStream {
    /// A stream over this many days.
    pub(super) fn draw(name: &str, days: usize, has_patches: bool, seed: u64) -> Self {
        let mut dice = SeededDice::new(seed);
        let source = draw_source(name, has_patches, &mut dice);
        let count = dice.between(3, 22);
        let keys = dice.between(1, 3);
        let mut events: Vec<OracleEvent> = Vec::with_capacity(count);
        for _ in 0..count {
            let event = EventDraw::new(&source, &events, keys, &mut dice).draw();
            events.push(event);
        }
        let log = draw_log(count, days, &mut dice);
        Self {
            source,
            events,
            log,
        }
    }

    /// What has arrived at the end of a day.
    pub(super) fn log_until(&self, day: usize) -> Vec<usize> {
        let arrived = self.log.iter().filter(|(_, arrives)| *arrives <= day);
        arrived.map(|(event, _)| *event).collect()
    }

    /// What arrives on a day.
    pub(super) fn log_of(&self, day: usize) -> Vec<usize> {
        let arrived = self.log.iter().filter(|(_, arrives)| *arrives == day);
        arrived.map(|(event, _)| *event).collect()
    }
}

/// The events in an order near to that of their times, or in any; some of them again, anywhere.
fn draw_log(count: usize, days: usize, dice: &mut SeededDice) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..count).collect();
    match dice.below(3) {
        0 => {}
        1 => dice.shuffle(&mut order),
        _ => {
            for _ in 0..dice.between(1, 4) {
                let (from, to) = (dice.below(count), dice.below(count));
                let moved = order.remove(from);
                order.insert(to, moved);
            }
        }
    }
    if dice.chance(50) {
        for _ in 0..dice.between(1, 5) {
            let again = order[dice.below(order.len())];
            let place = dice.below(order.len() + 1);
            order.insert(place, again);
        }
    }
    let mut arrivals: Vec<usize> = order.iter().map(|_| dice.below(days)).collect();
    arrivals.sort_unstable();
    order.into_iter().zip(arrivals).collect()
}

/// One event in the making.
struct EventDraw<'d> {
    source: &'d SourceShape,
    number: usize,
    kind: &'static str,
    deed: EventDeed,
    key: Vec<String>,
    version: Option<i64>,
    time: (i64, i64),
    dice: &'d mut SeededDice,
}

impl<'d> EventDraw<'d> {
    /// An event after others.
    fn new(
        source: &'d SourceShape,
        before: &[OracleEvent],
        keys: usize,
        dice: &'d mut SeededDice,
    ) -> Self {
        let number = before.len();
        // Mostly later than the event before, with ties.
        let minute = (number / 2 + dice.below(4)) as i64;
        let nanos = *dice.pick(&[0, 0, 0, 1, 800]);
        let mut key = vec![KEYS[dice.below(keys)].to_owned()];
        if source.has_branches {
            key.insert(0, (*dice.pick(&["n", "s"])).to_owned());
        }
        let mut of_record = before.iter().rev().filter(|event| event.key == key);
        let last = of_record.next().map(|event| event.deed);
        let (kind, deed) = draw_kind(source, last, dice);
        let version = match dice.chance(70) {
            true => number / 2,
            false => dice.below(12),
        };
        Self {
            source,
            number,
            kind,
            deed,
            key,
            version: source.counts_versions.then_some(version as i64),
            time: (minute, nanos),
            dice,
        }
    }

    /// The event; a patch of which nobody can say whether it breaks the contract is made again.
    fn draw(mut self) -> OracleEvent {
        for _ in 0..TRIES {
            let event = self.draw_once();
            if event.verdict != EventVerdict::Unclear {
                return event;
            }
        }
        let body = json!({});
        let value = self.envelope(&body);
        self.event(value, body, EventVerdict::Accepted)
    }

    fn draw_once(&mut self) -> OracleEvent {
        match self.deed {
            EventDeed::Delete | EventDeed::Ignore => {
                let value = self.envelope(&Value::Null);
                return self.event(value, Value::Null, EventVerdict::Accepted);
            }
            EventDeed::Whole | EventDeed::Patch | EventDeed::CreateOrPatch => {}
        }
        if self.dice.chance(4) {
            return self.draw_unread();
        }
        // The state that was fetched, or a file's record, makes a whole record of a patch.
        if self.deed == EventDeed::Patch && self.dice.chance(6) {
            let body = self.whole_body();
            let mut value = self.envelope(&unread_body());
            value["entity"] = body.clone();
            let verdict = judge_whole(self.source, &value, &body);
            let event = self.event(value, body, verdict);
            return OracleEvent {
                deed: EventDeed::Whole,
                ..event
            };
        }
        let mut body = match self.deed {
            EventDeed::Whole => self.whole_body(),
            _ => self.patch_body(),
        };
        if self.dice.chance(4) {
            let (name, kind) = self.dice.pick(RECORD);
            body[name] = draw_misfit(kind, self.dice);
        }
        let value = self.envelope(&body);
        let verdict = match self.deed {
            EventDeed::Whole => judge_whole(self.source, &value, &body),
            _ => judge_patch(self.source, &value, &body),
        };
        self.event(value, body, verdict)
    }

    /// An event that nobody can read.
    fn draw_unread(&mut self) -> OracleEvent {
        let unread = [
            json!("text"),
            json!(7),
            json!([{"name": "ada"}]),
            Value::Null,
        ];
        let body = self.dice.pick(&unread).clone();
        let mut value = self.envelope(&body);
        match self.dice.below(3) {
            0 if self.source.counts_versions => value["version"] = Value::Null,
            1 => value["dateTime"] = json!("soon"),
            _ => {}
        }
        self.event(value, body, EventVerdict::Refused)
    }

    fn whole_body(&mut self) -> Value {
        let mut body = draw_object(RECORD, 75, self.dice);
        if self.source.requires_code && self.dice.chance(92) {
            body["code"] = json!("x");
        }
        body
    }

    /// Some fields; of an object, some of its members. Most patches also change what rows there
    /// are, or a part of a value that is joined.
    fn patch_body(&mut self) -> Value {
        let mut body = json!({});
        for (name, kind) in self.dice_some(RECORD.len()) {
            body[name] = draw_value(kind, self.dice);
        }
        match self.dice.below(10) {
            0..5 => self.turn_condition(&mut body),
            5..8 => self.change_shape(&mut body),
            _ => {}
        }
        body
    }

    /// Sets all that a condition reads, or takes all of it away.
    fn turn_condition(&mut self, body: &mut Value) {
        let mut conditions: Vec<Vec<&'static str>> = self
            .source
            .records
            .iter()
            .map(RecordShape::condition_fields)
            .collect();
        conditions.retain(|fields| !fields.is_empty());
        if conditions.is_empty() {
            return;
        }
        let is_taken = self.dice.chance(40);
        for name in self.dice.pick(&conditions) {
            body[*name] = match is_taken {
                true => Value::Null,
                false => draw_value(field_kind(name), self.dice),
            };
        }
    }

    /// Sets the list of a record, or one part of a value that is joined.
    fn change_shape(&mut self, body: &mut Value) {
        let fields = self.dice.pick(&self.source.records).shaping_fields();
        if !fields.is_empty() {
            let name = *self.dice.pick(&fields);
            body[name] = draw_value(field_kind(name), self.dice);
        }
    }

    fn dice_some(
        &mut self,
        count: usize,
    ) -> Vec<(&'static str, &'static super::fields::FieldKind)> {
        let fields: Vec<_> = RECORD.iter().map(|(name, kind)| (*name, kind)).collect();
        let most = if self.dice.chance(80) { 3 } else { count };
        self.dice.some(&fields, 0, most)
    }

    fn envelope(&mut self, body: &Value) -> Value {
        let (minute, nanos) = self.time;
        let fraction = match nanos {
            0 => String::new(),
            nanos => format!(".{nanos:09}"),
        };
        let mut value = json!({
            "id": format!("e{}", self.number), "eventType": self.kind,
            "dateTime": format!("2026-03-02T08:{minute:02}:00{fraction}Z"),
            "entityId": self.spelling(),
            "eventData": {"oldData": null, "newData": body},
        });
        if self.source.has_branches {
            value["branch"] = json!(self.key[0]);
        }
        if let Some(version) = self.version {
            value["version"] = json!(version);
        }
        value
    }

    /// One of the spellings of the record's id.
    fn spelling(&mut self) -> String {
        let id = self.key.last().unwrap();
        let spelling = match self.dice.below(8) {
            0 => format!(" {id}"),
            1 if id.len() == 36 => id.to_uppercase(),
            _ => id.clone(),
        };
        assert_eq!(one_spelling(&spelling), *id);
        spelling
    }

    fn event(&self, value: Value, body: Value, verdict: EventVerdict) -> OracleEvent {
        OracleEvent {
            value,
            deed: self.deed,
            key: self.key.clone(),
            version: self.version,
            time: self.time,
            body,
            verdict,
        }
    }
}

/// A body that nothing reads, beside a state.
fn unread_body() -> Value {
    json!({"name": "unread"})
}

/// An event type: patches come more often than deletions, and most often after one.
fn draw_kind(
    source: &SourceShape,
    last: Option<EventDeed>,
    dice: &mut SeededDice,
) -> (&'static str, EventDeed) {
    let weight = |deed: EventDeed| match deed {
        EventDeed::Patch if last == Some(EventDeed::Delete) => 20,
        EventDeed::Whole => 4,
        EventDeed::Patch => 6,
        EventDeed::CreateOrPatch => 3,
        EventDeed::Delete => 2,
        EventDeed::Ignore => 1,
    };
    let total = source.events.iter().map(|(_, deed)| weight(*deed)).sum();
    let mut rest = dice.below(total);
    for (kind, deed) in &source.events {
        if rest < weight(*deed) {
            return (kind, *deed);
        }
        rest -= weight(*deed);
    }
    source.events[0]
}
