//! `polelake contract new`: a draft from samples.

use std::path::{Path, PathBuf};

use contract::{Catalogue, DeclaredFile};
use serde_json::Value;

use super::read_contract_files;
use crate::error::CliError;

pub(crate) fn run(contracts: &Path, name: &str, from: &[PathBuf]) -> Result<bool, CliError> {
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let parts = name
        .split_once('/')
        .filter(|(team, dataset)| plain(team) && plain(dataset));
    let (team, dataset) = parts.ok_or_else(|| {
        format!(
            "`{name}` is not <team>/<dataset> in lower case letters, digits and `-`, such as library/loans"
        )
    })?;
    let folder = contracts.join("sources").join(team).join(dataset);
    if folder.exists() {
        return Err(format!(
            "{} is there already; a draft overwrites nothing",
            folder.display()
        )
        .into());
    }
    let samples = read_samples(from)?;
    let declared = read_contract_files(contracts)?;
    let own =
        |file: &&DeclaredFile| file.path.starts_with("pole/") || file.path.starts_with("lists/");
    let tables: Vec<DeclaredFile> = declared.iter().filter(own).cloned().collect();
    let catalogue = Catalogue::compile(&tables).map_err(|problems| problems[0].to_string())?;
    let draft = contract::draft_source(team, dataset, &samples, &catalogue.tables)?;
    write_draft_file(&folder, "contract.odcs.yaml", draft.contract.as_bytes())?;
    write_draft_file(&folder, "mapping.yaml", draft.mapping.as_bytes())?;
    for (number, sample) in samples.iter().enumerate() {
        let text = serde_json::to_string_pretty(sample)?;
        write_draft_file(
            &folder.join("samples"),
            &format!("sample-{}.json", number + 1),
            text.as_bytes(),
        )?;
    }
    let open = [&draft.contract, &draft.mapping]
        .iter()
        .map(|text| text.matches("TODO").count())
        .sum::<usize>();
    println!(
        "{}/{{contract.odcs.yaml,mapping.yaml,samples/}}",
        folder.display()
    );
    println!(
        "{} samples read. {open} decisions are marked TODO: make them, take the marks away, then",
        samples.len()
    );
    println!("  polelake contract lint\n  polelake contract test --update {team}-{dataset}");
    Ok(true)
}

/// The samples of all files: each file holds one JSON document, a list of them, or one on each line.
fn read_samples(from: &[PathBuf]) -> Result<Vec<Value>, CliError> {
    let mut samples = Vec::new();
    for file in from {
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        match serde_json::from_str(&text) {
            Ok(Value::Array(list)) => samples.extend(list),
            Ok(document) => samples.push(document),
            Err(_) => {
                for (number, line) in text
                    .lines()
                    .enumerate()
                    .filter(|(_, line)| !line.trim().is_empty())
                {
                    let sample = serde_json::from_str(line);
                    samples.push(sample.map_err(|error| {
                        format!(
                            "{}:{}: not JSON: column {}",
                            file.display(),
                            number + 1,
                            error.column()
                        )
                    })?);
                }
            }
        }
    }
    Ok(samples)
}

fn write_draft_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), CliError> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join(name), bytes)?;
    Ok(())
}
