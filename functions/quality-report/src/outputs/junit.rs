//! A day's results as JUnit XML: a suite for each table, a case for each check, for the pages of CI
//! systems.
//!
//! A rule that blocks is a failure; a rule that warns passes, with a note; a rule that checked no
//! row is skipped; a missing snapshot is an error. There are no durations: how long a rule took is
//! no property of the day.

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
    let counts = outcome_counts(runs.iter().flat_map(|run| &run.checks));
    xml.create_element("testsuites")
        .with_attribute(("name", name.as_str()))
        .with_attributes(counts.iter().map(|(name, count)| (*name, count.as_str())))
        .write_inner_content(|xml| runs.iter().try_for_each(|run| write_suite(run, day, xml)))?;

    let mut text = xml.into_inner();
    text.push(b'\n');
    Ok(text)
}

/// The attributes of a suite that count its cases.
fn outcome_counts<'r>(
    checks: impl Iterator<Item = &'r DatacontractCheck>,
) -> [(&'static str, String); 4] {
    let mut tests = 0;
    let mut failures = 0;
    let mut errors = 0;
    let mut skipped = 0;
    for check in checks {
        tests += 1;
        match check.result {
            DatacontractOutcome::Failed => failures += 1,
            DatacontractOutcome::Error => errors += 1,
            DatacontractOutcome::Skipped => skipped += 1,
            DatacontractOutcome::Passed
            | DatacontractOutcome::Warning
            | DatacontractOutcome::Info
            | DatacontractOutcome::Unknown => {}
        }
    }

    [
        ("tests", tests),
        ("failures", failures),
        ("errors", errors),
        ("skipped", skipped),
    ]
    .map(|(name, count): (_, usize)| (name, count.to_string()))
}

fn write_suite(run: &DatacontractRun, day: Day, xml: &mut JunitWriter) -> io::Result<()> {
    let counts = outcome_counts(run.checks.iter());
    let timestamp = format!("{day}T00:00:00");
    let suite = xml
        .create_element("testsuite")
        .with_attribute(("name", run.table.as_str()))
        .with_attributes(counts.iter().map(|(name, count)| (*name, count.as_str())))
        .with_attribute(("timestamp", timestamp.as_str()));

    suite.write_inner_content(|xml| {
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
    let id = replace_illegal_chars(&check.id);
    let case = xml
        .create_element("testcase")
        .with_attributes([("classname", run.table.as_str()), ("name", id.as_str())]);

    match check.result {
        DatacontractOutcome::Failed => {
            case.write_inner_content(|xml| write_problem("failure", check, xml))?
        }
        DatacontractOutcome::Error => {
            case.write_inner_content(|xml| write_problem("error", check, xml))?
        }
        DatacontractOutcome::Skipped => {
            case.write_inner_content(|xml| write_skipped(check, xml))?
        }
        DatacontractOutcome::Warning => {
            case.write_inner_content(|xml| write_note("warning", check, xml))?
        }
        DatacontractOutcome::Info => {
            case.write_inner_content(|xml| write_note("note", check, xml))?
        }
        DatacontractOutcome::Passed | DatacontractOutcome::Unknown => case.write_empty()?,
    };
    Ok(())
}

/// Writes a failure or an error of a case.
fn write_problem(
    element: &str,
    check: &DatacontractCheck,
    xml: &mut JunitWriter,
) -> io::Result<()> {
    let name = replace_illegal_chars(&check.name);
    xml.create_element(element)
        .with_attribute(("type", check.kind.as_str()))
        .with_attribute(("message", check_reason(check).as_str()))
        .write_text_content(BytesText::new(&name))
        .map(drop)
}

fn write_skipped(check: &DatacontractCheck, xml: &mut JunitWriter) -> io::Result<()> {
    let name = replace_illegal_chars(&check.name);
    xml.create_element("skipped")
        .with_attribute(("message", check_reason(check).as_str()))
        .write_text_content(BytesText::new(&name))
        .map(drop)
}

/// Writes a note on a case that passes.
fn write_note(word: &str, check: &DatacontractCheck, xml: &mut JunitWriter) -> io::Result<()> {
    let name = replace_illegal_chars(&check.name);
    let text = format!("{word}: {}: {name}", check_reason(check));
    xml.create_element("system-out")
        .write_text_content(BytesText::new(&text))
        .map(drop)
}

fn check_reason(check: &DatacontractCheck) -> String {
    replace_illegal_chars(check.reason.as_deref().unwrap_or_default())
}

/// The text without characters that XML 1.0 cannot hold, not even escaped.
fn replace_illegal_chars(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'.. => char,
            _ => '\u{fffd}',
        })
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
