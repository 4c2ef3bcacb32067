//! The trials of the page of `polelake up`: those of `polelake contract try`.

use std::path::{Path, PathBuf};

use contract::Catalogue;
use local_platform::try_page::{EventTrial, TrialRequest};
use serde_json::{Value, json};

use super::{TrialContent, TrialOptions, trial_json, try_content};
use crate::error::CliError;

/// Trials by the contracts of a folder, as they are at each request.
#[derive(Debug)]
pub(crate) struct FolderTrial {
    contracts: PathBuf,
}

impl FolderTrial {
    /// Trials by the contracts of this folder.
    pub(crate) fn new(contracts: &Path) -> Self {
        Self {
            contracts: contracts.to_owned(),
        }
    }

    fn compile(&self) -> Result<Catalogue, CliError> {
        let compiled = host::load_contracts(&self.contracts.to_string_lossy());
        Ok(compiled.map_err(|failure| failure.message)?)
    }

    fn try_request(&self, request: TrialRequest) -> Result<Value, CliError> {
        let content = TrialContent::Bytes(request.file_name.as_deref(), request.bytes);
        let catalogue = self.compile()?;
        let options = TrialOptions {
            as_records: request.as_records,
            state: None,
        };
        let trial = try_content(&catalogue, &request.source, content, &options)?;
        Ok(trial_json(&trial))
    }
}

impl EventTrial for FolderTrial {
    fn list_sources(&self) -> Value {
        match self.compile() {
            Ok(catalogue) => json!({"sources": sources_json(&catalogue)}),
            Err(error) => json!({"error": error.to_string()}),
        }
    }

    fn try_events(&self, request: TrialRequest) -> Value {
        let tried = self.try_request(request);
        tried.unwrap_or_else(|error| json!({"error": error.to_string()}))
    }
}

fn sources_json(catalogue: &Catalogue) -> Vec<Value> {
    let mappings = catalogue.mappings.iter();
    mappings
        .map(|mapping| json!({"name": mapping.contract.name, "title": mapping.contract.title}))
        .collect()
}
