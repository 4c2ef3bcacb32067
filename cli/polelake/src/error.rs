//! Errors of commands, as people and programs are told of them.

use std::error::Error;
use std::fmt;

use serde_json::{Map, Value, json};
pub use store::describe_causes;

/// The exit code of a command that was not done.
pub(crate) const EXIT_NOT_DONE: u8 = 2;

/// The exit code of a command that was interrupted: 128 and the number of SIGINT.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// What went wrong, in words for the person at the terminal: exit code 2.
pub type CliError = Box<dyn Error + Send + Sync>;

/// An error with members of its own in JSON, such as how much was done before it.
#[derive(Debug)]
pub(crate) struct DetailedError {
    message: String,
    details: Map<String, Value>,
    exit_code: u8,
}

impl DetailedError {
    /// An error with its text and its members.
    pub(crate) fn new(message: impl Into<String>, details: Map<String, Value>) -> Self {
        Self {
            message: message.into(),
            details,
            exit_code: EXIT_NOT_DONE,
        }
    }

    /// The error with another exit code.
    pub(crate) fn with_exit_code(self, exit_code: u8) -> Self {
        Self { exit_code, ..self }
    }

    /// The error under another text.
    fn with_message(&self, message: String) -> Self {
        Self {
            message,
            details: self.details.clone(),
            exit_code: self.exit_code,
        }
    }
}

impl fmt::Display for DetailedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for DetailedError {}

/// The error with a sentence in front of its own text.
pub(crate) fn put_before(error: &CliError, sentence: &str) -> CliError {
    let text = describe_causes(error.as_ref());
    let message = format!("{sentence} ({text})");
    match error.downcast_ref::<DetailedError>() {
        Some(detailed) => Box::new(detailed.with_message(message)),
        None => message.into(),
    }
}

/// The exit code of a command that ended with this error.
pub(crate) fn exit_code_of(error: &CliError) -> u8 {
    let detailed = error.downcast_ref::<DetailedError>();
    detailed.map_or(EXIT_NOT_DONE, |detailed| detailed.exit_code)
}

/// The error for programs: `{"error": …, "exit_code": 2}`, with the members that the error has.
pub(crate) fn error_json(error: &CliError) -> Value {
    let text = describe_causes(error.as_ref());
    let mut answer = json!({"error": text, "exit_code": exit_code_of(error)});
    if let Some(detailed) = error.downcast_ref::<DetailedError>() {
        for (name, value) in &detailed.details {
            answer[name.as_str()] = value.clone();
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken_off() -> DetailedError {
        let details = json!({"accepted": 3});
        DetailedError::new(
            "it broke off",
            details.as_object().cloned().unwrap_or_default(),
        )
    }

    #[test]
    fn a_program_gets_the_text_the_code_and_what_was_done() {
        let error: CliError = Box::new(broken_off());
        let expected = json!({"error": "it broke off", "exit_code": 2, "accepted": 3});
        assert_eq!(error_json(&error), expected);

        let fuller = error_json(&put_before(&error, "the disk is full"));
        assert_eq!(fuller["error"], "the disk is full (it broke off)");
        assert_eq!(fuller["accepted"], 3);
        let stopped = broken_off().with_exit_code(EXIT_INTERRUPTED);
        let stopped = put_before(&(Box::new(stopped) as CliError), "the disk is full");
        assert_eq!(error_json(&stopped)["exit_code"], 130);
    }
}
