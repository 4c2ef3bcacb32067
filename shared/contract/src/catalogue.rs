//! Everything that stands in `contracts/`, compiled together.

use std::sync::Arc;

use crate::compile::{CompiledMapping, MappingContext};
use crate::draft::OPEN;
use crate::file::DeclaredFile;
use crate::incident::{self, Incident};
use crate::list::{ReferenceList, ReferenceLists};
use crate::odcs;
use crate::problem::{Location, Problem, ProblemLevel, nearest_name_hint};
use crate::rule::{self, RuleContext};
use crate::source::SourceContract;
use crate::table::TableContract;

/// Where incidents stand.
pub(crate) const INCIDENTS_FILE: &str = "incidents.yaml";

/// The compiled whole.
#[derive(Debug)]
pub struct Catalogue {
    /// The tables, by name.
    pub tables: Vec<TableContract>,
    /// The sources' plans, by source name.
    pub mappings: Vec<CompiledMapping>,
    /// The reference lists.
    pub lists: ReferenceLists,
    /// Incidents that somebody has acknowledged.
    pub incidents: Vec<Incident>,
}

impl Catalogue {
    /// Compiles `pole/*.odcs.yaml`, `lists/*.yaml`, `incidents.yaml` and `sources/**/{contract.odcs,mapping}.yaml`.
    ///
    /// # Errors
    /// Every problem found, each with its file, line and remedy.
    pub fn compile(files: &[DeclaredFile]) -> Result<Self, Vec<Problem>> {
        let (catalogue, problems) = Self::lint(files);
        catalogue.ok_or_else(|| {
            problems
                .into_iter()
                .filter(|problem| problem.level == ProblemLevel::Error)
                .collect()
        })
    }

    /// Compiles the same, and tells what is worth a look besides. There is a whole only when there is no error: what
    /// does not pass here starts no function.
    #[must_use]
    pub fn lint(files: &[DeclaredFile]) -> (Option<Self>, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut lists = ReferenceLists::default();
        for file in files.iter().filter(|file| file.path.starts_with("lists/")) {
            problems.extend(lists.add_file(file).err());
        }
        let tables = compile_tables(files, &lists, &mut problems);
        let against = MappingContext {
            tables: &tables,
            lists: &lists,
        };
        let mut plans = Vec::new();
        for file in files
            .iter()
            .filter(|file| file.path.ends_with("/contract.odcs.yaml"))
        {
            problems.extend(odcs::find_unknown_names(file));
            match compile_source(file, files, &against) {
                Ok(plan) => {
                    problems.extend(advise_on_opaque_paths(file, &plan));
                    plans.push(plan);
                }
                Err(found) => problems.extend(found),
            }
        }
        problems.extend(files.iter().flat_map(find_open_decisions));
        problems.extend(find_misplaced_files(files));
        plans.sort_by(|a, b| a.contract.name.cmp(&b.contract.name));
        let incidents = read_incidents(files, &tables, &plans, &mut problems);
        problems.extend(find_source_clash(&plans));
        problems.sort_by(|a, b| (&a.file, a.location).cmp(&(&b.file, b.location)));
        problems.dedup();
        let sound = problems
            .iter()
            .all(|problem| problem.level != ProblemLevel::Error);
        (
            sound.then_some(Self {
                tables,
                mappings: plans,
                lists,
                incidents,
            }),
            problems,
        )
    }

    /// The plan of a source.
    #[must_use]
    pub fn mapping_of_source(&self, name: &str) -> Option<&CompiledMapping> {
        self.mappings.iter().find(|plan| plan.contract.name == name)
    }

    /// The plan of a source that somebody asks for.
    ///
    /// # Errors
    /// A text that names the sources that there are.
    pub fn require_mapping_of_source(&self, name: &str) -> Result<&CompiledMapping, String> {
        self.mapping_of_source(name).ok_or_else(|| {
            let known: Vec<&str> = self
                .mappings
                .iter()
                .map(|plan| plan.contract.name.as_str())
                .collect();
            let near = nearest_name_hint(name, known.iter().copied());
            format!(
                "there is no source `{name}`{near}; there are {}",
                known.join(", ")
            )
        })
    }

    /// The plan of a topic.
    #[must_use]
    pub fn mapping_of_topic(&self, topic: &str) -> Option<&CompiledMapping> {
        self.mappings
            .iter()
            .find(|plan| plan.contract.topic == topic)
    }

    /// The contract of a table.
    #[must_use]
    pub fn table_contract(&self, name: &str) -> Option<&TableContract> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// The reference list of this name.
    #[must_use]
    pub fn reference_list(&self, name: &str) -> Option<&ReferenceList> {
        self.lists
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, list)| list)
    }

    /// The tables that a topic's events can fill.
    #[must_use]
    pub fn tables_of_topic(&self, topic: &str) -> Vec<&str> {
        let plan = self.mapping_of_topic(topic);
        let places = plan.map(CompiledMapping::table_indices).unwrap_or_default();
        places
            .into_iter()
            .map(|place| self.tables[place].name.as_str())
            .collect()
    }

    /// The topics whose events can fill the table.
    #[must_use]
    pub fn topics_of_table(&self, table: &str) -> Vec<&str> {
        let fills = |plan: &&CompiledMapping| {
            plan.table_indices()
                .iter()
                .any(|place| self.tables[*place].name == table)
        };
        self.mappings
            .iter()
            .filter(fills)
            .map(|plan| plan.contract.topic.as_str())
            .collect()
    }
}

