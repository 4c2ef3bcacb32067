//! How far a backfill has come: a small file for each source and origin, written after every acknowledged batch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::CliError;

/// What was done of an origin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginProgress {
    /// The origin: a file, or an address.
    pub origin: String,
    /// What the origin was when it was begun: another size is another file.
    pub size: u64,
    /// When the origin was last changed, in seconds since 1970; 0 where nobody knows.
    #[serde(default)]
    pub modified: u64,
    /// Records that need not be read again.
    pub records: u64,
    /// Records that could not be sent, or were refused: an origin that has any is read again from its beginning.
    #[serde(default)]
    pub failed: u64,
    /// Pages of an API, by address.
    #[serde(default)]
    pub pages: BTreeMap<String, JournalPage>,
}

/// A page that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalPage {
    /// Its ETag: a page that is still the same is not read again.
    pub etag: Option<String>,
    /// What leads to the next one.
    pub next: Option<String>,
}

/// The journal of one origin.
#[derive(Debug)]
pub struct BackfillJournal {
    file: PathBuf,
    /// What was done.
    pub progress: OriginProgress,
}

impl BackfillJournal {
    /// Opens the journal of an origin on its way to a target, or begins one. A damaged one is begun anew, and so is one of
    /// a file that changed or of a run in which records failed: repeats do no harm.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(
        folder: &Path,
        (source, target): (&str, &str),
        origin: &str,
        (size, modified): (u64, u64),
    ) -> Result<Self, CliError> {
        let folder = folder.join("backfill");
        std::fs::create_dir_all(&folder)?;
        let name = pole::pole_id("backfill", &[source, target, origin])
            .simple()
            .to_string();
        let file = folder.join(format!("{source}-{}.json", &name[..12]));
        let known = std::fs::read(&file)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<OriginProgress>(&bytes).ok());
        let same = |known: &OriginProgress| {
            known.origin == origin && (known.size, known.modified) == (size, modified)
        };
        let progress = known.filter(|known| same(known) && known.failed == 0);
        let fresh = || OriginProgress {
            origin: origin.to_owned(),
            size,
            modified,
            ..OriginProgress::default()
        };
        Ok(Self {
            file,
            progress: progress.unwrap_or_else(fresh),
        })
    }

    /// Writes the journal, whole or not at all.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save(&self) -> Result<(), CliError> {
        let staged = self.file.with_extension("staged");
        std::fs::write(&staged, serde_json::to_vec(&self.progress)?)?;
        std::fs::rename(staged, &self.file)?;
        Ok(())
    }
}
