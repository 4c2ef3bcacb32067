//! Everything that is declared in `contracts/`, compiled together.

use crate::catalogue_clash::find_source_clashes;
use crate::compile::{CompiledMapping, MappingContext};
use crate::file::DeclaredFile;
use crate::incident::{self, Incident};
use crate::list::{ReferenceList, ReferenceLists};
use crate::locator::{ProblemLocator, problem_at};
use crate::namespace::{NAMESPACES_FILE, NamedReferences, Namespaces};
use crate::odcs;
use crate::open_decision::find_open_decisions;
use crate::problem::{Location, Problem, ProblemLevel, nearest_name_hint};
use crate::record_table::record_table_name;
use crate::rule::{self, RuleContext};
use crate::source::SourceContract;
use crate::table::{TableContract, object_place};

/// The file of acknowledged incidents.
pub(crate) const INCIDENTS_FILE: &str = "incidents.yaml";

/// Everything that is declared, compiled.
#[derive(Debug)]
pub struct Catalogue {
    /// The tables that readers see, by name.
    pub tables: Vec<TableContract>,
    /// The tables of the records of sources with patches: what events state of each record. Only
    /// merges read them.
    pub record_tables: Vec<TableContract>,
    /// The sources' compiled mappings, by source name.
    pub mappings: Vec<CompiledMapping>,
    /// The reference lists.
    pub lists: ReferenceLists,
    /// Incidents that an operator has acknowledged.
    pub incidents: Vec<Incident>,
}

impl Catalogue {
    /// Compiles `pole/*.odcs.yaml`, `lists/*.yaml`, `incidents.yaml`, `namespaces.yaml` and
    /// `sources/**/{contract.odcs,mapping}.yaml`.
    ///
    /// # Errors
    /// Every problem found, each with its file, line and remedy.
    pub fn compile(files: &[DeclaredFile]) -> Result<Self, Vec<Problem>> {
        let (catalogue, mut problems) = Self::lint(files);
        catalogue.ok_or_else(|| {
            problems.retain(|problem| problem.level == ProblemLevel::Error);
            problems
        })
    }

    /// Compiles the same files, and gives advice besides. There is a catalogue only when there is
    /// no error: no function starts with files that do not pass here.
    #[must_use]
    pub fn lint(files: &[DeclaredFile]) -> (Option<Self>, Vec<Problem>) {
        let mut problems = Vec::new();
        let lists = read_lists(files, &mut problems);
        let tables = compile_tables(files, &lists, &mut problems);
        let namespaces = read_namespaces(files, &mut problems);
        let references = NamedReferences {
            lists: &lists,
            namespaces: &namespaces,
        };
        let mappings = compile_sources(files, &tables, references, &mut problems);
        let incidents = read_incidents(files, &tables, &mappings, &mut problems);

        if let Some(file) = find_namespaces_file(files) {
            problems.extend(namespaces.find_unused(file));
        }

        problems.extend(files.iter().flat_map(find_open_decisions));
        problems.extend(find_misplaced_files(files));
        problems.extend(find_source_clashes(files));
        problems.sort_by(|a, b| (&a.file, a.location).cmp(&(&b.file, b.location)));
        problems.dedup();

        let has_error = problems
            .iter()
            .any(|problem| problem.level == ProblemLevel::Error);
        let catalogue = (!has_error).then_some(Self {
            record_tables: declare_record_tables(&mappings),
            tables,
            mappings,
            lists,
            incidents,
        });
        (catalogue, problems)
    }

    /// Every table that is stored: those that readers see, then those of records. The position of
    /// a table is its index.
    pub fn stored_tables(&self) -> impl Iterator<Item = &TableContract> {
        self.tables.iter().chain(&self.record_tables)
    }

    /// The stored table of an index.
    #[must_use]
    pub fn stored_table(&self, index: usize) -> Option<&TableContract> {
        self.stored_tables().nth(index)
    }

    /// The table of a source's records; none when the source sends no patches.
    #[must_use]
    pub fn record_table_of_source(&self, source: &str) -> Option<&TableContract> {
        let name = record_table_name(source);
        self.record_tables.iter().find(|table| table.name == name)
    }

    /// The mappings of the sources with patches whose records fill a table that readers see.
    pub fn record_mappings_of_table(&self, name: &str) -> impl Iterator<Item = &CompiledMapping> {
        let table = self.tables.iter().position(|table| table.name == name);
        let mappings = self.mappings.iter();
        mappings
            .filter(move |mapping| table.is_some_and(|table| mapping.fills_from_statements(table)))
    }

    /// The mapping of a source.
    #[must_use]
    pub fn mapping_of_source(&self, name: &str) -> Option<&CompiledMapping> {
        self.mappings
            .iter()
            .find(|mapping| mapping.contract.name == name)
    }

