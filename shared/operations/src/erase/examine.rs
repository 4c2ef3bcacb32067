//! One chunk: its raw object, its refined rows, its refused records and its receipt, and what each of them must become.

use std::collections::BTreeSet;

use bytes::Bytes;
use lake::{Chunk, LakeError, RawBatch, Receipt};
use store::{Metadata, Object, ObjectStore};

use super::books::{self, Found};
use super::inventory::Objects;
use super::judge::{Judge, Judgement};
use super::needles::Needles;
use super::outcome::Zone;
use super::quarantine::{self, Sifted};
use super::raw::{self, Judgements};
use super::refined::Increment;
use super::subject::Subjects;
use crate::Failed;
use crate::Zones;

/// Who is searched for, and how far the search goes.
pub(super) struct Sight {
    pub(super) subjects: Subjects,
    pub(super) needles: Needles,
    pub(super) whole_records: bool,
}

/// An object that must become another one.
pub(super) struct Change {
    pub(super) zone: Zone,
    pub(super) key: String,
    /// What it was when it was looked at.
    pub(super) etag: String,
    pub(super) body: Bytes,
    pub(super) metadata: Metadata,
    /// Rows or records.
    pub(super) count: u64,
}

/// What rows told of a chunk's records, by offset. It is kept, for the rows go before the records.
#[derive(Clone, Default)]
pub(super) struct Hints {
    naming: BTreeSet<i64>,
    about: BTreeSet<i64>,
}

/// A chunk, looked at.
#[derive(Default)]
pub(super) struct Examined {
    /// In the order in which they are to be written: rows, refused records, receipt, raw records.
    pub(super) changes: Vec<Change>,
    pub(super) hints: Hints,
    /// Whether a raw record of it tells whom it is about.
    pub(super) tells_a_key: bool,
    /// The offsets of records that only a person can mend.
    pub(super) by_hand: BTreeSet<i64>,
}

/// Looks at a chunk. `hints` are of an earlier look.
///
/// # Errors
/// When the storage does not answer or an object is damaged.
pub(super) async fn examine(
    zones: &Zones,
    sight: &Sight,
    (chunk, objects): (&Chunk, &Objects),
    hints: &Hints,
) -> Result<Examined, Failed> {
    let mut work = Work {
        zones,
        sight,
        chunk,
        found: Found::default(),
        examined: Examined::default(),
    };
    work.examined.hints = hints.clone();
    let increments = work.increments(objects).await?;
    let judge = Judge {
        subjects: &sight.subjects,
        needles: &sight.needles,
        plan: zones.catalogue.topic(&chunk.topic),
        whole_records: sight.whole_records,
    };
    let raw = match objects.raw {
        true => there(&*zones.raw, &chunk.raw_key()).await?,
        false => None,
    };
    let batches = match &raw {
        Some(raw) => {
            lake::decode_raw(raw.body.clone()).map_err(|error| at(&chunk.raw_key(), &error))?
        }
        None => Vec::new(),
    };
    let mut judgements = work.judged(&batches, &judge);
    if raw.is_some() {
        work.count(&batches, &judgements);
        work.examined.tells_a_key = raw::tells_a_key(&batches, &judgements, judge.plan);
    }
    work.refused(objects, &judge, &mut judgements).await?;
    work.rows(increments, &judgements)?;
    if objects.receipt {
        work.receipt().await?;
    }
    if let Some(raw) = raw {
        work.records(&raw, &batches, &judgements)?;
    }
    let by_hand = judgements
        .iter()
        .filter(|(_, one)| **one == Judgement::ByHand)
        .map(|(offset, _)| *offset);
    work.examined.by_hand = by_hand.collect();
    Ok(work.examined)
}

struct Work<'w> {
    zones: &'w Zones,
    sight: &'w Sight,
    chunk: &'w Chunk,
    found: Found,
    examined: Examined,
}

impl<'w> Work<'w> {
    /// The refined objects, and what they tell of the records.
    async fn increments(
        &mut self,
        objects: &Objects,
    ) -> Result<Vec<(String, Object, Increment<'w>)>, Failed> {
        let mut increments = Vec::new();
        for (table, key) in &objects.refined {
            let Some(object) = there(&*self.zones.refined, key).await? else {
                continue;
            };
            let table = &self.zones.catalogue.tables[*table];
            let increment =
                Increment::decode(table, object.body.clone()).map_err(|error| at(key, &error))?;
            let (naming, about) = increment
                .located(&self.sight.subjects)
                .map_err(|error| at(key, &error))?;
            self.examined.hints.naming.extend(naming);
            self.examined.hints.about.extend(about);
            self.found.rows.insert(key.clone(), increment.rows());
            increments.push((key.clone(), object, increment));
        }
        Ok(increments)
    }

