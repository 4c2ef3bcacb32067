//! The stacks, made once for all tests of the process.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use infra_tests::{
    RememberedTest, StackResource, StackState, copy_infra, has_terraform, infra_folder,
    terraform_init_arguments,
};

/// The account of the mocked answers.
pub(crate) const ACCOUNT: &str = "123456789012";

/// A stack of `stacks.tftest.hcl`; none where Terraform is not installed, which is said.
pub(crate) fn stack(run: &str) -> Option<&'static StackState> {
    static STACKS: OnceLock<Option<BTreeMap<String, StackState>>> = OnceLock::new();
    let stacks = STACKS.get_or_init(make_stacks).as_ref()?;
    Some(stacks.get(run).unwrap_or_else(|| panic!("no stack {run}")))
}

fn make_stacks() -> Option<BTreeMap<String, StackState>> {
    if !has_terraform() {
        return None;
    }
    if std::env::var_os("POLELAKE_INFRA").is_some() {
        return Some(StackState::of_each_run(&plan_stacks(&infra_folder())));
    }

    // The digest of every file that is read: the same files give the same stacks.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let remembered = RememberedTest::named("stacks", folder).unwrap();
    let output = remembered.recall_text().unwrap_or_else(|| {
        let output = plan_stacks(&copy_infra(&folder.join("infra-stacks")).unwrap());
        remembered.remember_text(&output).unwrap();
        output
    });
    Some(StackState::of_each_run(&output))
}

/// What Terraform says of the stacks.
fn plan_stacks(infra: &Path) -> String {
    run_terraform(infra, &terraform_init_arguments());
    let arguments = [
        "test",
        "-json",
        "-verbose",
        "-filter=tests/stacks.tftest.hcl",
    ];
    run_terraform(infra, &arguments.map(str::to_owned))
}

fn run_terraform(infra: &Path, arguments: &[String]) -> String {
    let mut command = Command::new("terraform");
    command
        .arg(format!("-chdir={}", infra.display()))
        .args(arguments);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said: String = text.lines().filter(|line| line.len() < 4_000).collect();
    assert!(output.status.success(), "terraform {arguments:?}: {said}");
    text
}

/// The resource of an address, which must be there.
#[track_caller]
pub(crate) fn resource<'s>(stack: &'s StackState, address: &str) -> &'s StackResource {
    stack
        .find(address)
        .unwrap_or_else(|| panic!("there is no {address}"))
}
