//! Commands and functions, and the most memory that they had.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use crate::lake_under_test::{LakeUnderTest, repository_root};

/// Peak memory of a process that reads hostile input, in MB. The smallest function has 512.
pub(super) const PEAK_MEGABYTES_MAX: u64 = 256;

/// What a command did.
pub(super) struct MeasuredRun {
    pub(super) code: Option<i32>,
    pub(super) said: String,
    peak_megabytes: u64,
}

impl MeasuredRun {
    /// That the command was done but for what it names.
    #[track_caller]
    pub(super) fn assert_names(&self, words: &[&str]) {
        self.assert_small_and_says(words);
        assert_eq!(self.code, Some(1), "{}", shortened(&self.said));
    }

    #[track_caller]
    pub(super) fn assert_small_and_says(&self, words: &[&str]) {
        for word in words {
            assert!(
                self.said.contains(word),
                "{word}: {}",
                shortened(&self.said)
            );
        }
        let peak = self.peak_megabytes;
        assert!(
            peak > 0 && peak < PEAK_MEGABYTES_MAX,
            "{peak} MB: {}",
            shortened(&self.said)
        );
    }
}

pub(super) fn shortened(text: &str) -> String {
    text.chars().take(4_000).collect()
}

/// Runs the command to its end.
pub(super) async fn run_command(lake: &LakeUnderTest, arguments: &[&str]) -> MeasuredRun {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_polelake-under-test"));
    command.args(arguments).arg("--dir").arg(&*lake.folder);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.current_dir(repository_root()).spawn().unwrap();
    let process = child.id().unwrap();

    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let reading = tokio::spawn(async move {
        let (mut said, mut errors) = (String::new(), String::new());
        let (first, second) = tokio::join!(
            out.read_to_string(&mut said),
            err.read_to_string(&mut errors)
        );
        first.unwrap();
        second.unwrap();
        said + &errors
    });
    let mut peak_megabytes = 0;
    let status = loop {
        peak_megabytes = peak_megabytes.max(read_peak_megabytes(process));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    MeasuredRun {
        code: status.code(),
        said: reading.await.unwrap(),
        peak_megabytes,
    }
}

/// The most memory that a process had so far; 0 when it is over.
fn read_peak_megabytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1_024
}

/// The most memory that a function's processes of this platform had.
pub(super) fn function_peak_megabytes(lake: &LakeUnderTest, function: &str) -> u64 {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    let own = ids.filter(|id| {
        let arguments = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(function)
            && String::from_utf8_lossy(&environment).contains(&lake.platform.s3)
    });
    own.map(read_peak_megabytes).max().unwrap_or_default()
}
