//! Incidents that a team has acknowledged: days on which numbers were not what they should have
//! been, and why.
//!
//! `contracts/incidents.yaml` lists them, reviewed like code. Such a day raises no further warning,
//! and later days are not compared with it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::absent_day::describe_absent_day;
use crate::file::DeclaredFile;
use crate::locator::problem_at;
use crate::place::DocumentPlace;
use crate::problem::{Problem, nearest_name_hint};
use crate::time::parse_date;
use crate::yaml;

/// `contracts/incidents.yaml`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IncidentsDocument {
    /// The incidents, in any order.
    incidents: Vec<IncidentDocument>,
}

/// An incident as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct IncidentDocument {
    /// The dataset with wrong numbers: `table/<name>`, `source/<name>`, or `all`.
    dataset: String,
    /// Its first day, `YYYY-MM-DD`.
    from: String,
    /// Its last day; the first day where it is left out.
    #[serde(default)]
    to: Option<String>,
    /// What happened, in a sentence. The report shows it.
    why: String,
    /// The team that acknowledged it.
    acknowledged_by: String,
}

/// An incident. Days are counted from 1970-01-01.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// The dataset with wrong numbers: `table/<name>`, `source/<name>`; none for all of them.
    pub dataset: Option<String>,
    /// Its first day.
    pub from: i32,
    /// Its last day.
    pub to: i32,
    /// What happened.
    pub why: String,
    /// The team that acknowledged it.
    pub acknowledged_by: String,
}

impl Incident {
    /// Whether it explains a dataset's numbers of a day.
    #[must_use]
    pub fn explains_day(&self, dataset: &str, day: i32) -> bool {
        (self.from..=self.to).contains(&day)
            && self.dataset.as_deref().is_none_or(|known| known == dataset)
    }
}

/// Reads the file; `datasets` are the names that exist.
pub(crate) fn read_incident_file(
    file: &DeclaredFile,
    datasets: &[String],
) -> Result<Vec<Incident>, Vec<Problem>> {
    let document: IncidentsDocument = yaml::read_document(file).map_err(|problem| vec![problem])?;
    let mut incidents = Vec::new();
    let mut problems = Vec::new();
    for (index, written) in document.incidents.into_iter().enumerate() {
        match compile_incident(written, datasets) {
            Ok(incident) => incidents.push(incident),
            Err((word, message)) => {
                let place = DocumentPlace::root()
                    .name("incidents")
                    .item(index)
                    .mention(&word);
                problems.push(problem_at(file, &place, message));
            }
        }
    }

    if problems.is_empty() {
        Ok(incidents)
    } else {
        Err(problems)
    }
}

/// A word on the line that is meant, and what is wrong there.
type IncidentFault = (String, String);

fn compile_incident(
    written: IncidentDocument,
    datasets: &[String],
) -> Result<Incident, IncidentFault> {
    let from = parse_day(&written.from)?;
    let to = match &written.to {
        Some(last) => parse_last_day(last, from, &written.from)?,
        None => from,
    };
    let dataset = (written.dataset != "all").then_some(written.dataset);
    if let Some(name) = &dataset {
        check_dataset(name, datasets)?;
    }

    Ok(Incident {
        dataset,
        from,
        to,
        why: written.why,
        acknowledged_by: written.acknowledged_by,
    })
}

/// A date without a time of day.
fn parse_day(text: &str) -> Result<i32, IncidentFault> {
    parse_date(text)
        .filter(|_| text.len() == 10)
        .ok_or_else(|| (text.to_owned(), describe_absent_day(text)))
}

/// The last day, which must not precede the first.
fn parse_last_day(text: &str, first: i32, first_text: &str) -> Result<i32, IncidentFault> {
    let last = parse_day(text)?;
    if last < first {
        let message = format!("it ends on {text} before it begins on {first_text}");
        return Err((first_text.to_owned(), message));
    }
    Ok(last)
}

fn check_dataset(name: &String, datasets: &[String]) -> Result<(), IncidentFault> {
    if datasets.contains(name) {
        return Ok(());
    }
    let near = nearest_name_hint(name, datasets.iter().map(String::as_str));
    Err((name.clone(), format!("there is no dataset `{name}`{near}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> DeclaredFile {
        DeclaredFile::new(
            "incidents.yaml",
            format!("incidents:\n  - {{{text}, why: w, acknowledged_by: t}}\n"),
        )
    }

    #[test]
    fn an_incident_explains_its_days_and_no_others() {
        let datasets = ["table/person".to_owned()];
        let read = |text: &str| {
            super::read_incident_file(&file(text), &datasets).map(|mut found| found.remove(0))
        };
        let one = read("dataset: table/person, from: 2026-03-02, to: 2026-03-03").unwrap();
        assert!(
            one.explains_day("table/person", 20_514) && one.explains_day("table/person", 20_515)
        );
        assert!(
            !one.explains_day("table/person", 20_516) && !one.explains_day("table/event", 20_514)
        );
        assert!(
            read("dataset: all, from: 2026-03-02")
                .unwrap()
                .explains_day("table/event", 20_514)
        );
        for (text, message) in [
            ("dataset: table/persn, from: 2026-03-02", "`table/person`"),
            ("dataset: all, from: 2026-13-02", "names month 13"),
            ("dataset: all, from: 2026-02-30", "no 30 February 2026"),
            (
                "dataset: all, from: 2026-03-02, to: 2026-03-01",
                "before it begins",
            ),
        ] {
            let problems = super::read_incident_file(&file(text), &datasets).unwrap_err();
            assert!(problems[0].message.contains(message), "{problems:?}");
        }
    }
}
