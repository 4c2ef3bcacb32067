//! A shard's rows on their way from the base's row groups into the groups of the new file: copied
//! undecoded, or assembled from rows of the base and changed ones.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use contract::{Rule, TableContract};
use host::Failure;
use lake::{ManifestShard, OwnerRange};
use quality::TableState;
use store::ObjectStore;
use store::sorted_file::{FetchedRowGroup, FileRowGroup, SortedFile, select_row_groups};

use crate::assemble::RowAssembler;
use crate::output::{ShardWriter, WrittenShard};
use crate::profile::ShardProfile;
use crate::sizes::MergeSizes;

/// A file of the base, with the measures of each of its groups; none when they are not known under
/// today's rules.
pub(crate) struct BaseFile {
    pub(crate) file: Arc<SortedFile>,
    pub(crate) measured: Option<Vec<TableState>>,
}

impl BaseFile {
    /// Opens a shard's file of the base. `fingerprint` is that of today's rules.
    pub(crate) async fn open(
        shard: &ManifestShard,
        fingerprint: &str,
        store: &dyn ObjectStore,
    ) -> Result<Self, Failure> {
        let file = SortedFile::open(store, &shard.rows_file).await?;
        let profile = ShardProfile::read_shard_profile(shard, fingerprint, store).await?;
        Ok(Self {
            file: Arc::new(file),
            measured: profile.map(|profile| profile.groups),
        })
    }
}

/// What a shard's rows are written for.
pub(crate) struct ShardTarget<'m> {
    /// The schema of the rows.
    pub(crate) stored: SchemaRef,
    /// The schema of changes.
    pub(crate) refined: SchemaRef,
    pub(crate) table: &'m TableContract,
    pub(crate) rules: &'m [Rule],
    pub(crate) owners: OwnerRange,
    pub(crate) sizes: MergeSizes,
}

/// A row group of the base, with its measures.
struct BaseGroup {
    part: FileRowGroup,
    measured: Option<TableState>,
}

/// The base's groups, and the rows that are written.
pub(crate) struct ShardRows<'m> {
    owners: OwnerRange,
    groups: Vec<BaseGroup>,
    pub(crate) assembler: RowAssembler,
    output: ShardWriter<'m>,
}

/// The base's row groups that can hold an owner of the range.
fn base_groups(base: &[BaseFile], owners: &OwnerRange) -> Vec<BaseGroup> {
    let mut groups = Vec::new();
    for BaseFile { file, measured } in base {
        for part in select_row_groups(std::slice::from_ref(file), owners) {
            let measured = measured
                .as_ref()
                .and_then(|measured| measured.get(part.group.index).cloned());
            groups.push(BaseGroup { part, measured });
        }
    }
    groups
}

impl<'m> ShardRows<'m> {
    /// Begins a shard's file. `base` are the base's files that can hold the shard's owners, in
    /// their order.
    pub(crate) fn open(target: ShardTarget<'m>, base: &[BaseFile]) -> Result<Self, Failure> {
        let output = ShardWriter::new(target.table, target.rules, target.sizes)?;
        let batch_rows = target.sizes.batch_rows;
        Ok(Self {
            output,
            groups: base_groups(base, &target.owners),
            assembler: RowAssembler::new(&target.stored, &target.refined, batch_rows),
            owners: target.owners,
        })
    }

    /// The base's groups, in their order.
    pub(crate) fn parts(&self) -> Vec<FileRowGroup> {
        self.groups.iter().map(|group| group.part.clone()).collect()
    }

    /// The first and the last owner of a group; none behind the last group.
    pub(crate) fn group_bounds(&self, index: usize) -> Option<(&str, &str)> {
        let group = &self.groups.get(index)?.part.group;
        Some((&group.min_owner, &group.max_owner))
    }

    /// The first owner of the group behind this one: the changes that concern this group end there.
    pub(crate) fn next_group_start(&self, index: usize) -> Option<&str> {
        self.group_bounds(index + 1).map(|(start, _)| start)
    }

    /// Rows of the open group, written or not.
    fn open_rows(&self) -> usize {
        self.output.open_rows() + self.assembler.pending_rows()
    }

    /// Whether a group whose rows do not change can be copied: its file has the same columns and
    /// was measured under the same rules, all of it belongs to this shard, and it is not to be
    /// joined to a small one.
    pub(crate) fn is_copyable(&self, index: usize) -> bool {
        let Some(BaseGroup { part, measured }) = self.groups.get(index) else {
            return false;
        };
        let FileRowGroup { file, group } = part;
        measured.is_some()
            && self
                .owners
                .contains_bounds(&group.min_owner, &group.max_owner)
            && self.output.can_copy_from(&file.footer)
            && !self.output.should_join_group(self.open_rows(), group.rows)
    }

    /// Ends the open group, unless the next group of the base, of `rows` rows, is to be joined to
    /// it.
    pub(crate) fn begin_group(&mut self, rows: usize) -> Result<(), Failure> {
        let mut open = self.open_rows();
        if open > 0 && !self.output.should_join_group(open, rows) {
            self.close_group()?;
            open = 0;
        }
        self.output.set_group_row_limit(open + rows);
        Ok(())
    }

    /// Copies a group with its measures.
    pub(crate) fn copy_group(
        &mut self,
        index: usize,
        fetched: FetchedRowGroup,
    ) -> Result<(), Failure> {
        self.close_group()?;
        let Some(measured) = self.groups[index].measured.clone() else {
            return Ok(());
        };
        let FetchedRowGroup {
            file, group, bytes, ..
        } = fetched;
        self.output
            .copy_group(&file.footer, &group, bytes, measured)
            .map_err(|error| file.damaged(error))?;
        Ok(())
    }

    /// Writes the assembled rows: full batches, and with `all` the remaining rows too.
    pub(crate) fn write_assembled(&mut self, all: bool) -> Result<(), Failure> {
        while let Some(batch) = self.assembler.next_rows_batch(all)? {
            self.output.write_batch(&batch)?;
        }
        self.write_assembled_state(false)?;
        Ok(self.assembler.release_sources()?)
    }

    /// Writes the changes that later days need: full batches, and with `all` the remaining ones
    /// too.
    fn write_assembled_state(&mut self, all: bool) -> Result<(), Failure> {
        while let Some(batch) = self.assembler.next_state_batch(all)? {
            self.output.write_state(&batch)?;
        }
        Ok(())
    }

    fn close_group(&mut self) -> Result<(), Failure> {
        self.write_assembled(true)?;
        Ok(self.output.close_group()?)
    }

    /// The written files, and how many of their row groups were copied.
    pub(crate) fn finish(mut self) -> Result<(WrittenShard, u64), Failure> {
        self.close_group()?;
        self.write_assembled_state(true)?;
        let copied = self.output.copied;
        Ok((self.output.finish()?, copied))
    }
}
