//! The stacks, made once for all tests of the process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use infra_tests::{RememberedTest, StackResource, StackState, infra_folder};

/// The account of the mocked answers.
pub(crate) const ACCOUNT: &str = "123456789012";

/// Folders of provider plugins: without one Terraform asks its registry.
const PLUGIN_FOLDERS: [&str; 3] = [
    "/opt/tf-plugins",
    "/usr/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
];

/// A stack of `stacks.tftest.hcl`; none where Terraform is not installed, which is said.
pub(crate) fn stack(run: &str) -> Option<&'static StackState> {
    static STACKS: OnceLock<Option<BTreeMap<String, StackState>>> = OnceLock::new();
    let stacks = STACKS.get_or_init(make_stacks).as_ref()?;
    Some(stacks.get(run).unwrap_or_else(|| panic!("no stack {run}")))
}

fn make_stacks() -> Option<BTreeMap<String, StackState>> {
    if Command::new("terraform").arg("version").output().is_err() {
        let message =
            "skipped: Terraform is not installed; see its home page, version 1.11 or later";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
        println!("{message}");
        return None;
    }
    if std::env::var_os("POLELAKE_INFRA").is_some() {
        return Some(StackState::of_each_run(&plan_stacks(&infra_folder())));
    }

    // The digest of every file that is read: the same files give the same stacks.
    let remembered = RememberedTest::named("stacks", Path::new(env!("CARGO_TARGET_TMPDIR")));
    let remembered = remembered.unwrap();
    let output = remembered.recall_text().unwrap_or_else(|| {
        let output = plan_stacks(&copy_infra());
        remembered.remember_text(&output).unwrap();
        output
    });
    Some(StackState::of_each_run(&output))
}

/// What Terraform says of the stacks.
fn plan_stacks(infra: &Path) -> String {
    run_terraform(infra, &init_arguments());
    let arguments = [
        "test",
        "-json",
        "-verbose",
        "-filter=tests/stacks.tftest.hcl",
    ];
    run_terraform(infra, &arguments.map(str::to_owned))
}

/// A copy of the Terraform, for Terraform leaves plugins beside what it reads.
fn copy_infra() -> PathBuf {
    let infra = infra_folder();
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("infra-stacks");
    drop(std::fs::remove_dir_all(&copy));
    let status = Command::new("cp").arg("-a").arg(&infra).arg(&copy).status();
    assert!(
        status.unwrap().success(),
        "{} is not copied",
        copy.display()
    );
    copy
}

fn init_arguments() -> Vec<String> {
    let arguments = ["init", "-no-color", "-backend=false", "-lockfile=readonly"];
    let plugins = PLUGIN_FOLDERS
        .iter()
        .find(|folder| Path::new(folder).is_dir());
    let plugins = plugins.map(|folder| format!("-plugin-dir={folder}"));
    arguments
        .map(str::to_owned)
        .into_iter()
        .chain(plugins)
        .collect()
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
