//! What surrounds the command in a shell: completions, manual pages, and ports that stay.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lake_under_test::{TempFolder, new_lake_folder, repository_root};

const PROGRAM: &str = env!("CARGO_BIN_EXE_polelake-under-test");

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every command with its parts, such as `snapshot diff`, as the helps name them.
fn every_command() -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    for name in listed_commands(&[]) {
        let parts = listed_commands(&[&name]);
        commands.push(vec![name.clone()]);
        commands.extend(parts.into_iter().map(|part| vec![name.clone(), part]));
    }
    assert!(commands.len() > 20, "{commands:?}");
    commands
}

/// The commands that a help lists, but for `help` itself.
fn listed_commands(of: &[&str]) -> Vec<String> {
    let help = printed(&[of, &["--help"]].concat());
    let Some((_, listed)) = help.split_once("Commands:\n") else {
        return Vec::new();
    };
    let lines = listed.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| {
        let is_name = line.starts_with("  ") && !line.starts_with("   ");
        is_name.then(|| line.split_whitespace().next())?
    });
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_shell_has_a_script_that_completes_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = printed(&["completions", shell]);
        for word in ["rebuild", "run-day", "drop-day", "monthly"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        assert!(
            !script.contains("\\u0009"),
            "{shell}: tabs stay as they are"
        );
        assert!(!script.contains("under-test"), "{shell}");
    }

    let output = run(&["completions", "tcsh"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("possible values: bash"));
}

#[test]
fn bash_takes_its_script() {
    let mut bash = Command::new("bash")
        .arg("-n")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let script = printed(&["completions", "bash"]);
    let mut input = bash.stdin.take().unwrap();
    input.write_all(script.as_bytes()).unwrap();
    drop(input);
    assert!(bash.wait().unwrap().success());

    // As a person types it: the word after `polelake reb`.
    let typed = format!(
        "{script}\nCOMP_WORDS=(polelake reb); COMP_CWORD=1; _polelake polelake reb polelake\n\
         echo \"${{COMPREPLY[@]}}\""
    );
    let output = Command::new("bash").args(["-c", &typed]).output().unwrap();
    let completed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(completed.trim(), "rebuild");
}

#[test]
fn the_manual_names_every_command() {
    let first = printed(&["man"]).replace("\\-", "-");
    assert!(first.contains(".TH polelake 1"), "{first}");
    let folder = new_lake_folder();
    printed(&["man", "--out", folder.to_str().unwrap()]);

    let mut expected = BTreeSet::from(["polelake.1".to_owned()]);
    for command in every_command() {
        if let [name] = &command[..] {
            assert!(first.contains(&format!("polelake-{name}(1)")), "{name}");
        }
        expected.insert(format!("polelake-{}.1", command.join("-")));
    }
    let pages = std::fs::read_dir(&*folder).unwrap();
    let written: BTreeSet<String> = pages
        .map(|page| page.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(written, expected);
    let sweep = std::fs::read_to_string(folder.join("polelake-snapshot-sweep.1")).unwrap();
    assert!(sweep.replace("\\-", "-").contains("--monthly"));

    // A file is no folder.
    let output = run(&["man", "--out", folder.join("polelake.1").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--out names another folder"));
}

/// The first of five ports that are free, below those that the system gives to anyone.
fn free_first_port() -> u16 {
    let mut candidates = std::iter::repeat_with(|| fastrand::u16(10_000..30_000));
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    candidates
        .find(|first| (*first..first + 5).all(|port| is_free(&port)))
        .unwrap()
}

/// A platform that runs, and its addresses.
fn start_up(folder: &Path, options: &[&str]) -> (Child, Value) {
    let mut child = Command::new(PROGRAM)
        .args(["up", "--dir"])
        .arg(folder)
        .args(options)
        .current_dir(repository_root())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let file = folder.join("platform.json");
    let begun = Instant::now();
    while !file.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it does not start"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    let addresses = std::fs::read(file).unwrap();
    (child, serde_json::from_slice(&addresses).unwrap())
}

/// Stops it as `kill` does.
fn stop(mut child: Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0), "it stops in order");
}

#[test]
fn a_folder_keeps_its_ports() {
    let folder = new_lake_folder();
    let first = free_first_port();
    let (child, begun) = start_up(&folder, &["--port", &first.to_string()]);
    stop(child);
    for (server, port) in [("api", first), ("kafka", first + 1), ("s3", first + 2)] {
        let address = begun[server].as_str().unwrap();
        assert!(address.ends_with(&format!(":{port}")), "{address}");
    }
    assert!(!folder.join("platform.json").exists());

    let (child, again) = start_up(&folder, &[]);
    stop(child);
    assert_eq!(begun, again, "without the option too");
    let (child, free) = start_up(&folder, &["--port", "0"]);
    stop(child);
    assert_ne!(free["api"], begun["api"]);
    let kept = std::fs::read_to_string(folder.join("port")).unwrap();
    assert_eq!(kept, first.to_string(), "free ports are for one start");
}

#[test]
fn a_used_port_is_named_with_its_server_and_other_ones() {
    let first = free_first_port();
    for (behind, server) in [(0, "the HTTP API"), (1, "Kafka"), (3, "Glue")] {
        let taken = TcpListener::bind(("127.0.0.1", first + behind)).unwrap();
        let folder: TempFolder = new_lake_folder();
        let dir: PathBuf = folder.join("lake");
        let output = Command::new(PROGRAM)
            .args(["up", "--port", &first.to_string(), "--dir"])
            .arg(&dir)
            .current_dir(repository_root())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        for part in [
            format!("port {} of this machine is in use", first + behind),
            format!("{server} would listen there"),
            format!("--port {}", first + 10),
        ] {
            assert!(said.contains(&part), "{part}: {said}");
        }
        assert!(!dir.join("port").exists(), "what failed is not kept");
        drop(taken);
    }
}
