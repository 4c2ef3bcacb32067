//! Passes that are remembered: Terraform's tests take minutes, and most changes do not touch what
//! they look at.
//!
//! A pass is kept in the target folder under a digest of every file that the tests read. While the
//! digest is the same, the test says so and is not run again. `POLELAKE_TEST_AGAIN=1` runs it all
//! the same.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::repository_root;

/// What the tests of Terraform read, below the repository's root.
const INPUTS: [&str; 3] = ["infra", "contracts", "tests/infra"];

/// A test whose pass can be remembered.
pub struct RememberedTest {
    file: PathBuf,
}

impl RememberedTest {
    /// The test of this name, with its passes in `folder`.
    ///
    /// # Errors
    /// When an input cannot be read.
    pub fn named(name: &str, folder: &Path) -> std::io::Result<Self> {
        let mut digest = DefaultHasher::new();
        for input in INPUTS {
            add_to_digest(&repository_root().join(input), &mut digest)?;
        }

        let file = folder.join(format!("{name}-passed-{:016x}", digest.finish()));
        Ok(Self { file })
    }

    /// Whether the test passed with the same inputs; says so on standard output.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        let again = std::env::var_os("POLELAKE_TEST_AGAIN").is_some();
        let passed = !again && self.file.is_file();
        if passed {
            println!(
                "passed before with the same files ({}); POLELAKE_TEST_AGAIN=1 runs it again",
                self.file.display()
            );
        }
        passed
    }

    /// The text that was remembered for the same inputs; none where there is none, or where all is
    /// to be run again.
    #[must_use]
    pub fn recall_text(&self) -> Option<String> {
        let again = std::env::var_os("POLELAKE_TEST_AGAIN").is_some();
        std::fs::read_to_string(&self.file).ok().filter(|_| !again)
    }

    /// Remembers a text for these inputs.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn remember_text(&self, text: &str) -> std::io::Result<()> {
        std::fs::write(&self.file, text)
    }

    /// Remembers that the test passed.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn remember_pass(&self) -> std::io::Result<()> {
        std::fs::write(&self.file, "")
    }
}

/// Adds a file, or every file below a folder in the order of their names, with its path.
fn add_to_digest(path: &Path, digest: &mut DefaultHasher) -> std::io::Result<()> {
    if path.is_file() {
        path.hash(digest);
        std::fs::read(path)?.hash(digest);
        return Ok(());
    }

    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    // Terraform leaves plugins and state beside what it reads, and a build leaves packages.
    entries.retain(|entry| {
        let name = entry
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        !name.starts_with(".terraform") && !name.contains("tfstate") && name != "target"
    });
    entries.sort();
    for entry in entries {
        add_to_digest(&entry, digest)?;
    }
    Ok(())
}
