//! What `push` says: why events are refused, how far it came, and that a disk is full.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use event_relay::kafka::{KafkaSettings, partition_bounds};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::{PROGRAM, assert_says, born, error_json, new_folder, read_error, run_on, write_lines};
use crate::lake_under_test::{LakeUnderTest, repository_root};

#[tokio::test(flavor = "multi_thread")]
async fn push_says_why_events_are_refused_and_in_which_lines() {
    let lake = LakeUnderTest::start().await;
    let mut timeless = born("b", 2);
    timeless.as_object_mut().unwrap().remove("dateTime");
    let lines = [
        born("a", 1).to_string(),
        timeless.to_string(),
        "{".to_owned(),
        timeless.to_string(),
    ];
    let file = write_lines(&lake, "events.jsonl", &lines);
    let file = file.to_str().unwrap();

    let output = run_on(&lake.folder, &["push", "housing-person", file]);
    let parts = [
        "1 events accepted, 3 refused",
        "2 refused: event.time: $.dateTime: the event has no time (lines 2, 4)",
        "1 refused: event.json: ",
        "(line 3)",
        "push it again",
    ];
    assert_says(&output, 1, &parts);

    let output = run_on(&lake.folder, &["push", "housing-person", file, "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told["accepted"], &told["refused"]),
        (&json!(1), &json!(3))
    );
    let reasons = told["reasons"].as_array().unwrap();
    let timeless = reasons.iter().find(|told| told["events"] == 2).unwrap();
    assert_eq!(timeless["lines"], json!([2, 4]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_breaks_off_says_how_far_it_came() {
    let lake = LakeUnderTest::start().await;
    let mut push = tokio::process::Command::new(PROGRAM)
        .args(["push", "housing-person", "-", "--json", "--dir"])
        .arg(&*lake.folder)
        .current_dir(repository_root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = push.stdin.take().unwrap();
    // The reader looks at a mebibyte first, and a request has 500 events: these are two and a half.
    let padding = "x".repeat(800);
    for number in 0..1_250 {
        let mut event = born(&format!("p{number}"), number % 60);
        event["user"]["note"] = json!(padding);
        input
            .write_all(format!("{event}\n").as_bytes())
            .await
            .unwrap();
    }
    input.flush().await.unwrap();
    wait_for_landed(&lake, 1_000).await;
    // The last answer is on its way.
    tokio::time::sleep(Duration::from_secs(1)).await;

    let pid = push.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let output = push.wait_with_output().await.unwrap();
    drop(input);
    assert_eq!(output.status.code(), Some(130));
    let error = read_error(&output);
    assert_eq!(error["exit_code"], 130);
    assert_eq!(
        (&error["accepted"], &error["answered_lines"]),
        (&json!(1_000), &json!(1_000))
    );
    let text = error["error"].as_str().unwrap();
    for part in [
        "interrupted",
        "1000 events are accepted",
        "from line 1001 on",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Waits until the topic holds so many records.
async fn wait_for_landed(lake: &LakeUnderTest, records: i64) {
    let settings = KafkaSettings::open(&lake.platform.kafka);
    let mut came = 0;
    for _ in 0..600 {
        let bounds = partition_bounds(&settings, "housing-person").await;
        came = bounds
            .map(|bounds| bounds.values().map(|(_, end)| end).sum())
            .unwrap_or_default();
        if came >= records {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(came, records, "they never came");
}

/// A file system of 24 MiB in a namespace of its own; the command ends with its exit code.
fn on_small_disk(folder: &Path, script: &str) -> Option<Output> {
    let mount = format!(
        "mount -t tmpfs -o size=24m,mode=700 tmpfs {folder} && {script}",
        folder = folder.display()
    );
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    let probe = command.arg("mount -t tmpfs tmpfs /tmp").output().ok()?;
    if !probe.status.success() {
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    Some(
        command
            .arg(mount)
            .current_dir(repository_root())
            .output()
            .unwrap(),
    )
}

#[test]
fn a_full_disk_is_named_soon() {
    let folder = new_folder("full");
    std::fs::create_dir_all(&*folder).unwrap();
    let file = new_folder("full-events");
    std::fs::create_dir_all(&*file).unwrap();
    let file = file.join("events.jsonl");
    // Letters that no compression takes away.
    let mut rng = fastrand::Rng::with_seed(17);
    let lines: Vec<String> = (0..8_000)
        .map(|number| {
            let mut event = born(&format!("p{number}"), number % 60);
            let note: String = std::iter::repeat_with(|| rng.alphanumeric())
                .take(4_000)
                .collect();
            event["user"]["note"] = json!(note);
            event.to_string()
        })
        .collect();
    std::fs::write(&file, lines.join("\n")).unwrap();

    let begun = Instant::now();
    let script = format!(
        "{PROGRAM} push housing-person {} --json --dir {}",
        file.display(),
        folder.display()
    );
    let Some(output) = on_small_disk(&folder, &script) else {
        println!("SKIPPED: this machine mounts no file system for a test");
        return;
    };
    let error = error_json(&output);
    let text = error["error"].as_str().unwrap();
    assert!(
        text.contains("the disk that holds") && text.contains("is full"),
        "{text}"
    );
    assert!(text.contains(&folder.display().to_string()), "{text}");
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
}