    /// The mapping of a source that an operator names.
    ///
    /// # Errors
    /// A text with the names of all sources.
    pub fn require_mapping_of_source(&self, name: &str) -> Result<&CompiledMapping, String> {
        self.mapping_of_source(name).ok_or_else(|| {
            let known: Vec<&str> = self
                .mappings
                .iter()
                .map(|mapping| mapping.contract.name.as_str())
                .collect();
            let near = nearest_name_hint(name, known.iter().copied());
            format!(
                "there is no source `{name}`{near}; there are {}",
                known.join(", ")
            )
        })
    }

    /// The mapping of the source whose events a topic holds.
    #[must_use]
    pub fn mapping_of_topic(&self, topic: &str) -> Option<&CompiledMapping> {
        self.mappings
            .iter()
            .find(|mapping| mapping.contract.topic == topic)
    }

    /// The contract of a table that readers see.
    #[must_use]
    pub fn table_contract(&self, name: &str) -> Option<&TableContract> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// The contract of a stored table: one that readers see, or one of records.
    #[must_use]
    pub fn stored_table_contract(&self, name: &str) -> Option<&TableContract> {
        self.stored_tables().find(|table| table.name == name)
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
        let indices = self
            .mapping_of_topic(topic)
            .map(CompiledMapping::table_indices)
            .unwrap_or_default();
        indices
            .into_iter()
            .map(|index| self.tables[index].name.as_str())
            .collect()
    }

    /// The topics whose events can fill a stored table.
    #[must_use]
    pub fn topics_of_table(&self, table: &str) -> Vec<&str> {
        self.mappings
            .iter()
            .filter(|mapping| self.fills_table(mapping, table))
            .map(|mapping| mapping.contract.topic.as_str())
            .collect()
    }

    fn fills_table(&self, mapping: &CompiledMapping, table: &str) -> bool {
        let mut indices = mapping.table_indices().into_iter();
        indices.any(|index| self.tables[index].name == table)
            || mapping.is_patched() && table == record_table_name(&mapping.contract.name)
    }
}

/// The tables of the records of sources with patches.
fn declare_record_tables(mappings: &[CompiledMapping]) -> Vec<TableContract> {
    let patched = mappings.iter().filter(|mapping| mapping.is_patched());
    patched
        .map(|mapping| TableContract::of_records(&mapping.contract))
        .collect()
}

fn read_lists(files: &[DeclaredFile], problems: &mut Vec<Problem>) -> ReferenceLists {
    let mut lists = ReferenceLists::default();
    for file in files.iter().filter(|file| file.path.starts_with("lists/")) {
        problems.extend(lists.add_file(file).err());
    }
    lists
}

fn find_namespaces_file(files: &[DeclaredFile]) -> Option<&DeclaredFile> {
    files.iter().find(|file| file.path == NAMESPACES_FILE)
}

fn read_namespaces(files: &[DeclaredFile], problems: &mut Vec<Problem>) -> Namespaces {
    let Some(file) = find_namespaces_file(files) else {
        return Namespaces::default();
    };
    Namespaces::read(file).unwrap_or_else(|problem| {
        problems.push(problem);
        Namespaces::default()
    })
}

/// The tables' contracts, and then, when all of them are known, their rules.
fn compile_tables(
    files: &[DeclaredFile],
    lists: &ReferenceLists,
    problems: &mut Vec<Problem>,
) -> Vec<TableContract> {
    let mut tables = parse_tables(files, problems);
    tables.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    let names: Vec<String> = tables.iter().map(|(_, table)| table.name.clone()).collect();

    for (file, table) in &mut tables {
        let context = RuleContext {
            table: &table.name,
            columns: &table.columns,
            tables: &names,
            lists,
        };
        match rule::compile_rules(&table.properties, &table.quality, context) {
            Ok(rules) => table.rules = rules,
            Err(findings) => problems.extend(
                findings
                    .into_iter()
                    .map(|(place, message)| problem_at(file, &object_place().join(place), message)),
            ),
        }
    }
    tables.into_iter().map(|(_, table)| table).collect()
}

/// The tables' contracts without their rules, each with its file.
fn parse_tables<'f>(
    files: &'f [DeclaredFile],
    problems: &mut Vec<Problem>,
) -> Vec<(&'f DeclaredFile, TableContract)> {
    let mut tables: Vec<(&DeclaredFile, TableContract)> = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with("pole/")) {
        problems.extend(odcs::find_unknown_names(file));
        match TableContract::parse(file) {
            Ok(table) if tables.iter().any(|(_, known)| known.name == table.name) => {
                let message = format!("two contracts describe the table `{}`", table.name);
                let place = object_place().name("name");
                problems.push(problem_at(file, &place, message));
            }
            Ok(table) => tables.push((file, table)),
            Err(problem) => problems.push(problem),
        }
    }
    tables
}

