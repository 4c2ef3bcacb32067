//! The key of a record as an operator writes it, and the ids that it gives.

use std::collections::BTreeSet;

use pole::{IdentityKey, KeyCase, Uuid, canonical_key_part, join_key_parts, split_key_parts};

use crate::compile::{CompiledIdentity, CompiledMapping, CompiledRecord};
use crate::expression::CompiledExpression;
use crate::mapping::RecordKind;
use crate::namespace::KeyNamespace;
use crate::path::EventPath;
use crate::source::SourceContract;

impl SourceContract {
    /// The canonical form of a record's key, as the column `source_record_id` holds it.
    ///
    /// # Errors
    /// When the key has another number of parts than the contract declares.
    pub fn canonical_record_key(&self, written: &str) -> Result<String, String> {
        let parts = self.canonical_key_parts(written, self.key_case)?;
        Ok(join_key_parts(&parts))
    }

    fn canonical_key_parts(&self, written: &str, case: KeyCase) -> Result<Vec<String>, String> {
        let count = self.paths.key.len();
        let parts = split_key_parts(written.trim(), count).ok_or_else(|| {
            let paths: Vec<&str> = self.paths.key.iter().map(EventPath::text).collect();
            format!(
                "a key of `{}` has {count} parts ({}), joined by `/`; a `/` in a part is written \
                 `~1`",
                self.name,
                paths.join(", ")
            )
        })?;
        Ok(parts
            .iter()
            .map(|part| canonical_key_part(part, case).into_owned())
            .collect())
    }
}

impl CompiledMapping {
    /// The ids that the rows of a record have whose key this is, wherever the rows come from: the
    /// records of other sources name the same thing by the same namespace and key.
    ///
    /// # Errors
    /// When the key has another number of parts than the contract declares.
    pub fn ids_of_record_key(
        &self,
        written: &str,
        identity_key: &IdentityKey,
    ) -> Result<BTreeSet<Uuid>, String> {
        let mut ids = BTreeSet::new();
        for namespace in self
            .records
            .iter()
            .filter_map(|record| self.own_namespace(record))
        {
            let parts = self
                .contract
                .canonical_key_parts(written, namespace.case())?;
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            ids.insert(identity_key.pole_id(namespace.name(), &parts));
        }
        Ok(ids)
    }

    /// The namespace of a row whose key is the record's own.
    fn own_namespace<'m>(&self, record: &'m CompiledRecord) -> Option<&'m KeyNamespace> {
        let CompiledIdentity::Natural { namespace, key } = &record.identity else {
            return None;
        };
        let is_own = record.kind == RecordKind::Entity && self.is_record_key(key);
        is_own.then_some(namespace)
    }

    fn is_record_key(&self, key: &[CompiledExpression]) -> bool {
        let paths = &self.contract.paths.key;
        key.len() == paths.len()
            && key
                .iter()
                .zip(paths)
                .all(|(part, path)| part.whole_event_path() == Some(path.text()))
    }
}
