//! The page of `polelake up` on which events are tried, and contracts that change while it runs:
//! over the real process.

use std::io::{BufRead, BufReader, Lines, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::lake_under_test::{TempFolder, new_lake_folder, repository_root, visit_files};
use crate::site::missing_for_browser;

/// A value that must be nowhere once its request is answered.
const PLANTED: &str = "Plantedname<script>alert(1)</script>";

/// `polelake up` in a folder with contracts of its own.
struct RunningUp {
    child: Child,
    told: Arc<Mutex<String>>,
    errors: Option<JoinHandle<()>>,
    // The process ends when nobody reads what it prints.
    _output: Lines<BufReader<ChildStdout>>,
    api: String,
    key: String,
    // The process ends before its folder goes.
    folder: TempFolder,
}

impl Drop for RunningUp {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(self.errors.take().map(JoinHandle::join));
    }
}

impl RunningUp {
    /// Starts over a copy of the shipped contracts.
    fn start() -> Self {
        let folder = new_lake_folder();
        let shipped = repository_root().join("contracts");
        visit_files(&shipped, &mut |path| {
            let copy = folder
                .join("contracts")
                .join(path.strip_prefix(&shipped).unwrap());
            std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
            std::fs::copy(path, copy).unwrap();
        });
        Self::start_over(folder)
    }

    fn start_over(folder: TempFolder) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_polelake-under-test"))
            .args(["up", "--port", "0", "--dir"])
            .arg(folder.join("lake"))
            .arg("--contracts")
            .arg(folder.join("contracts"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let told = Arc::new(Mutex::new(String::new()));
        let errors = follow(child.stderr.take().unwrap(), Arc::clone(&told));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let page = lines.by_ref().find_map(|line| {
            let line = line.unwrap();
            let address = line.strip_prefix("Try       ")?;
            Some(address.split_whitespace().next()?.to_owned())
        });
        assert!(page.is_some(), "{}", told.lock().unwrap());
        let page = page.unwrap();
        let (address, key) = page.split_once('#').unwrap();
        Self {
            child,
            api: address.trim_end_matches("/try").to_owned(),
            key: key.to_owned(),
            told,
            errors: Some(errors),
            _output: lines,
            folder,
        }
    }

    /// Ends the process, and starts another one on the same folder.
    fn restart(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let folder = std::mem::replace(&mut self.folder, TempFolder::at(PathBuf::new()));
        drop(self);
        Self::start_over(folder)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.api);
        let request = reqwest::Client::new().request(method, url);
        request.timeout(Duration::from_secs(60))
    }

    /// Tries a text as the page does.
    async fn try_text(&self, source: &str, text: impl Into<String>) -> Value {
        let request = self.request(Method::POST, &format!("/try/events/{source}"));
        let sent = request.bearer_auth(&self.key).body(text.into()).send();
        let answer = sent.await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_protected(&answer);
        answer.json().await.unwrap()
    }

    /// Runs a command on the folder.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polelake-under-test"));
        command.args(arguments);
        command.arg("--dir").arg(self.folder.join("lake"));
        command
            .arg("--contracts")
            .arg(self.folder.join("contracts"));
        command.current_dir(&*self.folder).output().unwrap()
    }

    /// Waits until the process has told this on its error output.
    fn wait_for(&self, part: &str) {
        let begun = Instant::now();
        while !self.told.lock().unwrap().contains(part) {
            let told = self.told.lock().unwrap().clone();
            assert!(begun.elapsed() < Duration::from_secs(30), "{part}: {told}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn contract_file(&self, path: &str) -> PathBuf {
        self.folder.join("contracts").join(path)
    }
}

/// Gathers what a process tells.
fn follow(mut output: impl Read + Send + 'static, told: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count) = output.read(&mut buffer) {
            if count == 0 {
                return;
            }
            let text = String::from_utf8_lossy(&buffer[..count]);
            told.lock().unwrap().push_str(&text);
        }
    })
}

#[track_caller]
fn assert_protected(answer: &Response) {
    let headers = answer.headers();
    let policy = headers["content-security-policy"].to_str().unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(headers.get("access-control-allow-origin").is_none());
}

fn person(surname: &str) -> Value {
    let path = "contracts/sources/housing/person/samples/person-created.json";
    let bytes = std::fs::read(repository_root().join(path)).unwrap();
    let mut event: Value = serde_json::from_slice(&bytes).unwrap();
    event["eventData"]["newData"]["surname"] = json!(surname);
    event
}

