//! `polelake contract try`: what events become, without sending them.

use std::io::Read;
use std::path::Path;

use contract::{EVENT_BYTES_MAX, SourceContract};
use event_relay::BODY_BYTES_MAX;

use super::compile_contracts;
use crate::args::contract::ContractTryArgs;
use crate::error::CliError;
use crate::named_file::open_file;
use crate::trial::{
    TrialContent, TrialOptions, trial_json, trial_summary, trial_text, try_content,
};

pub(crate) fn run(args: &ContractTryArgs) -> Result<bool, CliError> {
    let catalogue = compile_contracts(&args.contracts)?;
    let content = match args.file.as_path() {
        file if file == Path::new("-") => TrialContent::Bytes(None, read_standard_input()?),
        file => TrialContent::File(file),
    };
    let mapping = catalogue.require_mapping_of_source(&args.source)?;
    let request = TrialOptions {
        as_records: args.records,
        state: read_state(&mapping.contract, args.state.as_deref())?,
    };
    let trial = try_content(&catalogue, &args.source, content, &request)?;
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

/// The state that the command names, for a source that fetches one.
fn read_state(contract: &SourceContract, file: Option<&Path>) -> Result<Option<Vec<u8>>, CliError> {
    let Some(file) = file else { return Ok(None) };
    if contract.fetch.is_none() {
        let why = format!(
            "`{}` fetches no state: its contract declares no `fetch`, so leave `--state` out",
            contract.name
        );
        return Err(why.into());
    }
    let mut state = Vec::new();
    let limit = EVENT_BYTES_MAX as u64 + 1;
    open_file(file)?.take(limit).read_to_end(&mut state)?;
    if state.len() > EVENT_BYTES_MAX {
        let shown = file.display();
        return Err(format!("{shown} has more than {EVENT_BYTES_MAX} bytes, the limit").into());
    }
    Ok(Some(state))
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
