//! Terraform itself: format, validation, its tests over mocked AWS; and the minimal environment
//! applied for real to an emulator by each transport, planned again, destroyed.
//!
//! What is not installed is skipped out loud; with `CI=true` it is a failure.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on must stop"
)]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use infra_tests::{
    FUNCTIONS, RememberedTest, copy_infra, has_terraform, has_tool, repository_root, skip_test,
    terraform_init_arguments,
};
use serde_json::Value;

/// Where the apply's outputs are kept for other tests, below the target folder.
const OUTPUTS: &str = "infra-outputs.json";

/// The emulator starts within this time on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// The test of this name, with its earlier passes.
fn remembered(name: &str) -> RememberedTest {
    RememberedTest::named(name, Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap()
}

/// A copy of `infra/` in the tests' folder.
fn copy(name: &str) -> PathBuf {
    copy_infra(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)).unwrap()
}

struct Terraform {
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl Terraform {
    /// Runs it and gives exit code and output; says how long it took.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let begun = Instant::now();
        let mut command = Command::new("terraform");
        command
            .arg(format!("-chdir={}", self.folder.display()))
            .args(arguments);
        command
            .envs(self.environment.clone())
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_INPUT", "0");
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        println!(
            "terraform {}: {:.1} s",
            arguments[0],
            begun.elapsed().as_secs_f64()
        );
        (
            output.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }

    #[track_caller]
    fn must(&self, arguments: &[&str]) -> String {
        let (code, text) = self.run(arguments);
        assert_eq!(
            code,
            0,
            "terraform {}\n{}",
            arguments.join(" "),
            ending(&text)
        );
        text
    }

    #[track_caller]
    fn init(&self) {
        let arguments = terraform_init_arguments();
        self.must(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

/// The last lines: what failed stands there.
fn ending(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

#[test]
fn terraform_is_formatted_valid_and_passes_its_own_tests() {
    let test = remembered("terraform-test");
    if !has_terraform() || test.has_passed() {
        return;
    }
    let terraform = Terraform {
        folder: copy("infra-mocked"),
        environment: Vec::new(),
    };
    terraform.must(&["fmt", "-check", "-recursive"]);
    terraform.init();
    terraform.must(&["validate", "-no-color"]);
    let said = terraform.must(&["test", "-no-color"]);
    let summary = said
        .lines()
        .rev()
        .find(|line| line.contains("passed"))
        .unwrap();
    println!("{summary}");
    for environment in ["minimal", "minimal_over_kafka", "complete"] {
        assert!(
            said.contains(&format!("run \"{environment}\"... pass")),
            "{environment} is not planned"
        );
    }
    test.remember_pass().unwrap();
}

/// moto, for as long as this lives.
struct Emulator {
    process: Child,
    port: u16,
}

impl Emulator {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut command = Command::new("python3");
        command.args([
            "-m",
            "moto.server",
            "-H",
            "127.0.0.1",
            "-p",
            &port.to_string(),
        ]);
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let emulator = Self { process, port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < STARTS_WITHIN, "moto does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        emulator
    }

    fn environment(&self) -> Vec<(String, String)> {
        let pairs = [
            (
                "AWS_ENDPOINT_URL",
                format!("http://127.0.0.1:{}", self.port),
            ),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", "eu-west-2".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("NO_PROXY", "127.0.0.1".to_owned()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Zips that stand in for the functions' packages.
fn packages(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let script = "import sys, zipfile\n\
        for path in sys.argv[1:]:\n    \
        with zipfile.ZipFile(path, 'w') as file:\n        \
        file.writestr('bootstrap', '#!/bin/sh\\n')\n";
    let paths = FUNCTIONS.map(|function| folder.join(format!("{function}.zip")));
    assert!(
        Command::new("python3")
            .arg("-c")
            .arg(script)
            .args(paths)
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn the_minimal_environment_is_applied_planned_again_and_destroyed() {
    if !has_terraform() {
        return;
    }
    if !has_tool("python3", &["-c", "import moto.server"]) {
        return skip_test("moto", "pip install 'moto[server]'");
    }
    let test = remembered("terraform-apply");
    if outputs_file().is_file() && test.has_passed() {
        return;
    }
    let folder = copy("infra-applied");
    packages(&folder.join("packages"));
    let emulator = Emulator::start();
    let terraform = Terraform {
        folder: folder.join("environments/minimal"),
        environment: emulator.environment(),
    };
    let given = [
        format!("-var=packages={}", folder.join("packages").display()),
        format!(
            "-var=contracts={}",
            repository_root().join("contracts").display()
        ),
        // Clusters, workgroups and mappings of Kafka do not finish there.
        "-var=msk=existing".to_owned(),
        "-var=kafka_bootstrap=127.0.0.1:9092".to_owned(),
        "-var=kafka_auth=none".to_owned(),
        "-var=kafka_mappings=false".to_owned(),
        "-var=athena=false".to_owned(),
        "-var=emulated=true".to_owned(),
    ];
    let run = |arguments: &[&str]| {
        let given = given.iter().map(String::as_str);
        terraform.run(&arguments.iter().copied().chain(given).collect::<Vec<_>>())
    };
    terraform.init();
    for choices in [LARGE, SMALL] {
        let (code, said) = run(&[&["apply", "-no-color", "-auto-approve"], choices].concat());
        assert_eq!(code, 0, "{choices:?}\n{}", ending(&said));
        println!(
            "{choices:?}: {}",
            said.lines()
                .find(|line| line.starts_with("Apply complete"))
                .unwrap()
        );
        assert_alarms_are_told(&terraform);
        let (code, said) = run(&[&["plan", "-no-color", "-detailed-exitcode"], choices].concat());
        let again = format!("{choices:?}: the second plan is not empty");
        assert_eq!(code, 0, "{again}\n{}", ending(&said));
    }
    keep_outputs(&terraform);
    // moto answers nothing where a queue's setting is gone. The provider may take that for a
    // failure; when it looks again, for what it is.
    let destroyed = (0..2).any(|_| run(&["destroy", "-no-color", "-auto-approve"]).0 == 0);
    assert!(destroyed, "it cannot be taken down");
    test.remember_pass().unwrap();
}

/// Kafka with its network, full watching, and a function URL.
const LARGE: &[&str] = &[
    "-var=transport=kafka",
    "-var=watching=full",
    "-var=http=function-url",
];

/// The same deployment moves to the environment's own choices: the events queue, landed by a
/// schedule, and small watching. The key stays: moto cannot change that of a log group.
const SMALL: &[&str] = &["-var=transport=queue"];

/// The output `alarms` names every alarm, and no other.
fn assert_alarms_are_told(terraform: &Terraform) {
    let state = terraform.must(&["state", "list", "-no-color"]);
    let there = state
        .lines()
        .filter(|line| line.contains("aws_cloudwatch_metric_alarm."))
        .count();
    let told = read_outputs(terraform);
    let told = told["alarms"]["value"].as_array().unwrap();
    let names: std::collections::BTreeSet<&str> = told.iter().filter_map(Value::as_str).collect();
    assert_eq!(names.len(), there, "{names:?}\n{state}");
    println!("{there} alarms");
}

/// The outputs of what is deployed.
fn read_outputs(terraform: &Terraform) -> Value {
    let text = terraform.must(&["output", "-json"]);
    let begin = text.find('{').unwrap();
    let mut reader = serde_json::Deserializer::from_str(&text[begin..]).into_iter::<Value>();
    reader.next().unwrap().unwrap()
}

/// Where other tests find what was deployed.
fn outputs_file() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(OUTPUTS)
}

/// Keeps what was deployed, for tests that run the functions with it.
fn keep_outputs(terraform: &Terraform) {
    let outputs = read_outputs(terraform);
    let environments = outputs["function_environments"]["value"]
        .as_object()
        .unwrap();
    assert_eq!(environments.len(), FUNCTIONS.len());
    for function in FUNCTIONS {
        assert!(
            !environments[function].as_object().unwrap().is_empty(),
            "{function} has no settings"
        );
    }
    let file = outputs_file();
    std::fs::write(&file, serde_json::to_vec_pretty(&outputs).unwrap()).unwrap();
    println!("the deployed settings are in {}", file.display());
}

#[test]
fn checkov_finds_nothing_that_is_not_explained() {
    let checkov = std::env::var("CHECKOV").unwrap_or_else(|_| "checkov".to_owned());
    if !has_tool(&checkov, &["--version"]) {
        return skip_test(
            "checkov",
            "pipx install checkov, or name it in CHECKOV: beside moto its botocore does harm",
        );
    }
    let test = remembered("checkov");
    if test.has_passed() {
        return;
    }
    let begun = Instant::now();
    let folder = copy("infra-checked");
    let mut command = Command::new(&checkov);
    command
        .arg("--directory")
        .arg(&folder)
        .arg("--config-file")
        .arg(folder.join(".checkov.yaml"));
    let output = command
        .args(["--output", "json"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let summary = |name: &str| report["summary"][name].as_u64().unwrap();
    let (passed, failed) = (summary("passed"), summary("failed"));
    let skipped = explained_skips(&std::fs::read_to_string(folder.join(".checkov.yaml")).unwrap());
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "checkov: {passed} passed, {failed} failed, {skipped} kinds skipped with a reason, \
         {seconds:.1} s"
    );
    let named = |check: &Value| format!("{} {}", check["check_id"], check["resource"]);
    let failures: Vec<String> = report["results"]["failed_checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(named)
        .collect();
    assert!(
        failures.is_empty() && passed > 100,
        "{}",
        failures.join("\n")
    );
    test.remember_pass().unwrap();
}

/// How many checks are skipped; each must have its reason above it.
fn explained_skips(settings: &str) -> usize {
    let lines: Vec<&str> = settings.lines().map(str::trim).collect();
    let skips = lines.windows(2).filter(|pair| pair[1].starts_with("- CKV"));
    let skips: Vec<&[&str]> = skips.collect();
    for pair in &skips {
        assert!(pair[0].starts_with("# "), "{} has no reason", pair[1]);
    }
    skips.len()
}
