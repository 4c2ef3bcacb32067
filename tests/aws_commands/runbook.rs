//! The commands and variables that the runbook tells an operator to use.

use std::collections::BTreeSet;

use crate::lake_under_test::repository_root;

/// Commands of the command line that have commands of their own.
const GROUPS: [&str; 4] = ["contract", "quality", "quarantine", "snapshot"];

/// The runbook.
pub(super) fn runbook() -> String {
    std::fs::read_to_string(repository_root().join("docs/runbook.md")).unwrap()
}

/// The name of a command by its words, such as `quarantine ls`.
pub(super) fn command_name<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let mut words = words.skip_while(|word| word.starts_with('-'));
    let first = words.next().unwrap().to_owned();
    match words.next() {
        Some(second) if GROUPS.contains(&first.as_str()) => format!("{first} {second}"),
        _ => first,
    }
}

/// The commands with `--aws` that a text tells an operator to run.
pub(super) fn aws_commands(text: &str) -> BTreeSet<String> {
    let mut commands = BTreeSet::new();
    for line in text.lines() {
        for after in line.split("polelake ").skip(1) {
            let command = after.split(['`', '#', '|', '\'']).next().unwrap();
            if command.split(' ').any(|word| word == "--aws") {
                commands.insert(command_name(command.split(' ')));
            }
        }
    }
    commands
}

/// The variables that the runbook exports.
pub(super) fn exported_variables(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let exports = text
        .lines()
        .filter_map(|line| Some(line.split_once("export ")?.1));
    for word in exports.flat_map(|line| line.split(' ')) {
        if let Some((name, _)) = word.split_once('=')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        {
            names.insert(name.to_owned());
        }
    }
    names
}

#[test]
fn commands_and_variables_of_a_runbook_are_recognised() {
    let text = "export STACK=polelake AWS_REGION=eu-west-2\n\
        eval \"$(jq -r '\"export RAW_BUCKET=\\(.raw)\"')\"\n\
        polelake audit --aws   # what is lost\n\
        | a | `polelake quarantine redrive --aws --rule x` |\n\
        polelake contract lint, then `polelake snapshot show person 2026-03-02 --aws`\n";
    let commands: Vec<String> = aws_commands(text).into_iter().collect();
    assert_eq!(commands, ["audit", "quarantine redrive", "snapshot show"]);
    let variables: Vec<String> = exported_variables(text).into_iter().collect();
    assert_eq!(variables, ["AWS_REGION", "RAW_BUCKET", "STACK"]);
}
