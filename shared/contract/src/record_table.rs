//! The table of a source's records: what events state of each record, as long as merges need it.
//!
//! Only a source with patches has one. Readers do not see it: it has no rules, no measured columns
//! and no place in the catalogue of AWS Glue.

use pole::{PROVENANCE, ProvenanceColumn};

use crate::column::Column;
use crate::extension::Family;
use crate::info::ContractInfo;
use crate::source::SourceContract;
use crate::table::{TableContract, provenance_type};

/// What the names of these tables begin with. No table that readers see begins so.
pub const RECORD_TABLES_PREFIX: &str = "_records/";

/// The version of how these tables are made.
const RECORD_TABLES_VERSION: &str = "1.0.0";

/// The name of the table of a source's records.
#[must_use]
pub fn record_table_name(source: &str) -> String {
    format!("{RECORD_TABLES_PREFIX}{source}")
}

impl TableContract {
    /// The table of a source's records. Its columns are the provenance.
    pub(crate) fn of_records(source: &SourceContract) -> Self {
        let name = record_table_name(&source.name);
        Self {
            id: name.clone(),
            name,
            meaning: format!("What the events of `{}` state of its records", source.name),
            version: RECORD_TABLES_VERSION.to_owned(),
            family: Family::Object,
            owner: source.owner.clone(),
            domain: source.domain.clone(),
            about: ContractInfo::default(),
            columns: PROVENANCE.iter().map(provenance_column).collect(),
            rules: Vec::new(),
            naming: None,
            properties: Vec::new(),
            quality: Vec::new(),
        }
    }

    /// Whether it is the table of a source's records: its rows are statements.
    #[must_use]
    pub fn holds_records(&self) -> bool {
        self.name.starts_with(RECORD_TABLES_PREFIX)
    }

    /// The columns whose values a merge measures. Statements are not measured: only merges
    /// read them, and they are people's data.
    #[must_use]
    pub fn measured_columns(&self) -> &[Column] {
        if self.holds_records() {
            &[]
        } else {
            &self.columns
        }
    }
}

fn provenance_column(column: &ProvenanceColumn) -> Column {
    Column {
        name: column.name.to_owned(),
        kind: provenance_type(column),
        required: column.required,
        meaning: column.meaning.to_owned(),
        classification: "personal".to_owned(),
        personal: true,
        tags: Vec::new(),
        list: None,
        examples: Vec::new(),
        key: false,
    }
}