    /// The records' judgements. What rows say of a record outweighs what a mapping of today makes of it.
    fn judged(&mut self, batches: &[RawBatch], judge: &Judge<'_>) -> Judgements {
        let hints = &self.examined.hints;
        let located = |offset| hints.naming.contains(&offset) || hints.about.contains(&offset);
        let mut judgements = raw::judged(batches, judge, located);
        let there = batches
            .iter()
            .flat_map(|batch| (0..batch.len()).map(|row| batch.offset(row)));
        for offset in there.filter(|offset| hints.about.contains(offset)) {
            let judgement = judgements.entry(offset).or_insert(Judgement::Clear);
            if !matches!(judgement, Judgement::Erased | Judgement::About { .. }) {
                *judgement = Judgement::About { ignored: false };
            }
        }
        judgements
    }

    fn count(&mut self, batches: &[RawBatch], judgements: &Judgements) {
        let of = |wanted: fn(&Judgement) -> bool| {
            judgements.values().filter(|one| wanted(one)).count() as u64
        };
        self.found.erased = Some(of(|one| {
            matches!(one, Judgement::About { .. } | Judgement::Erased)
        }));
        self.found.ignored = of(|one| *one == Judgement::About { ignored: true });
        self.found.origins = raw::origins(batches, judgements).into_iter().collect();
    }

    async fn refused(
        &mut self,
        objects: &Objects,
        judge: &Judge<'_>,
        judgements: &mut Judgements,
    ) -> Result<(), Failed> {
        let Some(key) = &objects.quarantine else {
            return Ok(());
        };
        let Some(object) = there(&*self.zones.refined, key).await? else {
            return Ok(());
        };
        let Sifted {
            judgements: refused,
            left,
            rewritten,
        } = quarantine::sifted(self.chunk, object.body.clone(), judge)
            .map_err(|error| at(key, &error))?;
        for (offset, judgement) in refused {
            judgements.entry(offset).or_insert(judgement);
        }
        self.found.refused = Some(left);
        if let Some((body, count)) = rewritten {
            self.change(Zone::Quarantine, key, object, body, count);
        }
        Ok(())
    }

    fn rows(
        &mut self,
        increments: Vec<(String, Object, Increment<'_>)>,
        judgements: &Judgements,
    ) -> Result<(), Failed> {
        let whole = judgements
            .iter()
            .filter(|(_, one)| matches!(one, Judgement::About { .. } | Judgement::Erased));
        let mut about: BTreeSet<i64> = whole.map(|(offset, _)| *offset).collect();
        about.extend(&self.examined.hints.about);
        self.found.seen = self.examined.hints.about.len() as u64;
        for (key, object, increment) in increments {
            let cut = increment
                .without(&self.sight.subjects, &about)
                .map_err(|error| at(&key, &error))?;
            if let Some((body, left, gone)) = cut {
                self.found.rows.insert(key.clone(), left);
                self.change(Zone::Refined, &key, object, body, gone);
            }
        }
        Ok(())
    }

    async fn receipt(&mut self) -> Result<(), Failed> {
        let key = self.chunk.receipt_key();
        let Some(object) = there(&*self.zones.refined, &key).await? else {
            return Ok(());
        };
        let before = Receipt::decode(&object.body).map_err(|error| at(&key, &error))?;
        let after = books::balanced(before.clone(), &self.found);
        if after != before {
            let body = Bytes::from(after.encode()?);
            self.change(
                Zone::Receipt,
                &key,
                object,
                body,
                after.erased - before.erased,
            );
        }
        Ok(())
    }

    fn records(
        &mut self,
        raw: &Object,
        batches: &[RawBatch],
        judgements: &Judgements,
    ) -> Result<(), Failed> {
        let key = self.chunk.raw_key();
        let next = raw.metadata.get("next").and_then(|text| text.parse().ok());
        let next = next.ok_or_else(|| {
            format!("{key} has no `next`: it is not part of the chain; move it away")
        })?;
        let rewritten = raw::rewritten(self.chunk, next, batches, judgements)
            .map_err(|error| at(&key, &error))?;
        if let Some((body, count)) = rewritten {
            self.change(Zone::Raw, &key, raw.clone(), body, count);
        }
        Ok(())
    }

    fn change(&mut self, zone: Zone, key: &str, object: Object, body: Bytes, count: u64) {
        let Object { etag, metadata, .. } = object;
        self.examined.changes.push(Change {
            zone,
            key: key.to_owned(),
            etag,
            body,
            metadata,
            count,
        });
    }
}

fn at(key: &str, error: &LakeError) -> Failed {
    format!("{key} cannot be read: {error}; `polelake audit --deep` tells what else is damaged")
        .into()
}

/// The object; none when it went since it was listed.
async fn there(store: &dyn ObjectStore, key: &str) -> Result<Option<Object>, Failed> {
    match store.get(key).await {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