/// The files below a folder that hold a text.
fn files_with(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    visit_files(folder, &mut |path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        let mut windows = bytes.windows(text.len());
        if windows.any(|window| window == text.as_bytes()) {
            found.push(path.to_owned());
        }
    });
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_event_shows_its_rows_and_is_stored_nowhere() {
    let up = RunningUp::start();
    let told = up
        .try_text("housing-person", person(PLANTED).to_string())
        .await;
    assert_eq!(told["events"][0]["outcome"], "accepted", "{told}");
    let row = &told["events"][0]["tables"]["person"][0];
    assert!(
        row["surname"].as_str().unwrap().contains("Plantedname"),
        "{told}"
    );
    assert_eq!(told["contracts_changed"], json!([]));

    let wrong = json!({"eventType": PLANTED, "eventData": {}}).to_string();
    let told = up.try_text("housing-person", wrong).await;
    assert_eq!(told["events"][0]["outcome"], "refused", "{told}");
    assert!(!told.to_string().contains("Plantedname"), "{told}");
    let told = up.try_text("housing-person", "[").await;
    assert!(
        told["error"].as_str().unwrap().contains("event.json"),
        "{told}"
    );
    let told = up.try_text("no-such-source", "{}").await;
    assert!(
        told["error"]
            .as_str()
            .unwrap()
            .contains("there is no source"),
        "{told}"
    );

    // The platform has nothing on its way, and no file, log or line holds what was pasted.
    assert_eq!(files_with(&up.folder, "Plantedname"), [] as [PathBuf; 0]);
    assert!(!up.told.lock().unwrap().contains("Plantedname"));
    assert!(!up.folder.join("lake/s3/raw/raw").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_empty_without_its_key_and_the_key_opens_nothing_else() {
    let up = RunningUp::start();
    for (path, kind) in [
        ("/try", "text/html; charset=utf-8"),
        ("/try/page.js", "text/javascript"),
        ("/try/page.css", "text/css"),
    ] {
        let answer = up.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], kind);
        assert_protected(&answer);
        let text = answer.text().await.unwrap();
        assert!(
            !text.contains("housing-person") && !text.contains(&up.key),
            "{path}"
        );
    }

    let operator = std::fs::read_to_string(up.folder.join("lake/operator-token")).unwrap();
    let guarded = [
        (Method::GET, "/try/sources"),
        (Method::POST, "/try/events/housing-person"),
    ];
    for (method, path) in &guarded {
        let keys = ["", &up.key[1..], &up.key.to_uppercase(), operator.trim()];
        for key in keys.map(str::to_owned) {
            let request = up.request(method.clone(), path).bearer_auth(&key);
            let answer = request.body("{}").send().await.unwrap();
            // A key of digits alone is the same in capitals.
            assert!(answer.status() == 401 || key == up.key, "{path} with {key}");
            assert_protected(&answer);
        }
        let bare = up.request(method.clone(), path).send().await.unwrap();
        assert_eq!(bare.status(), 401);
    }
    let answer = up.request(Method::GET, "/try/sources").bearer_auth(&up.key);
    let sources: Value = answer.send().await.unwrap().json().await.unwrap();
    assert!(sources.to_string().contains("housing-person"), "{sources}");

    let status = up
        .request(Method::GET, "/_local/status")
        .bearer_auth(&up.key);
    assert_eq!(status.send().await.unwrap().status(), 401);
    let large = up.request(Method::POST, "/try/events/housing-person");
    let large = large.bearer_auth(&up.key).body(vec![b' '; (6 << 20) + 1]);
    assert_eq!(large.send().await.unwrap().status(), 413);

    // The next start has another key.
    let key = up.key.clone();
    let up = up.restart();
    assert_ne!(up.key, key);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_another_site_reaches_a_trial_even_with_the_key() {
    let up = RunningUp::start();
    for (method, path) in [
        (Method::GET, "/try"),
        (Method::GET, "/try/page.js"),
        (Method::GET, "/try/sources"),
        (Method::POST, "/try/events/housing-person"),
        (Method::OPTIONS, "/try/events/housing-person"),
    ] {
        for (header, value) in [
            ("host", "evil.example"),
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let request = up.request(method.clone(), path).bearer_auth(&up.key);
            let sent = request.header(header, value).body("{}").send();
            let answer = sent.await.unwrap();
            assert_eq!(
                answer.status(),
                403,
                "{method} {path} with {header}: {value}"
            );
            assert!(
                answer
                    .headers()
                    .get("access-control-allow-origin")
                    .is_none()
            );
        }
    }
}

/// Sends one person by the command.
fn push(up: &RunningUp, surname: &str) -> Output {
    let file = up.folder.join("event.json");
    std::fs::write(&file, person(surname).to_string()).unwrap();
    up.run(&["push", "housing-person", file.to_str().unwrap()])
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Appends a line to a file of the contracts.
fn append(up: &RunningUp, path: &str, line: &str) {
    let path = up.contract_file(path);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, text + line).unwrap();
}

#[test]
fn a_new_source_concerns_no_other_one_and_its_own_events_are_refused_with_the_reason() {
    let up = RunningUp::start();
    let contract =
        std::fs::read_to_string(up.contract_file("sources/platform/smoke/contract.odcs.yaml"));
    let contract = contract
        .unwrap()
        .replace("platform-smoke", "platform-other");
    let folder = up.contract_file("sources/platform/other");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("contract.odcs.yaml"), contract).unwrap();
    up.wait_for("sources/platform/other/contract.odcs.yaml (new)");
    let output = push(&up, "Second");
    assert!(output.status.success(), "{}", errors(&output));
    let file = up.folder.join("event.json");
    let output = up.run(&["push", "platform-other", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let told = errors(&output);
    assert!(
        told.contains("platform/other/contract.odcs.yaml (new)"),
        "{told}"
    );
    std::fs::remove_dir_all(&folder).unwrap();
    up.wait_for("The contracts are again those that this platform runs.");
}

/// The mapping that a test changes.
const MAPPING: &str = "sources/housing/person/mapping.yaml";

#[tokio::test(flavor = "multi_thread")]
async fn contracts_that_changed_are_told_and_no_command_mixes_them() {
    let up = RunningUp::start();
    assert!(push(&up, "First").status.success());

    // Its own source and whole days are refused, other sources are not.
    let before = std::fs::read(up.contract_file(MAPPING)).unwrap();
    append(&up, MAPPING, "# changed\n");
    up.wait_for(&format!("{MAPPING} (changed)"));
    up.wait_for("CONTRACTS CHANGED");
    let day = ["run-day", "2026-02-18"];
    let redrive = ["quarantine", "redrive", "--source", "housing-person"];
    let file = up.folder.join("event.json");
    let backfill = ["backfill", "housing-person", file.to_str().unwrap()];
    for output in [
        push(&up, "Third"),
        up.run(&backfill),
        up.run(&day),
        up.run(&redrive),
    ] {
        let told = errors(&output);
        assert_eq!(output.status.code(), Some(2), "{told}");
        for part in [MAPPING, "nothing was done", "Ctrl-C", "polelake up --dir "] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!told.contains("Third"));
    }
    let smoke = up.folder.join("none.jsonl");
    std::fs::write(&smoke, "{}\n").unwrap();
    let output = up.run(&["push", "platform-smoke", smoke.to_str().unwrap()]);
    assert_eq!(
        output.status.code(),
        Some(1),
        "refused by the API: {}",
        errors(&output)
    );

    // The page reads the new ones, and says that the platform runs others.
    let told = up
        .try_text("housing-person", person("Fourth").to_string())
        .await;
    assert_eq!(
        told["contracts_changed"],
        json!([format!("{MAPPING} (changed)")])
    );
    assert_eq!(told["events"][0]["outcome"], "accepted");
    std::fs::write(up.contract_file(MAPPING), "records: [").unwrap();
    let told = up
        .try_text("housing-person", person("Fifth").to_string())
        .await;
    let why = told["error"].as_str().unwrap();
    assert!(
        why.contains("the contracts do not compile") && why.contains(MAPPING),
        "{why}"
    );

    // After a restart nothing differs.
    std::fs::write(up.contract_file(MAPPING), before).unwrap();
    append(&up, MAPPING, "# changed\n");
    let up = up.restart();
    let output = push(&up, "Sixth");
    assert!(output.status.success(), "{}", errors(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_uses_the_page_in_a_browser() {
    if let Some(what) = missing_for_browser() {
        assert!(std::env::var_os("CI").is_none(), "CI must have {what}");
        eprintln!("SKIPPED: there is no {what}");
        return;
    }
    let up = RunningUp::start();
    let page = format!("{}/try#{}", up.api, up.key);
    let output = Command::new("node")
        .arg(repository_root().join("tests/site/try_page.mjs"))
        .args([page, person(PLANTED).to_string()])
        .env(
            "SCREENSHOTS",
            std::env::var("SITE_SCREENSHOTS").unwrap_or_default(),
        )
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", errors(&output));
    assert_eq!(files_with(&up.folder, "Plantedname"), [] as [PathBuf; 0]);
}
