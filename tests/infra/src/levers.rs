//! The levers: settings that the documents tell an operator to change.
//!
//! An operator has an environment, and not the module below it: what a document names and an
//! environment does not take cannot be set in the middle of an incident.

use std::collections::BTreeSet;
use std::path::Path;

use hcl::{Block, Body};

use crate::terraform::{attribute_text, block_labels};

/// The variables of a module or an environment, and what an environment passes on.
#[derive(Clone, Debug, Default)]
pub struct Levers {
    /// The names of its variables.
    pub variables: BTreeSet<String>,
    /// The arguments of the module `polelake` that are variables of the same name.
    pub passed_on: BTreeSet<String>,
}

impl Levers {
    /// Reads the Terraform files of one folder.
    ///
    /// # Errors
    /// When a file cannot be read or is no Terraform.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let mut levers = Self::default();
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
        for entry in std::fs::read_dir(folder).map_err(|error| wrong(&error))? {
            let path = entry.map_err(|error| wrong(&error))?.path();
            if path.extension().is_some_and(|extension| extension == "tf") {
                let text = std::fs::read_to_string(&path).map_err(|error| wrong(&error))?;
                levers.add(&hcl::parse(&text).map_err(|error| wrong(&error))?);
            }
        }
        Ok(levers)
    }

    fn add(&mut self, body: &Body) {
        for block in body.blocks() {
            let labels = block_labels(block);
            match (block.identifier(), labels.first()) {
                ("variable", Some(name)) => drop(self.variables.insert(name.clone())),
                ("module", Some(name)) if name == "polelake" => self.add_arguments(block),
                _ => {}
            }
        }
    }

    fn add_arguments(&mut self, call: &Block) {
        let names = call.body().attributes().map(hcl::Attribute::key);
        let own = names.filter(|name| attribute_text(call, name) == format!("var.{name}"));
        self.passed_on.extend(own.map(str::to_owned));
    }

    /// The variables that a document names as code, in its text or in an example.
    #[must_use]
    pub fn named_by(&self, document: &str) -> BTreeSet<String> {
        // Backticks open and close in turn, those of an example too.
        let code = document.split('`').skip(1).step_by(2);
        let is_name = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
        let words = code.flat_map(|code| code.split(move |sign| !is_name(sign)));
        words
            .filter(|word| self.variables.contains(*word))
            .map(str::to_owned)
            .collect()
    }
}
