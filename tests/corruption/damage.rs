//! What is done to an object, chosen by a seed.

use bytes::Bytes;
use operations::audit::LakeAudit;

use super::kept_lake::{KeptLake, ObjectContent, ObjectPlace};

/// What can be done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DamageKind {
    /// One bit of it is another one.
    Flipped,
    /// Its end is missing.
    Truncated,
    Missing,
    /// A copy of it stands beside it.
    Added,
    /// It holds what another object of its kind holds.
    Swapped,
    /// It holds what it held before.
    Replayed,
}

impl DamageKind {
    pub(super) const ALL: [Self; 6] = [
        Self::Flipped,
        Self::Truncated,
        Self::Missing,
        Self::Added,
        Self::Swapped,
        Self::Replayed,
    ];
}

/// One damage.
#[derive(Debug)]
pub(super) struct ObjectDamage {
    kind: DamageKind,
    place: ObjectPlace,
    /// What the place holds then; nothing where the object is missing.
    content: Option<ShownContent>,
}

/// A content that a failing test does not print.
struct ShownContent(ObjectContent);

impl std::fmt::Debug for ShownContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.body.len())
    }
}

impl ObjectDamage {
    /// Chooses an object, and what is done to it; none when no object can be damaged so.
    pub(super) fn choose(lake: &KeptLake, kind: DamageKind, seed: u64) -> Option<Self> {
        let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(31) + kind as u64);
        let places: Vec<&ObjectPlace> = match kind {
            DamageKind::Replayed => lake.earlier.keys().collect(),
            _ => lake.objects.keys().collect(),
        };
        let places: Vec<&ObjectPlace> = places
            .into_iter()
            .filter(|place| is_audited(place, kind))
            .collect();
        let place = random.choice(places)?.clone();
        let present = &lake.objects[&place];
        let content = match kind {
            DamageKind::Flipped => Some(flip_bit(present, &mut random)),
            DamageKind::Truncated => Some(truncate(present, &mut random)),
            DamageKind::Missing => None,
            DamageKind::Added => Some(present.clone()),
            DamageKind::Swapped => Some(find_other_content(lake, &place, &mut random)?),
            DamageKind::Replayed => random.choice(&lake.earlier[&place]).cloned(),
        };
        let place = match kind {
            DamageKind::Added => (place.0, beside(&place.1)),
            _ => place,
        };
        Some(Self {
            kind,
            place,
            content: content.map(ShownContent),
        })
    }

    /// The object that is damaged or added.
    pub(super) fn place(&self) -> &ObjectPlace {
        &self.place
    }

    pub(super) async fn apply(&self, lake: &KeptLake) {
        let content = self.content.as_ref().map(|shown| &shown.0);
        lake.write(&self.place, content).await;
    }

    /// Whether the audit finds it. What is damaged in its content is named; of what is missing or
    /// added, another object may say so.
    pub(super) fn is_found_in(&self, audit: &LakeAudit) -> bool {
        let key = self.place.1.as_str();
        match self.kind {
            DamageKind::Flipped | DamageKind::Truncated => {
                audit.findings.iter().any(|finding| finding.object == key)
            }
            _ => !audit.findings.is_empty(),
        }
    }
}

/// Whether an audit can find such a damage of this object.
fn is_audited((_, key): &ObjectPlace, kind: DamageKind) -> bool {
    // A lost profile is measured again; one that is not what was written is not read.
    let is_measured_again = key.starts_with("curated/_state/") && key.ends_with(".json");
    // A lost hint of a log's end is written again, and one of an earlier end is one of any moment.
    let is_hint = key.starts_with("raw/_log/");
    // A lost index of a day's events costs a search requests; the receipts say the same.
    let is_event_index = key.starts_with("curated/_events/");
    // Records of replaced objects are read by their names alone; one more accepts nothing.
    let is_record = key.starts_with("curated/_replaced/");
    let is_folder_of_versions = key.starts_with("curated/_state/");
    // Files of Iceberg's metadata that an erasure wrote again stay until a sweep; nothing names them.
    let is_iceberg = key.contains("/metadata/");
    match kind {
        _ if is_record => false,
        DamageKind::Missing if is_iceberg => key.ends_with(".text"),
        DamageKind::Missing => !is_measured_again && !is_hint && !is_event_index,
        DamageKind::Swapped | DamageKind::Replayed => !is_hint,
        DamageKind::Added => !is_folder_of_versions,
        _ => true,
    }
}

/// The content with one bit changed.
pub(super) fn flip_bit(content: &ObjectContent, random: &mut fastrand::Rng) -> ObjectContent {
    let mut body = content.body.to_vec();
    let position = random.usize(..body.len());
    body[position] ^= 1 << random.u8(..8);
    with_body(content, body)
}

fn truncate(content: &ObjectContent, random: &mut fastrand::Rng) -> ObjectContent {
    let length = random.usize(..content.body.len());
    with_body(content, content.body[..length].to_vec())
}

fn with_body(content: &ObjectContent, body: Vec<u8>) -> ObjectContent {
    ObjectContent {
        body: Bytes::from(body),
        metadata: content.metadata.clone(),
    }
}

/// What another object of the same kind holds: one whose key begins and ends the same.
fn find_other_content(
    lake: &KeptLake,
    place: &ObjectPlace,
    random: &mut fastrand::Rng,
) -> Option<ObjectContent> {
    let present = &lake.objects[place];
    let others: Vec<&ObjectContent> = lake
        .objects
        .iter()
        .filter(|(other, content)| kind_of(other) == kind_of(place) && *content != present)
        .map(|(_, content)| content)
        .collect();
    random.choice(others).cloned()
}

/// The zone, the first two parts of the key, and its ending.
fn kind_of((zone, key): &ObjectPlace) -> (&'static str, String, String) {
    let begin: Vec<&str> = key.split('/').take(2).collect();
    let end = key.rsplit('.').next().unwrap_or_default();
    (zone, begin.join("/"), end.to_owned())
}

/// A key beside another, with which it sorts.
fn beside(key: &str) -> String {
    match key.rsplit_once('.') {
        Some((stem, ending)) => format!("{stem}-1.{ending}"),
        None => format!("{key}-1"),
    }
}
