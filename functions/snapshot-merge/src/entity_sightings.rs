//! When the sources of an entity stated it: the first date is the least of those times.
//!
//! Pure. A sighting is a change by which a source states an entity, or deletes it. The entity was
//! first seen at the least event time of the sightings that version precedence puts behind the
//! source's last deletion of it. That depends only on which sightings there are: not on the order
//! in which they come, nor on repeats, nor on how they are spread over days. So those are
//! remembered that a later deletion could make the first, at most [`MAX_SIGHTINGS`] of each source.

use std::collections::BTreeMap;

use pole::{LogPosition, Precedence, stable_id};
use serde::{Deserialize, Serialize};

/// Sightings of one source that are remembered. Of more, the first one and the latest ones stay: a
/// deletion that comes after, and falls between those that are left out, then gives a later first
/// date. An entry takes some 25 bytes of a compressed file.
pub(crate) const MAX_SIGHTINGS: usize = 32;

/// One change by which a source states an entity, or deletes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// Its rank among the source's sightings.
    pub(crate) precedence: Precedence,
    /// A hash of the event's id: an event that was sent twice counts at its first position.
    pub(crate) event: u64,
    /// A hash of the record's key: an erasure takes out what the record counted. 0 when unknown.
    pub(crate) record: u64,
    /// Whether the source deleted the entity.
    pub(crate) is_deletion: bool,
}

/// What is remembered of an entity, by source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EntitySightings(BTreeMap<String, Vec<Sighting>>);

/// A sighting as it is stored.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum StoredSighting {
    /// The one that the entity's row shows: version and record.
    OfRow(Option<i64>, u64),
    /// Version, event time, its nanoseconds, append time, partition, offset, event, record, and
    /// whether it is a deletion.
    Other(Option<i64>, i64, i64, i64, i64, i64, u64, u64, bool),
}

/// A hash of an event's id.
pub(crate) fn hash_event(id: &str) -> u64 {
    hash_text("entity-event", &[id])
}

/// A hash of a record's key in its source.
pub(crate) fn hash_record(source: &str, key: &str) -> u64 {
    hash_text("entity-record", &[source, key])
}

fn hash_text(namespace: &str, parts: &[&str]) -> u64 {
    let (high, _) = stable_id(namespace, parts).as_u64_pair();
    high
}

impl EntitySightings {
    /// Reads what a row remembers. `of_row` is the sighting that the row shows.
    ///
    /// # Errors
    /// When the text is not what [`Self::to_text`] writes.
    pub(crate) fn parse(text: &str, of_row: &Sighting) -> Result<Self, serde_json::Error> {
        let stored: BTreeMap<String, Vec<StoredSighting>> = serde_json::from_str(text)?;
        let by_source = stored.into_iter().map(|(source, sightings)| {
            let sightings = sightings.iter().map(|stored| stored.to_sighting(of_row));
            (source, sightings.collect())
        });
        Ok(Self(by_source.collect()))
    }

    /// The text of it, for the row that shows the sighting `of_row`.
    ///
    /// # Errors
    /// Never: every part can be written as JSON.
    pub(crate) fn to_text(&self, of_row: &Sighting) -> Result<String, serde_json::Error> {
        let stored: BTreeMap<&str, Vec<StoredSighting>> = self
            .0
            .iter()
            .map(|(source, sightings)| {
                let stored = sightings
                    .iter()
                    .map(|known| StoredSighting::of_sighting(known, of_row));
                (source.as_str(), stored.collect())
            })
            .collect();
        serde_json::to_string(&stored)
    }

    /// Whether nothing is remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a sighting by a source.
    pub(crate) fn add(&mut self, source: &str, sighting: Sighting) {
        match self.0.get_mut(source) {
            Some(known) => known.push(sighting),
            None => {
                self.0.insert(source.to_owned(), vec![sighting]);
            }
        }
    }

    /// Adds the sighting that a row shows, where no event of the source told of it: of a row from
    /// before sightings were remembered nothing else is known.
    pub(crate) fn add_shown(&mut self, source: &str, sighting: Sighting) {
        let known = self.0.get(source).map_or(&[][..], Vec::as_slice);
        if !known.iter().any(|known| known.event == sighting.event) {
            self.add(source, sighting);
        }
    }

    /// Adds all that another one remembers.
    pub(crate) fn add_all(&mut self, other: Self) {
        for (source, sightings) in other.0 {
            self.0.entry(source).or_default().extend(sightings);
        }
    }

    /// Drops what no later sighting can make count.
    pub(crate) fn reduce(&mut self) {
        for sightings in self.0.values_mut() {
            reduce_sightings(sightings);
        }
        self.0.retain(|_, sightings| !sightings.is_empty());
    }

