//! Incidents that somebody has acknowledged: days on which numbers were not what they should have been, and why.
//!
//! They stand in `contracts/incidents.yaml`, reviewed like code. Such a day warns nobody again, and later days are not
//! compared with it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::DeclaredFile;
use crate::problem::{Location, Problem, nearest_name_hint};
use crate::time::parse_date;
use crate::yaml;

/// `contracts/incidents.yaml`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IncidentsDocument {
    /// The incidents, in any order.
    incidents: Vec<IncidentDocument>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct IncidentDocument {
    /// What went wrong: `table/<name>`, `source/<name>`, or `all`.
    dataset: String,
    /// Its first day, `YYYY-MM-DD`.
    from: String,
    /// Its last day; the first where there is none.
    #[serde(default)]
    to: Option<String>,
    /// What happened, in a sentence. It stands on the pages.
    why: String,
    /// The team that says so.
    acknowledged_by: String,
}

/// An incident. Days are counted from 1970-01-01.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// What went wrong: `table/<name>`, `source/<name>`; none for everything.
    pub dataset: Option<String>,
    /// Its first day.
    pub from: i32,
    /// Its last day.
    pub to: i32,
    /// What happened.
    pub why: String,
    /// The team that says so.
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

/// Reads the file; `datasets` are those that there are.
pub(crate) fn read_incident_file(
    file: &DeclaredFile,
    datasets: &[String],
) -> Result<Vec<Incident>, Vec<Problem>> {
    let document: IncidentsDocument = yaml::read_document(file).map_err(|problem| vec![problem])?;
    let (mut incidents, mut problems) = (Vec::new(), Vec::new());
    for written in document.incidents {
        let at = |needle: &str, message: String| {
            Problem::error(
                &file.path,
                Location::find_word(file.text(), needle, 1),
                message,
            )
        };
        match compile_incident(&written, datasets) {
            Ok(incident) => incidents.push(incident),
            Err((needle, message)) => problems.push(at(&needle, message)),
        }
    }
    if problems.is_empty() {
        Ok(incidents)
    } else {
        Err(problems)
    }
}

fn compile_incident(
    written: &IncidentDocument,
    datasets: &[String],
) -> Result<Incident, (String, String)> {
    let day = |text: &str| {
        let what = || {
            (
                text.to_owned(),
                format!("`{text}` is no day, such as 2026-03-02"),
            )
        };
        parse_date(text)
            .filter(|_| text.len() == 10)
            .ok_or_else(what)
    };
    let from = day(&written.from)?;
    let to = written.to.as_deref().map_or(Ok(from), day)?;
    if to < from {
        let message = format!(
            "it ends on {} before it begins on {}",
            written.to.as_deref().unwrap_or(""),
            written.from
        );
        return Err((written.from.clone(), message));
    }
    let dataset = (written.dataset != "all").then(|| written.dataset.clone());
    if let Some(unknown) = dataset.as_ref().filter(|name| !datasets.contains(name)) {
        let near = nearest_name_hint(unknown, datasets.iter().map(String::as_str));
        return Err((
            unknown.clone(),
            format!("there is no dataset `{unknown}`{near}"),
        ));
    }
    let (why, acknowledged_by) = (written.why.clone(), written.acknowledged_by.clone());
    Ok(Incident {
        dataset,
        from,
        to,
        why,
        acknowledged_by,
    })
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
            ("dataset: all, from: 2026-13-02", "no day"),
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
