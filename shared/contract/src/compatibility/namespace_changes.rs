//! Changes of `namespaces.yaml`: they change ids.

use super::ContractComparison;
use crate::file::DeclaredFile;
use crate::namespace::Namespaces;
use crate::problem::Problem;

impl ContractComparison<'_> {
    /// A namespace whose case counts no longer, or counts now, gives its keys other ids: the rows
    /// under the old ones stay beside the new ones.
    pub(super) fn compare_namespaces(
        &mut self,
        old: &DeclaredFile,
        new: &DeclaredFile,
    ) -> Result<(), Problem> {
        let (old, new) = (Namespaces::read(old)?, Namespaces::read(new)?);
        for name in old.names_with(&new) {
            if old.get(name).case() != new.get(name).case() {
                let description = "whether its case counts has changed: keys get other ids, and \
                                   tables must be built again from the raw zone";
                self.add_breaking(name, description);
            }
        }
        Ok(())
    }
}
