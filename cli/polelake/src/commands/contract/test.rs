//! `polelake contract test`: golden samples become exactly the expected rows.

use std::path::Path;

use contract::Problem;

use super::compile_contracts;
use crate::error::CliError;
use crate::named_file::write_file;
use crate::sample_faults::find_sample_problems;
use crate::samples::{
    EXPECTED_FILE, QuarantinedSample, SampledSource, contract_folders, run_samples,
};

/// Lines of each side that a difference shows.
const LINES_SHOWN: usize = 20;

pub(crate) fn run(contracts: &Path, only: Option<&str>, update: bool) -> Result<bool, CliError> {
    let catalogue = compile_contracts(contracts)?;
    let folders = contract_folders(contracts)?;
    only.map(|only| catalogue.require_mapping_of_source(only))
        .transpose()?;
    let mut problems = find_sample_problems(&catalogue, contracts)?;
    let asked = only.and_then(|only| folders.get(only));
    problems.retain(|problem| asked.is_none_or(|folder| is_of_folder(problem, contracts, folder)));
    for problem in &problems {
        println!("{}/{problem}", contracts.display());
    }
    let mut held = problems.is_empty();
    for mapping in &catalogue.mappings {
        let name = &mapping.contract.name;
        let Some(folder) = folders
            .get(name)
            .filter(|_| only.is_none_or(|only| only == name))
        else {
            continue;
        };
        let sampled = run_samples(&catalogue, mapping, folder)?;
        // With a source, the operator sees all of its rows.
        if only.is_some() {
            print!("{}", sampled.text);
        }
        let is_wrong = problems
            .iter()
            .any(|problem| is_of_folder(problem, contracts, folder));
        held &= match update {
            true => update_expected(&sampled, is_wrong)?,
            false => check_expected(&sampled),
        };
    }
    Ok(held)
}

/// Whether a problem is one of the source in a folder.
fn is_of_folder(problem: &Problem, contracts: &Path, folder: &Path) -> bool {
    contracts.join(&problem.file).starts_with(folder)
}

/// Compares the rows with the expected ones.
fn check_expected(sampled: &SampledSource) -> bool {
    let expected = read_expected(sampled);
    let is_same = expected == sampled.text;
    let verdict = match is_same {
        true => "as expected",
        false => "NOT as expected",
    };
    print_verdict(sampled, verdict);
    if !is_same {
        print_difference(&expected, &sampled.text);
    }
    print_missing(sampled);
    is_same && sampled.missing.is_empty()
}

/// Writes what the samples become as the expected rows, unless they show that the contract or the
/// mapping is wrong: what is written is what a reviewer, and every later run, takes for right.
fn update_expected(sampled: &SampledSource, is_wrong: bool) -> Result<bool, CliError> {
    let expected = read_expected(sampled);
    let faults = find_sample_faults(sampled, &expected, is_wrong);
    if !faults.is_empty() {
        print_verdict(sampled, "expected.txt is NOT written");
        faults.iter().for_each(|fault| println!("    {fault}"));
        print_quarantined(sampled);
        return Ok(false);
    }

    let is_same = expected == sampled.text;
    if !is_same {
        write_file(&sampled.folder.join(EXPECTED_FILE), &sampled.text)?;
    }
    let verdict = match is_same {
        true => "as expected",
        false => "expected.txt is overwritten: review it",
    };
    print_verdict(sampled, verdict);
    if !is_same {
        print_quarantined(sampled);
    }
    print_missing(sampled);
    Ok(sampled.missing.is_empty())
}

/// Why what the samples become is not to be expected. A sample that must be refused is no fault.
fn find_sample_faults(sampled: &SampledSource, expected: &str, is_wrong: bool) -> Vec<String> {
    let mut faults = Vec::new();
    if is_wrong {
        faults.push("first correct what is said above of the samples".to_owned());
    }
    if sampled.events > 0 && sampled.quarantined.len() == sampled.events {
        faults.push("every sample is quarantined: correct the contract or the mapping".to_owned());
        return faults;
    }
    faults.extend(sampled.rowless.iter().map(|kind| {
        format!(
            "every sample of `{kind}` is quarantined: correct the contract, the mapping or the \
             sample; one that must be refused stands beside one that becomes rows"
        )
    }));
    let turned = sampled.quarantined.iter();
    let turned = turned.filter(|sample| was_expected(&sample.name, expected));
    faults.extend(turned.map(|QuarantinedSample { name, .. }| {
        format!(
            "the sample `{name}` was expected to become rows: where it must be refused from now \
             on, delete its part of expected.txt first"
        )
    }));
    faults
}

/// Whether a sample has a part in the expected text in which it is not quarantined.
fn was_expected(name: &str, expected: &str) -> bool {
    let heading = format!("# {name}: ");
    let mut parts = expected.split("\n\n").map(str::trim_start);
    let part = parts.find(|part| part.starts_with(&heading));
    part.is_some_and(|part| !part.contains("\nquarantined: "))
}

fn read_expected(sampled: &SampledSource) -> String {
    std::fs::read_to_string(sampled.folder.join(EXPECTED_FILE)).unwrap_or_default()
}

fn print_verdict(sampled: &SampledSource, verdict: &str) {
    println!(
        "{:24} {:3} samples, {:3} rows: {verdict}",
        sampled.source, sampled.events, sampled.rows
    );
}

/// Names the samples that become no rows, with the reason, which the expected rows leave out.
fn print_quarantined(sampled: &SampledSource) {
    for QuarantinedSample { name, fault, .. } in &sampled.quarantined {
        println!(
            "    sample `{name}` is quarantined ({}): {}: {}",
            fault.rule, fault.path, fault.reason
        );
    }
}

fn print_missing(sampled: &SampledSource) {
    for kind in &sampled.missing {
        println!(
            "    there is no sample of `{kind}`; add one to {}/samples",
            sampled.folder.display()
        );
    }
}

/// Prints the lines that differ, as `diff` does: twenty of each side at most.
fn print_difference(expected: &str, found: &str) {
    let old: Vec<&str> = expected.lines().collect();
    let new: Vec<&str> = found.lines().collect();
    let begin = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[begin..]
        .iter()
        .rev()
        .zip(new[begin..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    println!("    from line {}:", begin + 1);
    for line in old[begin..old.len() - tail].iter().take(LINES_SHOWN) {
        println!("    -{line}");
    }
    for line in new[begin..new.len() - tail].iter().take(LINES_SHOWN) {
        println!("    +{line}");
    }
}
