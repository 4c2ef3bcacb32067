//! Runs a command to its end and gives the exit code.

use std::process::ExitCode;

use crate::error::CliError;

/// The exit code of a process whose reader has closed the pipe: 128 and the number of SIGPIPE.
const READER_GONE: i32 = 141;

/// Runs a command of `program`. Exit code 0: done; 1: done, and a check failed; 2: not done.
#[must_use]
pub fn run_to_exit_code(
    program: &str,
    command: impl Future<Output = Result<bool, CliError>>,
) -> ExitCode {
    end_quietly_when_the_reader_goes();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("{program}: {error}");
            ExitCode::from(2)
        }
    }
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
