//! Terraform's text as blocks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hcl::{Block, Body, Expression};

/// The repository's folder.
#[must_use]
pub fn repository_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The Terraform to look at: the repository's, or the copy that `infra/tests/mutations.py` changes.
#[must_use]
pub fn infra_folder() -> PathBuf {
    let changed = std::env::var_os("POLELAKE_INFRA");
    changed.map_or_else(|| repository_root().join("infra"), PathBuf::from)
}

/// The parsed files, by their path below `infra/`: those of the root and of the modules.
#[derive(Clone, Debug)]
pub struct Infra {
    /// The blocks of each file.
    pub files: BTreeMap<String, Body>,
}

/// Where a block stands: its file, and its kind and labels, such as `resource aws_sqs_queue this`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockLocation {
    /// The file.
    pub file: String,
    /// Kind and labels.
    pub name: String,
}

impl Infra {
    /// Reads the folder `infra/`.
    ///
    /// # Errors
    /// The file that cannot be read or parsed, and why.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let mut files = BTreeMap::new();
        for below in module_folders(folder)? {
            for path in list_folder(&folder.join(&below))?
                .into_iter()
                .filter(|path| is_terraform(path))
            {
                let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
                let text = std::fs::read_to_string(&path).map_err(|error| wrong(&error))?;
                let body = hcl::parse(&text).map_err(|error| wrong(&error))?;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                files.insert(format!("{below}{name}"), body);
            }
        }
        Ok(Self { files })
    }

    /// The blocks of one kind, such as `resource`, whose first label is `label`, in files below
    /// `folder` (empty for all).
    pub fn find_blocks<'i>(
        &'i self,
        folder: &'i str,
        kind: &'i str,
        label: &'i str,
    ) -> impl Iterator<Item = (BlockLocation, &'i Block)> {
        let files = self
            .files
            .iter()
            .filter(move |(file, _)| file.starts_with(folder));
        files.flat_map(move |(file, body)| {
            let here = body
                .blocks()
                .filter(move |block| block.identifier() == kind);
            here.filter(move |block| {
                label.is_empty() || block_labels(block).first().is_some_and(|l| l == label)
            })
            .map(move |block| {
                (
                    BlockLocation {
                        file: file.clone(),
                        name: block_name(block),
                    },
                    block,
                )
            })
        })
    }

    /// The calls of a small module: `modules/<module>`.
    pub fn module_calls<'i>(
        &'i self,
        module: &str,
    ) -> impl Iterator<Item = (BlockLocation, &'i Block)> {
        let source = format!("\"./modules/{module}\"");
        self.find_blocks("", "module", "")
            .filter(move |(_, block)| attribute_text(block, "source") == source)
    }

    /// Every place, for mutations.
    #[must_use]
    pub fn block_locations(&self) -> Vec<BlockLocation> {
        let all = self.files.iter().flat_map(|(file, body)| {
            body.blocks().map(|block| BlockLocation {
                file: file.clone(),
                name: block_name(block),
            })
        });
        all.collect()
    }

    /// The text without a block.
    #[must_use]
    pub fn without_block(&self, place: &BlockLocation) -> Self {
        self.with_changed_block(place, |_| None)
    }

    /// The text with a block changed or, where there is none any more, without it.
    #[must_use]
    pub fn with_changed_block(
        &self,
        place: &BlockLocation,
        change: impl Fn(Block) -> Option<Block>,
    ) -> Self {
        let mut files = self.files.clone();
        if let Some(body) = files.get_mut(&place.file) {
            let structures = std::mem::take(body).into_inner().into_iter().filter_map(
                |structure| match structure {
                    hcl::Structure::Block(block) if block_name(&block) == place.name => {
                        change(block).map(hcl::Structure::Block)
                    }
                    other => Some(other),
                },
            );
            *body = structures.collect();
        }
        Self { files }
    }
}

fn is_terraform(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tf")
}

fn list_folder(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", folder.display());
    let listed = std::fs::read_dir(folder).map_err(wrong)?;
    listed
        .map(|entry| entry.map(|entry| entry.path()).map_err(wrong))
        .collect()
}

/// The root, and each small module.
fn module_folders(folder: &Path) -> Result<Vec<String>, String> {
    let names = list_folder(&folder.join("modules"))?
        .into_iter()
        .filter(|path| path.is_dir());
    let names =
        names.filter_map(|path| Some(format!("modules/{}/", path.file_name()?.to_string_lossy())));
    Ok(std::iter::once(String::new()).chain(names).collect())
}

/// A block's labels.
pub(crate) fn block_labels(block: &Block) -> Vec<String> {
    block
        .labels()
        .iter()
        .map(|label| label.as_str().to_owned())
        .collect()
}

fn block_name(block: &Block) -> String {
    let labels = block_labels(block).into_iter();
    std::iter::once(block.identifier().to_owned())
        .chain(labels)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The expression of an attribute.
pub(crate) fn find_attribute<'b>(block: &'b Block, name: &str) -> Option<&'b Expression> {
    block
        .body()
        .attributes()
        .find(|attribute| attribute.key() == name)
        .map(hcl::Attribute::expr)
}

/// The text of an attribute's expression, of one spelling; empty where there is none.
pub(crate) fn attribute_text(block: &Block, name: &str) -> String {
    find_attribute(block, name)
        .and_then(|found| hcl::format::to_string(found).ok())
        .unwrap_or_default()
}

/// The blocks within a block, at any depth.
pub(crate) fn nested_blocks<'b>(block: &'b Block, kind: &str) -> Vec<&'b Block> {
    let mut found: Vec<&Block> = Vec::new();
    for inner in block.body().blocks() {
        // A dynamic block is one of the kind that its label says.
        let is_kind = inner.identifier() == kind
            || inner.identifier() == "dynamic"
                && block_labels(inner)
                    .first()
                    .is_some_and(|label| label == kind);
        found.extend(is_kind.then_some(inner));
        found.extend(nested_blocks(inner, kind));
    }
    found
}
