//! Runs a command to its end, tells its error, and gives the exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use serde_json::json;

use crate::error::{CliError, EXIT_NOT_DONE, describe_causes, error_json, exit_code_of};

/// The exit code of a process whose reader has closed the pipe: 128 and the number of SIGPIPE.
const READER_GONE: i32 = 141;

/// Runs a command of `program`. Exit code 0: done; 1: done, and a check failed; 2: not done;
/// 130: interrupted. The error goes to the error output: as JSON where the arguments ask for JSON.
#[must_use]
pub fn run_to_exit_code(
    program: &str,
    command: impl Future<Output = Result<bool, CliError>>,
) -> ExitCode {
    end_quietly_when_the_reader_goes();
    let started = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = match started {
        Ok(runtime) => runtime,
        Err(error) => {
            report_error(program, &error.into());
            return ExitCode::from(EXIT_NOT_DONE);
        }
    };
    // The runtime ends after the outcome is told: its end waits for what blocks.
    match runtime.block_on(command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            report_error(program, &error);
            ExitCode::from(exit_code_of(&error))
        }
    }
}

pub(crate) fn report_error(program: &str, error: &CliError) {
    if is_json_asked() {
        eprintln!("{}", error_json(error));
    } else {
        eprintln!("{program}: {}", describe_causes(error.as_ref()));
    }
}

/// Tells the person at the terminal something besides the outcome. Whoever asks for JSON reads an
/// error alone on the error output.
pub(crate) fn print_note(text: &str) {
    if !is_json_asked() {
        eprintln!("{text}");
    }
}

/// Ends a command whose arguments do not fit: with clap's own text, or as JSON where they ask for
/// it. Help and version are no errors.
pub(crate) fn report_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || !is_json_asked() {
        error.exit();
    }

    let text = error.render().to_string();
    let text = text.trim().trim_start_matches("error: ");
    eprintln!("{}", json!({"error": text, "exit_code": EXIT_NOT_DONE}));
    ExitCode::from(EXIT_NOT_DONE)
}

/// Whether this process was asked for JSON.
pub(crate) fn is_json_asked() -> bool {
    asks_for_json(std::env::args_os())
}

/// Whether arguments ask for JSON. Arguments that do not fit say it too, so they are searched, not
/// parsed.
fn asks_for_json(arguments: impl Iterator<Item = OsString>) -> bool {
    let mut options = arguments.skip(1).take_while(|argument| argument != "--");
    options.any(|argument| argument == "--json")
}

/// Ends the command without a message when its reader, such as `head`, closes the pipe.
fn end_quietly_when_the_reader_goes() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<String>();
        if message.is_some_and(|message| message.contains("failed printing to stdout")) {
            std::process::exit(READER_GONE);
        }
        previous(panic);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_asked_for_by_an_option_alone() {
        for (arguments, asked) in [
            (&["polelake", "audit", "--json"][..], true),
            (&["polelake", "audit"], false),
            (&["--json"], false),
            (&["polelake", "push", "--", "--json"], false),
        ] {
            let arguments = arguments.iter().map(OsString::from);
            assert_eq!(asks_for_json(arguments), asked);
        }
    }
}
