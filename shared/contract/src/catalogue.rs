//! Everything that stands in `contracts/`, compiled together.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::compile::{Against, Plan};
use crate::fault::{Problem, nearest};
use crate::source::{SourceContract, first_line};
use crate::table::TableContract;

/// A declared file: its path below `contracts/`, with `/`, and its text.
#[derive(Clone, Debug)]
pub struct File {
    /// The path.
    pub path: String,
    /// The text.
    pub text: String,
}

/// Reference lists: code to label, by the list's name.
#[derive(Debug, Default)]
pub struct Lists(BTreeMap<String, Arc<BTreeMap<String, String>>>);

impl Lists {
    pub(crate) fn get(&self, name: &str) -> Result<Arc<BTreeMap<String, String>>, String> {
        let near = || nearest(name, self.0.keys().map(String::as_str));
        self.0.get(name).cloned().ok_or_else(|| format!("there is no reference list `{name}`{}", near()))
    }

    fn read(&mut self, file: &File) -> Result<(), Problem> {
        let name = stem(&file.path, ".yaml");
        let codes = serde_saphyr::from_str(&file.text).map_err(|error| Problem {
            file: file.path.clone(),
            line: 0,
            message: first_line(&error.to_string()),
        })?;
        self.0.insert(name.to_owned(), Arc::new(codes));
        Ok(())
    }
}

/// The compiled whole.
#[derive(Debug)]
pub struct Catalogue {
    /// The tables, by name.
    pub tables: Vec<TableContract>,
    /// The sources' plans, by source name.
    pub plans: Vec<Plan>,
}

impl Catalogue {
    /// Compiles `pole/*.odcs.yaml`, `lists/*.yaml` and `sources/**/{contract.odcs,mapping}.yaml`.
    ///
    /// # Errors
    /// Every problem found, each with its file, line and remedy.
    pub fn compile(files: &[File]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut lists = Lists::default();
        let mut tables = Vec::new();
        for file in files {
            if file.path.starts_with("lists/") {
                problems.extend(lists.read(file).err());
            } else if file.path.starts_with("pole/") {
                match TableContract::parse(&file.path, &file.text) {
                    Ok(table) => tables.push(table),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        let against = Against { tables: &tables, lists: &lists };
        let mut plans = Vec::new();
        for file in files.iter().filter(|file| file.path.ends_with("/contract.odcs.yaml")) {
            match plan(file, files, &against) {
                Ok(plan) => plans.push(plan),
                Err(found) => problems.extend(found),
            }
        }
        plans.sort_by(|a, b| a.contract.name.cmp(&b.contract.name));
        problems.extend(clash(&plans));
        if problems.is_empty() { Ok(Self { tables, plans }) } else { Err(problems) }
    }

    /// The plan of a source.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.contract.name == name)
    }

    /// The plan of a topic.
    #[must_use]
    pub fn topic(&self, topic: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.contract.topic == topic)
    }

    /// The contract of a table.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&TableContract> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// The tables that a topic's events can fill.
    #[must_use]
    pub fn tables_of(&self, topic: &str) -> Vec<&str> {
        let plan = self.topic(topic);
        let places = plan.map(Plan::tables).unwrap_or_default();
        places.into_iter().map(|place| self.tables[place].name.as_str()).collect()
    }

    /// The topics whose events can fill the table.
    #[must_use]
    pub fn topics_of(&self, table: &str) -> Vec<&str> {
        let fills = |plan: &&Plan| plan.tables().iter().any(|place| self.tables[*place].name == table);
        self.plans.iter().filter(fills).map(|plan| plan.contract.topic.as_str()).collect()
    }
}

fn plan(file: &File, files: &[File], against: &Against<'_>) -> Result<Plan, Vec<Problem>> {
    let contract = SourceContract::parse(&file.path, &file.text).map_err(|problem| vec![problem])?;
    let beside = file.path.replace("contract.odcs.yaml", "mapping.yaml");
    let Some(mapping) = files.iter().find(|other| other.path == beside) else {
        let message = "there is no mapping.yaml beside the contract".into();
        return Err(vec![Problem { file: file.path.clone(), line: 0, message }]);
    };
    Plan::compile(mapping, Arc::new(contract), against)
}

/// Two sources of one name or topic would write into each other's records.
fn clash(plans: &[Plan]) -> Option<Problem> {
    let mut topics: Vec<&str> = plans.iter().map(|plan| plan.contract.topic.as_str()).collect();
    topics.sort_unstable();
    let twice = topics
        .windows(2)
        .find(|pair| pair[0] == pair[1])
        .map(|pair| format!("two contracts have the topic `{}`", pair[0]));
    let names = plans.windows(2).find(|pair| pair[0].contract.name == pair[1].contract.name);
    let message = twice
        .or_else(|| names.map(|pair| format!("two contracts have the id `{}`", pair[0].contract.name)))?;
    Some(Problem { file: "sources".into(), line: 0, message })
}

fn stem<'p>(path: &'p str, ending: &str) -> &'p str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(ending).unwrap_or(name)
}