/// The sources' contracts, each compiled with the mapping beside it.
fn compile_sources(
    files: &[DeclaredFile],
    tables: &[TableContract],
    references: NamedReferences<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<CompiledMapping> {
    let context = MappingContext { tables, references };
    let mut mappings = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.path.ends_with("/contract.odcs.yaml"))
    {
        problems.extend(odcs::find_unknown_names(file));
        match compile_source(file, files, &context) {
            Ok(mapping) => {
                problems.extend(advise_on_opaque_paths(file, &mapping));
                problems.extend(advise_on_local_fetch(file, &mapping));
                mappings.push(mapping);
            }
            Err(found) => problems.extend(found),
        }
    }
    mappings.sort_by(|a, b| a.contract.name.cmp(&b.contract.name));
    mappings
}

fn compile_source(
    file: &DeclaredFile,
    files: &[DeclaredFile],
    context: &MappingContext<'_>,
) -> Result<CompiledMapping, Vec<Problem>> {
    let mut contract = SourceContract::parse(file).map_err(|problem| vec![problem])?;
    contract.key_case = context.references.namespaces.get(&contract.name).case();

    let mapping_path = file.path.replace("contract.odcs.yaml", "mapping.yaml");
    let Some(mapping) = files.iter().find(|other| other.path == mapping_path) else {
        let message = "there is no mapping.yaml beside the contract";
        let problem = Problem::error(&file.path, Location::WHOLE_FILE, message);
        return Err(vec![problem]);
    };
    CompiledMapping::compile(mapping, contract, context)
}

fn read_incidents(
    files: &[DeclaredFile],
    tables: &[TableContract],
    mappings: &[CompiledMapping],
    problems: &mut Vec<Problem>,
) -> Vec<Incident> {
    let Some(file) = files.iter().find(|file| file.path == INCIDENTS_FILE) else {
        return Vec::new();
    };
    let tables = tables.iter().map(|table| format!("table/{}", table.name));
    let sources = mappings
        .iter()
        .map(|mapping| format!("source/{}", mapping.contract.name));
    let datasets: Vec<String> = tables.chain(sources).collect();

    incident::read_incident_file(file, &datasets).unwrap_or_else(|found| {
        problems.extend(found);
        Vec::new()
    })
}

/// Advice on objects that a contract does not describe.
fn advise_on_opaque_paths(file: &DeclaredFile, mapping: &CompiledMapping) -> Vec<Problem> {
    let opaque = mapping.contract.opaque_paths();
    opaque
        .iter()
        .map(|path| opaque_path_advice(file, mapping, path))
        .collect()
}

fn opaque_path_advice(file: &DeclaredFile, mapping: &CompiledMapping, path: &str) -> Problem {
    let location = file.locate(&mapping.contract.record_field_place(path));
    let message =
        format!("what is in `{path}` is not described: unknown fields in it will not be seen");
    Problem::advice(&file.path, location, message)
}

/// Advice on an API of one machine: such a contract is for a trial.
fn advise_on_local_fetch(file: &DeclaredFile, mapping: &CompiledMapping) -> Option<Problem> {
    let fetch = mapping.contract.fetch.as_ref()?;
    if !fetch.url.is_on_this_machine() {
        return None;
    }
    let locator = ProblemLocator { file };
    let problem = locator.problem_in(
        "fetch",
        "url",
        "`fetch.url` is an address of this machine: only the local platform fetches from there",
    );
    Some(Problem::advice(
        &problem.file,
        problem.location,
        problem.message,
    ))
}

/// Files that no part of the platform would read: most are stored in the wrong folder.
fn find_misplaced_files(files: &[DeclaredFile]) -> Vec<Problem> {
    let message = "nothing reads this file; contracts lie in pole/*.odcs.yaml, lists/*.yaml, \
                   incidents.yaml and sources/<team>/<dataset>/{contract.odcs,mapping}.yaml";
    files
        .iter()
        .filter(|file| !is_known_path(&file.path))
        .map(|file| Problem::error(&file.path, Location::WHOLE_FILE, message))
        .collect()
}

fn is_known_path(path: &str) -> bool {
    [INCIDENTS_FILE, NAMESPACES_FILE].contains(&path)
        || path.starts_with("lists/")
        || path.starts_with("pole/") && path.ends_with(".odcs.yaml")
        || path.starts_with("sources/") && path.ends_with("/contract.odcs.yaml")
        || path.starts_with("sources/") && path.ends_with("/mapping.yaml")
}
