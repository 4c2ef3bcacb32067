//! A day's results as JUnit XML: a suite for each table, a case for each check, for the pages of CI systems.
//!
//! What blocks is a failure; what warns passes and says so; what looked at nothing was skipped; a missing snapshot is an
//! error. There is no time in it: how long a rule took is no property of the day.

use std::io;

use lake::Day;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::datacontract::{DatacontractCheck, DatacontractOutcome, DatacontractRun};

type JunitWriter = Writer<Vec<u8>>;

/// The document.
pub(super) fn junit_document(runs: &[DatacontractRun], day: Day) -> io::Result<Vec<u8>> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let name = format!("polelake {day}");
    let checks: Vec<&DatacontractCheck> = runs.iter().flat_map(|run| &run.checks).collect();
    let suites = xml
        .create_element("testsuites")
        .with_attribute(("name", name.as_str()));
    suites
        .with_attributes(
            outcome_counts(&checks)
                .iter()
                .map(|(name, count)| (*name, count.as_str())),
        )
        .write_inner_content(|xml| runs.iter().try_for_each(|run| write_suite(run, day, xml)))?;
    let mut text = xml.into_inner();
    text.push(b'\n');
    Ok(text)
}

fn outcome_counts(checks: &[&DatacontractCheck]) -> [(&'static str, String); 4] {
    let of = |outcome: DatacontractOutcome| {
        checks
            .iter()
            .filter(|check| check.result == outcome)
            .count()
            .to_string()
    };
    [
        ("tests", checks.len().to_string()),
        ("failures", of(DatacontractOutcome::Failed)),
        ("errors", of(DatacontractOutcome::Error)),
        ("skipped", of(DatacontractOutcome::Skipped)),
    ]
}

fn write_suite(run: &DatacontractRun, day: Day, xml: &mut JunitWriter) -> io::Result<()> {
    let checks: Vec<&DatacontractCheck> = run.checks.iter().collect();
    let begins = format!("{day}T00:00:00");
    let suite = xml
        .create_element("testsuite")
        .with_attribute(("name", run.table.as_str()));
    suite
        .with_attributes(
            outcome_counts(&checks)
                .iter()
                .map(|(name, count)| (*name, count.as_str())),
        )
        .with_attribute(("timestamp", begins.as_str()))
        .write_inner_content(|xml| {
            run.checks
                .iter()
                .try_for_each(|check| write_case(run, check, xml))
        })?;
    Ok(())
}

fn write_case(
    run: &DatacontractRun,
    check: &DatacontractCheck,
    xml: &mut JunitWriter,
) -> io::Result<()> {
    let (id, name) = (
        replace_illegal_chars(&check.id),
        replace_illegal_chars(&check.name),
    );
    let case = xml
        .create_element("testcase")
        .with_attributes([("classname", run.table.as_str()), ("name", id.as_str())]);
    let reason = replace_illegal_chars(check.reason.as_deref().unwrap_or_default());
    let told = |xml: &mut JunitWriter, element: &str| {
        let told = xml.create_element(element);
        let told = if element == "skipped" {
            told
        } else {
            told.with_attribute(("type", check.kind.as_str()))
        };
        told.with_attribute(("message", reason.as_str()))
            .write_text_content(BytesText::new(&name))
            .map(drop)
    };
    match check.result {
        DatacontractOutcome::Failed => case.write_inner_content(|xml| told(xml, "failure"))?,
        DatacontractOutcome::Error => case.write_inner_content(|xml| told(xml, "error"))?,
        DatacontractOutcome::Skipped => case.write_inner_content(|xml| told(xml, "skipped"))?,
        DatacontractOutcome::Warning | DatacontractOutcome::Info => {
            case.write_inner_content(|xml| {
                let word = if check.result == DatacontractOutcome::Warning {
                    "warning"
                } else {
                    "note"
                };
                let text = format!("{word}: {reason}: {name}");
                xml.create_element("system-out")
                    .write_text_content(BytesText::new(&text))
                    .map(drop)
            })?
        }
        DatacontractOutcome::Passed | DatacontractOutcome::Unknown => case.write_empty()?,
    };
    Ok(())
}

/// The text without characters that XML 1.0 cannot hold, not even escaped.
fn replace_illegal_chars(text: &str) -> String {
    let fits = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars()
        .map(|c| if fits(c) { c } else { '\u{fffd}' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(
            replace_illegal_chars("a\u{0}b\u{8}\u{ffff}<&\n\u{1f600}"),
            "a\u{fffd}b\u{fffd}\u{fffd}<&\n\u{1f600}"
        );
    }
}
