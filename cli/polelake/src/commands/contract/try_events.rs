//! `polelake contract try`: what events become, without sending them.

use std::io::Read;
use std::path::Path;

use event_relay::BODY_BYTES_MAX;

use super::compile_contracts;
use crate::args::contract::ContractTryArgs;
use crate::error::CliError;
use crate::trial::{TrialContent, trial_json, trial_summary, trial_text, try_content};

pub(crate) fn run(args: &ContractTryArgs) -> Result<bool, CliError> {
    let catalogue = compile_contracts(&args.contracts)?;
    let content = match args.file.as_path() {
        file if file == Path::new("-") => TrialContent::Bytes(None, read_standard_input()?),
        file => TrialContent::File(file),
    };
    let trial = try_content(&catalogue, &args.source, content, args.records)?;
    if args.json {
        println!("{:#}", trial_json(&trial));
    } else {
        print!("{}", trial_text(&trial));
    }

    let summary = trial_summary(&trial);
    if !trial.is_good() {
        return Err(summary.into());
    }
    if !args.json {
        println!("{summary}");
    }
    Ok(true)
}

/// All of standard input, which is held at once.
fn read_standard_input() -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let limit = BODY_BYTES_MAX as u64 + 1;
    std::io::stdin().take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > BODY_BYTES_MAX {
        let why = format!("standard input has more than {BODY_BYTES_MAX} bytes; give a file");
        return Err(why.into());
    }
    Ok(bytes)
}
