//! Loading the declared files. They travel with the function: in its zip on AWS, a folder on a
//! laptop (docs/adr/0004).

use std::io::Error;
use std::path::Path;

use contract::{
    Catalogue, DeclaredFile, Problem, UnfinishedDraft, find_unfinished_drafts, pack_files,
    unpack_files,
};
use lake::limits::DOCUMENT_BYTES_MAX;

use crate::{Failure, FailureKind, read_bounded_text};

/// Reads and compiles everything below `folder`.
///
/// # Errors
/// A configuration failure that names every problem with its file and line.
pub fn load_contracts(folder: &str) -> Result<Catalogue, Failure> {
    let files = read_contract_files(folder)?;
    Catalogue::compile(&files).map_err(|problems| compile_failure(folder, &files, &problems))
}

/// Packs everything below `folder` into `file`, as it travels with the functions, and gives what it
/// compiles to.
///
/// # Errors
/// A configuration failure that names every problem with its file and line, or why the pack cannot
/// be written.
pub fn pack_contracts(folder: &str, file: &Path) -> Result<Catalogue, Failure> {
    let files = read_contract_files(folder)?;
    let (pack, catalogue) =
        pack_files(&files).map_err(|problems| compile_failure(folder, &files, &problems))?;
    std::fs::write(file, pack)
        .map_err(|error| configuration_failure(format!("{}: {error}", file.display())))?;
    Ok(catalogue)
}

fn compile_failure(folder: &str, files: &[DeclaredFile], problems: &[Problem]) -> Failure {
    let lines = describe_compile_problems(folder, files, problems);
    configuration_failure(format!("the contracts do not compile:\n{lines}"))
}

/// Every problem on a line of its own, with its file and line. An unfinished draft is one line, for
/// it has a problem for each open decision: it says what to do with the draft.
#[must_use]
pub fn describe_compile_problems(
    folder: &str,
    files: &[DeclaredFile],
    problems: &[Problem],
) -> String {
    let drafts = find_unfinished_drafts(files);
    let described = drafts
        .iter()
        .map(|draft| describe_unfinished_draft(folder, draft));
    let others = problems
        .iter()
        .filter(|problem| !drafts.iter().any(|draft| draft.has_file(&problem.file)));
    let lines: Vec<String> = described.chain(others.map(ToString::to_string)).collect();
    lines.join("\n")
}

fn describe_unfinished_draft(folder: &str, draft: &UnfinishedDraft) -> String {
    let path = format!("{}/{}", folder.trim_end_matches('/'), draft.path);
    format!(
        "{path} is {draft}, and no source runs beside it: finish or remove {path}. `polelake \
         contract lint --contracts {folder}` lists its decisions"
    )
}

fn configuration_failure(why: String) -> Failure {
    Failure::new(FailureKind::Configuration, why)
}

/// Every declared file below `folder`, in the order of paths; or those of a pack, when it is a
/// file.
///
/// # Errors
/// A configuration failure when the folder or a file in it cannot be read.
pub fn read_contract_files(folder: &str) -> Result<Vec<DeclaredFile>, Failure> {
    if Path::new(folder).is_file() {
        let text = read_bounded_text(Path::new(folder), DOCUMENT_BYTES_MAX)
            .map_err(|error| configuration_failure(format!("{folder}: {error}")))?;
        return unpack_files(&text).map_err(|why| {
            let next = "`polelake contract pack` writes it again";
            configuration_failure(format!("the pack {folder} cannot be read: {why}; {next}"))
        });
    }

    let mut files = Vec::new();
    collect_yaml_files(Path::new(folder), "", &mut files).map_err(|error| {
        configuration_failure(format!("the contracts in {folder} cannot be read: {error}"))
    })?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn collect_yaml_files(
    folder: &Path,
    below: &str,
    files: &mut Vec<DeclaredFile>,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        if entry.file_type()?.is_dir() {
            collect_yaml_files(&entry.path(), &path, files)?;
        } else if path.ends_with(".yaml") {
            let text = read_bounded_text(&entry.path(), DOCUMENT_BYTES_MAX);
            let text =
                text.map_err(|error| Error::new(error.kind(), format!("{path}: {error}")))?;
            files.push(DeclaredFile::new(path, text));
        }
    }
    Ok(())
}
