//! The tools that tests of `infra/` need: whether they are installed, and how they are started.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::infra_folder;

/// Whether a tool is installed: whether it answers to these arguments.
#[must_use]
pub fn has_tool(tool: &str, arguments: &[&str]) -> bool {
    let run = Command::new(tool)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    run.is_ok_and(|status| status.success())
}

/// Says that a test is skipped for want of a tool, and how the tool is installed.
///
/// # Panics
/// In CI, which installs every tool.
pub fn skip_test(what: &str, how: &str) {
    let message = format!("skipped: {what} is not installed; {how}");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
    println!("{message}");
}

/// Whether Terraform is installed; says so where it is not.
#[must_use]
pub fn has_terraform() -> bool {
    let there = has_tool("terraform", &["version"]);
    if !there {
        skip_test("terraform", "see its home page, version 1.11 or later");
    }
    there
}

/// The arguments of `terraform init`: the provider is the one whose digests are committed.
#[must_use]
pub fn terraform_init_arguments() -> Vec<String> {
    let arguments = ["init", "-no-color", "-lockfile=readonly"].map(str::to_owned);
    let plugins = find_plugins().map(|folder| format!("-plugin-dir={}", folder.display()));
    arguments.into_iter().chain(plugins).collect()
}

/// A folder of provider plugins, where there is one: without it Terraform asks its registry.
fn find_plugins() -> Option<PathBuf> {
    let named = ["POLELAKE_TF_PLUGINS", "TF_PLUGIN_DIR"]
        .into_iter()
        .filter_map(std::env::var_os);
    let usual = [
        "/opt/tf-plugins",
        "/usr/share/terraform/plugins",
        "/usr/local/share/terraform/plugins",
    ];
    let mut folders = named
        .map(PathBuf::from)
        .chain(usual.into_iter().map(PathBuf::from));
    folders.find(|folder| folder.is_dir())
}

/// Copies `infra/` to a folder to work in, and gives the folder: Terraform leaves plugins and state
/// beside what it reads.
///
/// # Errors
/// When a file cannot be read or written.
pub fn copy_infra(to: &Path) -> std::io::Result<PathBuf> {
    if to.exists() {
        std::fs::remove_dir_all(to)?;
    }
    copy_folder(&infra_folder(), to)?;
    Ok(to.to_owned())
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text == ".terraform" || text.contains("tfstate") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to.join(&name))?;
        } else {
            std::fs::copy(entry.path(), to.join(&name))?;
        }
    }
    Ok(())
}
