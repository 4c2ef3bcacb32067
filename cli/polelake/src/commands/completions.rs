//! `polelake completions SHELL`.

use clap::CommandFactory;

use crate::args::Cli;
use crate::args::shell::CompletionsArgs;
use crate::error::CliError;
use crate::terminal::print_script;

/// The program that the scripts complete.
const PROGRAM_NAME: &str = "polelake";

pub(crate) fn run(args: &CompletionsArgs) -> Result<bool, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), PROGRAM_NAME, &mut script);
    print_script(&String::from_utf8(script)?);
    Ok(true)
}
