//! Sources that would write into each other's records: of one id, of one topic, or of topics that are
//! two for their authors, and one for Kafka or in the catalogue.

use std::collections::BTreeMap;

use crate::file::DeclaredFile;
use crate::locator::{ProblemLocator, extension_value, problem_at};
use crate::place::DocumentPlace;
use crate::problem::Problem;

/// What a contract calls its source, as it is written: a clash is one whatever else is wrong.
struct DeclaredSource<'f> {
    file: &'f DeclaredFile,
    id: &'f str,
    topic: &'f str,
    domain: &'f str,
}

/// The sources that were seen, by the names that two of them must not share.
#[derive(Default)]
struct KnownSources<'f> {
    by_id: BTreeMap<&'f str, &'f DeclaredSource<'f>>,
    /// By their topics as Kafka's metrics write them.
    by_topic: BTreeMap<String, &'f DeclaredSource<'f>>,
    by_catalogue_name: BTreeMap<String, &'f DeclaredSource<'f>>,
}

/// Every clash of two sources, at the second one in the order of paths.
pub(crate) fn find_source_clashes(files: &[DeclaredFile]) -> Vec<Problem> {
    let mut sources: Vec<DeclaredSource<'_>> = files.iter().filter_map(declared_source).collect();
    sources.sort_by_key(|source| &source.file.path);
    let mut known = KnownSources::default();
    let mut problems = Vec::new();
    for source in &sources {
        problems.extend(find_id_clash(&known, source));
        problems.extend(find_topic_clash(&known, source));
        known.by_id.entry(source.id).or_insert(source);
        known.by_topic.entry(kafka_name(source)).or_insert(source);
        let name = catalogue_name(source);
        known.by_catalogue_name.entry(name).or_insert(source);
    }
    problems
}

fn declared_source(file: &DeclaredFile) -> Option<DeclaredSource<'_>> {
    if !file.path.ends_with("/contract.odcs.yaml") {
        return None;
    }
    let root = file.parsed_value()?;
    Some(DeclaredSource {
        file,
        id: root["id"].as_str()?,
        topic: extension_value(file)?["topic"].as_str()?,
        domain: root["domain"].as_str().unwrap_or("shared"),
    })
}

fn find_id_clash(known: &KnownSources<'_>, source: &DeclaredSource<'_>) -> Option<Problem> {
    let other = known.by_id.get(source.id)?;
    let message = format!(
        "two contracts have the id `{}`: {} has it too; give one of them another",
        source.id, other.file.path
    );
    let place = DocumentPlace::root().name("id");
    Some(problem_at(source.file, &place, message))
}

fn find_topic_clash(known: &KnownSources<'_>, source: &DeclaredSource<'_>) -> Option<Problem> {
    let topic = source.topic;
    let message = if let Some(other) = known.by_topic.get(&kafka_name(source)) {
        let path = &other.file.path;
        match other.topic == topic {
            true => format!(
                "two contracts have the topic `{topic}`: {path} has it too; give one of them another"
            ),
            false => format!(
                "the topics `{topic}` and `{}` ({path}) differ in `.` and `_` alone: Kafka refuses \
                 the second; rename one of them",
                other.topic
            ),
        }
    } else {
        let other = known.by_catalogue_name.get(&catalogue_name(source))?;
        format!(
            "the topics `{topic}` and `{}` ({}) of `{}` have one name in the catalogue, where every \
             character but letters and digits is `_`: rename one of them",
            other.topic, other.file.path, source.domain
        )
    };
    let locator = ProblemLocator { file: source.file };
    Some(locator.problem_below(DocumentPlace::root().name("topic"), message))
}

/// The topic as Kafka's metrics write it: it cannot hold two of one such name.
fn kafka_name(source: &DeclaredSource<'_>) -> String {
    source.topic.replace('.', "_")
}

/// The raw table of a source's topic: its department's database, and the topic as Glue writes it.
fn catalogue_name(source: &DeclaredSource<'_>) -> String {
    format!("{}.{}", glue_name(source.domain), glue_name(source.topic))
}

/// A text as Glue has it: letters in lower case, digits, and `_` for all others.
fn glue_name(text: &str) -> String {
    let plain = text.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() => c.to_ascii_lowercase(),
        _ => '_',
    });
    plain.collect()
}
