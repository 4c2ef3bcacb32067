//! Contracts that a benchmark has changed, compiled.

use contract::{Catalogue, DeclaredFile};

use polelake::error::CliError;

/// Compiles contracts; their problems become one error.
pub(crate) fn compile_declared(files: &[DeclaredFile]) -> Result<Catalogue, CliError> {
    Catalogue::compile(files).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n").into()
    })
}
