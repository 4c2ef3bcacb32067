//! What a command that takes long says of itself: bars on a terminal, a line now and then where no
//! bar can be drawn, and how far it has come when it is interrupted.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use operations::WorkStage;
use serde_json::{Map, Value};

use crate::exit_code::is_json_asked;

/// How often a line is printed where no bar can be drawn.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// How often a spinner turns.
const SPINNER_INTERVAL: Duration = Duration::from_millis(100);

/// How a bar is told in a line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BarWords {
    /// So many of all, of what the bar's message names.
    Share,
    /// So much of all, in percent.
    Percent,
    /// So many of these units; how many there are in all is not known.
    Count(&'static str),
}

/// How far a command has come.
#[derive(Clone)]
pub(crate) struct WorkProgress {
    shared: Arc<Mutex<WorkState>>,
    /// Whether the interruption has been told.
    is_told: Arc<AtomicBool>,
    tells_lines: bool,
    draws: bool,
    begun: Instant,
}

#[derive(Default)]
struct WorkState {
    bars: Vec<(ProgressBar, BarWords)>,
    /// What the work is at, where no bar counts it.
    stage: Option<String>,
    spinner: Option<ProgressBar>,
    done: WorkDone,
}

/// What a command has done so far, in words, and as members of JSON.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorkDone {
    pub(crate) text: String,
    pub(crate) details: Map<String, Value>,
}

impl WorkProgress {
    /// The progress of a command that has done what this text says.
    pub(crate) fn new(nothing_done: String) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let as_json = is_json_asked();
        let state = WorkState {
            done: WorkDone {
                text: nothing_done,
                details: Map::new(),
            },
            ..WorkState::default()
        };
        Self {
            shared: Arc::new(Mutex::new(state)),
            is_told: Arc::default(),
            tells_lines: !is_terminal && !as_json,
            draws: is_terminal && !as_json,
            begun: Instant::now(),
        }
    }

    /// Notes what is done so far, and how it goes on: an interruption tells it.
    pub(crate) fn note_done(&self, text: impl Into<String>, details: Map<String, Value>) {
        let text = text.into();
        self.lock().done = WorkDone { text, details };
    }

    /// Tells this bar in lines too.
    pub(crate) fn add_bar(&self, bar: ProgressBar, words: BarWords) -> ProgressBar {
        self.end_stage();
        let mut state = self.lock();
        state.bars.retain(|(bar, _)| !bar.is_finished());
        state.bars.push((bar.clone(), words));
        bar
    }

    /// Says what the work is at where no bar counts it.
    pub(crate) fn begin_stage(&self, stage: &str) {
        let mut state = self.lock();
        state.stage = Some(stage.to_owned());
        if self.draws {
            let spinner = state.spinner.get_or_insert_with(|| {
                let spinner = ProgressBar::new_spinner();
                spinner.enable_steady_tick(SPINNER_INTERVAL);
                spinner
            });
            spinner.set_message(stage.to_owned());
        }
    }

    /// Takes away what [`WorkProgress::begin_stage`] shows.
    pub(crate) fn end_stage(&self) {
        let mut state = self.lock();
        state.stage = None;
        if let Some(spinner) = state.spinner.take() {
            spinner.finish_and_clear();
        }
    }

    /// Takes away all that is drawn.
    pub(crate) fn clear(&self) {
        self.end_stage();
        for (bar, _) in self.lock().bars.drain(..) {
            bar.finish_and_clear();
        }
    }

    /// A listener for work on a lake: each stage of it is one of the command.
    pub(crate) fn stage_listener(&self) -> WorkStage {
        let progress = self.clone();
        WorkStage::telling(move |stage| progress.begin_stage(stage))
    }

    /// Prints a line where no bar can be drawn.
    pub(crate) fn tell_line(&self, line: &str) {
        if self.tells_lines {
            eprintln!("{line}");
        }
    }

    /// Prints a line now and then, without an end. None is printed on a terminal, nor beside JSON.
    pub(crate) async fn tell_lines(self) {
        if !self.tells_lines {
            return;
        }
        loop {
            tokio::time::sleep(LINE_INTERVAL).await;
            let seconds = self.begun.elapsed().as_secs();
            eprintln!("{seconds} s: {}", self.lock().describe());
        }
    }

    /// What an interruption says; none when it has been told already.
    pub(crate) fn take_interruption(&self) -> Option<WorkDone> {
        if self.is_told.swap(true, Ordering::SeqCst) {
            return None;
        }
        let state = self.lock();
        let WorkDone { text, details } = state.done.clone();
        let text = match &state.stage {
            Some(stage) => format!("interrupted while {stage}: {text}"),
            None => format!("interrupted: {text}"),
        };
        Some(WorkDone { text, details })
    }

    fn lock(&self) -> MutexGuard<'_, WorkState> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkState {
    /// What a line says of the work.
    fn describe(&self) -> String {
        let running = self.bars.iter().filter(|(bar, _)| !bar.is_finished());
        let told: Vec<String> = running
            .map(|(bar, words)| describe_bar(bar, *words))
            .collect();
        match (&self.stage, told.is_empty()) {
            (Some(stage), _) => stage.clone(),
            (None, false) => told.join("; "),
            (None, true) => "at work".to_owned(),
        }
    }
}

fn describe_bar(bar: &ProgressBar, words: BarWords) -> String {
    let (done, total) = (bar.position(), bar.length().unwrap_or_default());
    let counted = match words {
        BarWords::Share => format!("{done} of {total} {}", bar.message()),
        BarWords::Percent => format!("{} %", done * 100 / total.max(1)),
        BarWords::Count(unit) => format!("{done} {unit}"),
    };
    match bar.prefix().as_str() {
        "" => counted,
        prefix => format!("{prefix}: {counted}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bar(prefix: &str, done: u64, total: u64) -> ProgressBar {
        let bar = ProgressBar::hidden().with_prefix(prefix.to_owned());
        bar.set_length(total);
        bar.set_position(done);
        bar
    }

    #[test]
    fn a_line_tells_every_bar_that_runs_and_no_other() {
        let progress = WorkProgress::new("nothing is done".into());
        assert_eq!(progress.lock().describe(), "at work");

        progress.add_bar(bar("a.csv", 1, 3), BarWords::Percent);
        let days = progress.add_bar(bar("", 2, 9), BarWords::Share);
        days.set_message("days");
        progress.add_bar(bar("person", 7, 0), BarWords::Count("events"));
        let told = progress.lock().describe();
        assert_eq!(told, "a.csv: 33 %; 2 of 9 days; person: 7 events");

        progress
            .lock()
            .bars
            .iter()
            .for_each(|(bar, _)| bar.abandon());
        progress.begin_stage("merging");
        assert_eq!(progress.lock().describe(), "merging");
    }

    #[test]
    fn an_interruption_says_once_what_is_done() {
        let progress = WorkProgress::new("nothing is done".into());
        let details = json!({"days": 2}).as_object().cloned().unwrap();
        progress.note_done("2 days are done", details);
        progress.stage_listener().tell("merging days", 2, 9);
        let told = progress.clone().take_interruption().unwrap();
        assert_eq!(
            told.text,
            "interrupted while merging days, 2 of 9: 2 days are done"
        );
        assert_eq!(told.details["days"], 2);
        assert!(progress.take_interruption().is_none());
    }
}