    /// The least event time of a source's sightings behind its last deletion, in microseconds;
    /// none when there are none. It has to be reduced.
    pub(crate) fn first_seen(&self, source: &str) -> Option<i64> {
        let sightings = self.0.get(source)?;
        let deletion = last_deletion(sightings);
        let counted = sightings
            .iter()
            .filter(|known| deletion.is_none_or(|deletion| known.precedence > deletion.precedence));
        counted.map(|known| known.precedence.event_time).min()
    }

    /// Takes out the sightings by records; returns whether there were any.
    pub(crate) fn remove_records(&mut self, is_removed: impl Fn(&str, u64) -> bool) -> bool {
        let mut removed = false;
        for (source, sightings) in &mut self.0 {
            let before = sightings.len();
            sightings.retain(|known| !is_removed(source, known.record));
            removed |= sightings.len() < before;
        }
        self.0.retain(|_, sightings| !sightings.is_empty());
        removed
    }
}

fn last_deletion(sightings: &[Sighting]) -> Option<Sighting> {
    let deletions = sightings.iter().filter(|known| known.is_deletion);
    deletions.max_by_key(|known| known.precedence).copied()
}

/// Keeps the last deletion, what ties with it, and of the sightings behind it those that a later
/// deletion could make the first.
fn reduce_sightings(sightings: &mut Vec<Sighting>) {
    join_repeats(sightings);
    sightings.sort_by_key(|known| (known.precedence, known.event));
    let Some(deletion) = last_deletion(sightings) else {
        *sightings = keep_earliest(sightings);
        return;
    };

    let deletion = deletion.precedence;
    let behind = sightings.partition_point(|known| known.precedence <= deletion);
    let counted = keep_earliest(&sightings[behind..]);
    sightings.truncate(behind);
    sightings.retain(|known| known.precedence.has_same_version_and_time(&deletion));
    sightings.extend(counted);
}

/// Those of the sightings, in their order, before whose time none behind them happened: each is
/// the first once everything before it is deleted. Of too many the second and those that follow it
/// are left out.
fn keep_earliest(sightings: &[Sighting]) -> Vec<Sighting> {
    let mut earliest = i64::MAX;
    let mut kept = Vec::with_capacity(sightings.len());
    for known in sightings.iter().rev() {
        let time = known.precedence.event_time;
        if time <= earliest {
            earliest = time;
            kept.push(*known);
        }
    }

    kept.reverse();
    if let Some(excess) = kept.len().checked_sub(MAX_SIGHTINGS) {
        kept.drain(1..=excess);
    }
    kept
}

/// Joins the rows of one event: it counts at its first position, under the version of those of its
/// rows that have one, and as a deletion where it deleted the entity from every table.
fn join_repeats(sightings: &mut Vec<Sighting>) {
    sightings.sort_by_key(|known| (known.event, known.precedence.position));
    sightings.dedup_by(|repeat, first| {
        if repeat.event != first.event {
            return false;
        }
        first.precedence.version = first.precedence.version.max(repeat.precedence.version);
        first.is_deletion &= repeat.is_deletion;
        true
    });
}

impl StoredSighting {
    fn of_sighting(sighting: &Sighting, of_row: &Sighting) -> Self {
        let Sighting {
            precedence,
            event,
            record,
            is_deletion,
        } = *sighting;
        let Precedence {
            version,
            event_time,
            event_time_nanos,
            position,
        } = precedence;
        let shown = Sighting {
            precedence: Precedence {
                version,
                ..of_row.precedence
            },
            record,
            ..*of_row
        };
        if *sighting == shown {
            return Self::OfRow(version, record);
        }
        let LogPosition {
            appended,
            partition,
            offset,
        } = position;
        Self::Other(
            version,
            event_time,
            event_time_nanos,
            appended,
            partition,
            offset,
            event,
            record,
            is_deletion,
        )
    }

    fn to_sighting(self, of_row: &Sighting) -> Sighting {
        match self {
            Self::OfRow(version, record) => Sighting {
                precedence: Precedence {
                    version,
                    ..of_row.precedence
                },
                record,
                ..*of_row
            },
            Self::Other(
                version,
                event_time,
                event_time_nanos,
                appended,
                partition,
                offset,
                event,
                record,
                is_deletion,
            ) => Sighting {
                precedence: Precedence {
                    version,
                    event_time,
                    event_time_nanos,
                    position: LogPosition {
                        appended,
                        partition,
                        offset,
                    },
                },
                event,
                record,
                is_deletion,
            },
        }
    }
}

#[cfg(test)]
mod tests;
