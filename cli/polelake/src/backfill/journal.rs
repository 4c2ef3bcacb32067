//! How far a backfill has come: a small file for each source and origin, written after every
//! acknowledged batch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use local_platform::private_files::{create_private_folder, replace_private_file};
use serde::{Deserialize, Serialize};

use crate::error::CliError;

/// What tells one version of an origin from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OriginVersion {
    /// Its size: bytes, or rows.
    pub size: u64,
    /// When it was last changed, in seconds since 1970; 0 where that is not known.
    pub modified: u64,
}

/// How much of an origin is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginProgress {
    /// The origin: a file, or an address.
    pub origin: String,
    /// The origin's size when the backfill began: with another size it is another file.
    pub size: u64,
    /// When the origin was last changed, in seconds since 1970; 0 where that is not known.
    #[serde(default)]
    pub modified: u64,
    /// Records that need not be read again.
    pub records: u64,
    /// Records that could not be sent, or were refused: an origin that has any is read again from
    /// its beginning.
    #[serde(default)]
    pub failed: u64,
    /// Pages of an API, by address.
    #[serde(default)]
    pub pages: BTreeMap<String, JournalPage>,
}

impl OriginProgress {
    /// Whether a run can continue with the origin in this version.
    fn continues(&self, origin: &str, version: OriginVersion) -> bool {
        let own = OriginVersion {
            size: self.size,
            modified: self.modified,
        };
        self.origin == origin && own == version && self.failed == 0
    }
}

/// A page that was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalPage {
    /// Its ETag: a page with the same one is not read again.
    pub etag: Option<String>,
    /// What leads to the next one.
    pub next: Option<String>,
}

/// The journal of one origin.
#[derive(Debug)]
pub struct BackfillJournal {
    file: PathBuf,
    /// How much is sent.
    pub progress: OriginProgress,
}

impl BackfillJournal {
    /// Opens the journal of an origin for a source and a target, or begins one. A damaged journal
    /// is begun again, and so is that of a file that changed or of a run in which records failed:
    /// an event that is sent twice counts once.
    ///
    /// # Errors
    /// When the folder cannot be created.
    pub fn open(
        folder: &Path,
        (source, target): (&str, &str),
        origin: &str,
        version: OriginVersion,
    ) -> Result<Self, CliError> {
        let folder = folder.join("backfill");
        create_private_folder(&folder)?;
        let id = pole::pole_id("backfill", &[source, target, origin]);
        let id = id.simple().to_string();
        let file = folder.join(format!("{source}-{}.json", &id[..12]));

        let stored = std::fs::read(&file).unwrap_or_default();
        let known = serde_json::from_slice::<OriginProgress>(&stored).ok();
        let progress = match known.filter(|known| known.continues(origin, version)) {
            Some(known) => known,
            None => OriginProgress {
                origin: origin.to_owned(),
                size: version.size,
                modified: version.modified,
                ..OriginProgress::default()
            },
        };
        Ok(Self { file, progress })
    }

    /// Writes the journal, in full or not at all.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save(&self) -> Result<(), CliError> {
        let content = serde_json::to_vec(&self.progress)?;
        Ok(replace_private_file(&self.file, &content)?)
    }
}
