//! `polelake contract test`: golden samples become exactly the expected rows.

use std::path::Path;

use super::compile_contracts;
use crate::error::CliError;
use crate::named_file::write_file;
use crate::sample_faults::find_sample_problems;
use crate::samples::{EXPECTED_FILE, SampledSource, contract_folders, run_samples};

/// Lines of each side that a difference shows.
const LINES_SHOWN: usize = 20;

pub(crate) fn run(contracts: &Path, only: Option<&str>, update: bool) -> Result<bool, CliError> {
    let catalogue = compile_contracts(contracts)?;
    let folders = contract_folders(contracts)?;
    only.map(|only| catalogue.require_mapping_of_source(only))
        .transpose()?;
    let problems = find_sample_problems(&catalogue, contracts)?;
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
        held &= check_expected(&sampled, update)?;
    }
    Ok(held)
}

fn check_expected(sampled: &SampledSource, update: bool) -> Result<bool, CliError> {
    let file = sampled.folder.join(EXPECTED_FILE);
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    let same = expected == sampled.text;
    if update && !same {
        write_file(&file, &sampled.text)?;
    }
    let verdict = match (same, update) {
        (true, _) => "as expected",
        (false, true) => "expected.txt is overwritten: review it",
        (false, false) => "NOT as expected",
    };
    println!(
        "{:24} {:3} samples, {:3} rows: {verdict}",
        sampled.source, sampled.events, sampled.rows
    );
    if !same && !update {
        print_difference(&expected, &sampled.text);
    }
    for kind in &sampled.missing {
        println!(
            "    there is no sample of `{kind}`; add one to {}/samples",
            sampled.folder.display()
        );
    }
    Ok((same || update) && sampled.missing.is_empty())
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
