//! `polelake contract test`: golden samples become exactly the expected rows.

use std::path::Path;

use super::compiled;
use crate::error::Failed;
use crate::samples::{EXPECTED, Sampled, folders, sample};

pub(crate) fn run(contracts: &Path, only: Option<&str>, update: bool) -> Result<bool, Failed> {
    let catalogue = compiled(contracts)?;
    let folders = folders(contracts)?;
    only.map(|only| catalogue.known_source(only)).transpose()?;
    let mut held = true;
    for plan in &catalogue.plans {
        let name = &plan.contract.name;
        let Some(folder) = folders
            .get(name)
            .filter(|_| only.is_none_or(|only| only == name))
        else {
            continue;
        };
        let sampled = sample(&catalogue, plan, folder)?;
        // One source that is asked for is shown whole.
        if only.is_some() {
            print!("{}", sampled.text);
        }
        held &= checked(&sampled, update)?;
    }
    Ok(held)
}

fn checked(sampled: &Sampled, update: bool) -> Result<bool, Failed> {
    let file = sampled.folder.join(EXPECTED);
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    let same = expected == sampled.text;
    if update && !same {
        std::fs::write(&file, &sampled.text)?;
    }
    let verdict = match (same, update) {
        (true, _) => "as expected",
        (false, true) => "expected.txt was written anew: read it",
        (false, false) => "NOT as expected",
    };
    println!(
        "{:24} {:3} samples, {:3} rows: {verdict}",
        sampled.source, sampled.events, sampled.rows
    );
    if !same && !update {
        difference(&expected, &sampled.text);
    }
    for kind in &sampled.missing {
        println!(
            "    there is no sample of `{kind}`; add one to {}/samples",
            sampled.folder.display()
        );
    }
    Ok((same || update) && sampled.missing.is_empty())
}

/// Lines on either side, as `diff` would tell them; the first forty.
fn difference(expected: &str, found: &str) {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let begin = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[begin..]
        .iter()
        .rev()
        .zip(new[begin..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    println!("    from line {}:", begin + 1);
    old[begin..old.len() - tail]
        .iter()
        .take(20)
        .for_each(|line| println!("    -{line}"));
    new[begin..new.len() - tail]
        .iter()
        .take(20)
        .for_each(|line| println!("    +{line}"));
}