/// The tables' contracts, and then, when all of them are known, their rules.
fn compile_tables(
    files: &[DeclaredFile],
    lists: &ReferenceLists,
    problems: &mut Vec<Problem>,
) -> Vec<TableContract> {
    let mut tables: Vec<(&DeclaredFile, TableContract)> = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with("pole/")) {
        problems.extend(odcs::find_unknown_names(file));
        match TableContract::parse(file) {
            Ok(table) if tables.iter().any(|(_, known)| known.name == table.name) => {
                let message = format!("two contracts describe the table `{}`", table.name);
                problems.push(Problem::error(
                    &file.path,
                    Location::find_word(file.text(), &table.name, 1),
                    message,
                ));
            }
            Ok(table) => tables.push((file, table)),
            Err(problem) => problems.push(problem),
        }
    }
    tables.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    let names: Vec<String> = tables.iter().map(|(_, table)| table.name.clone()).collect();
    let with_rules = |(file, mut table): (&DeclaredFile, TableContract)| {
        let context = RuleContext {
            table: &table.name,
            columns: &table.columns,
            tables: &names,
            lists,
        };
        match rule::compile_rules(&table.properties, &table.quality, context) {
            Ok(rules) => table.rules = rules,
            Err(faults) => problems.extend(faults.into_iter().map(|(needle, message)| {
                Problem::error(
                    &file.path,
                    Location::find_word(file.text(), &needle, 1),
                    message,
                )
            })),
        }
        table
    };
    tables.into_iter().map(with_rules).collect()
}

fn read_incidents(
    files: &[DeclaredFile],
    tables: &[TableContract],
    plans: &[CompiledMapping],
    problems: &mut Vec<Problem>,
) -> Vec<Incident> {
    let Some(file) = files.iter().find(|file| file.path == INCIDENTS_FILE) else {
        return Vec::new();
    };
    let tables = tables.iter().map(|table| format!("table/{}", table.name));
    let sources = plans
        .iter()
        .map(|plan| format!("source/{}", plan.contract.name));
    match incident::read_incident_file(file, &tables.chain(sources).collect::<Vec<_>>()) {
        Ok(incidents) => incidents,
        Err(found) => {
            problems.extend(found);
            Vec::new()
        }
    }
}

fn compile_source(
    file: &DeclaredFile,
    files: &[DeclaredFile],
    against: &MappingContext<'_>,
) -> Result<CompiledMapping, Vec<Problem>> {
    let contract = SourceContract::parse(file).map_err(|problem| vec![problem])?;
    let beside = file.path.replace("contract.odcs.yaml", "mapping.yaml");
    let Some(mapping) = files.iter().find(|other| other.path == beside) else {
        let message = "there is no mapping.yaml beside the contract";
        return Err(vec![Problem::error(
            &file.path,
            Location::WHOLE_FILE,
            message,
        )]);
    };
    CompiledMapping::compile(mapping, Arc::new(contract), against)
}

/// What compiles, and is worth a look.
fn advise_on_opaque_paths(file: &DeclaredFile, plan: &CompiledMapping) -> Vec<Problem> {
    let opaque = plan.contract.opaque_paths();
    let tell = |path: &String| {
        let name = path
            .rsplit('.')
            .next()
            .unwrap_or(path)
            .trim_end_matches("[*]");
        let message =
            format!("what is in `{path}` is not described: unknown fields in it will not be seen");
        Problem::advice(
            &file.path,
            Location::find_word(file.text(), &format!("name: {name}"), 1),
            message,
        )
    };
    opaque.iter().map(tell).collect()
}

/// Decisions that a draft left to a person: until they are made, no function starts with the file.
fn find_open_decisions(file: &DeclaredFile) -> Vec<Problem> {
    let open = |(place, line): (usize, &str)| {
        let at = line.find(OPEN)?;
        let what = line[at + OPEN.len()..]
            .trim()
            .trim_start_matches([':', ' ']);
        let place = Location {
            line: place + 1,
            column: line[..at].chars().count() + 1,
        };
        Some(Problem::error(
            &file.path,
            place,
            format!("a decision is still open: {what}"),
        ))
    };
    file.text().lines().enumerate().filter_map(open).collect()
}

/// Files that no part of the platform would read: most lie in the wrong place.
fn find_misplaced_files(files: &[DeclaredFile]) -> Vec<Problem> {
    let known = |file: &&DeclaredFile| {
        let path = &file.path;
        path == INCIDENTS_FILE
            || path.starts_with("lists/")
            || path.starts_with("pole/") && path.ends_with(".odcs.yaml")
            || path.starts_with("sources/") && path.ends_with("/contract.odcs.yaml")
            || path.starts_with("sources/") && path.ends_with("/mapping.yaml")
    };
    let message = "nothing reads this file; contracts lie in pole/*.odcs.yaml, lists/*.yaml, incidents.yaml and sources/<team>/<dataset>/{contract.odcs,mapping}.yaml";
    let told = |file: &DeclaredFile| Problem::error(&file.path, Location::WHOLE_FILE, message);
    files.iter().filter(|file| !known(file)).map(told).collect()
}

/// Two sources of one name or topic would write into each other's records.
fn find_source_clash(plans: &[CompiledMapping]) -> Option<Problem> {
    let mut topics: Vec<&str> = plans
        .iter()
        .map(|plan| plan.contract.topic.as_str())
        .collect();
    topics.sort_unstable();
    let twice = topics
        .windows(2)
        .find(|pair| pair[0] == pair[1])
        .map(|pair| format!("two contracts have the topic `{}`", pair[0]));
    let names = plans
        .windows(2)
        .find(|pair| pair[0].contract.name == pair[1].contract.name);
    let message = twice.or_else(|| {
        names.map(|pair| format!("two contracts have the id `{}`", pair[0].contract.name))
    })?;
    Some(Problem::error("sources", Location::WHOLE_FILE, message))
}
