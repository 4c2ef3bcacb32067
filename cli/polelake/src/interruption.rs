//! Ctrl-C and `kill`: a long command stops, says how far it has come and how it goes on, and ends
//! with exit code 130.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::args::CliCommand;
use crate::args::quarantine::QuarantineCommand;
use crate::args::snapshot::SnapshotCommand;
use crate::error::{CliError, DetailedError, EXIT_INTERRUPTED};
use crate::exit_code::report_error;
use crate::work_progress::{WorkDone, WorkProgress};

/// How long a command may take to stop. One that computes gives no turn meanwhile; what it has
/// written is then as a crash would leave it, and every writer is made for that.
const STOPPING_MAX: Duration = Duration::from_secs(3);

/// What holds for commands that only read.
const NOTHING_CHANGED: &str = "nothing was changed; the same command begins anew";

/// What asks the process to stop: Ctrl-C, and `kill`. Once they are listened to, neither ends the
/// process by itself.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system does not tell signals.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal.
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Runs a command until it ends, or until it is asked to stop. Meanwhile it tells its progress.
pub(crate) async fn run_until_stopped<T>(
    progress: &WorkProgress,
    command: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    let signals = StopSignals::listen()?;
    let lines = tokio::spawn(progress.clone().tell_lines());
    let (sender, stopped) = oneshot::channel();
    // A task of its own, for the command may compute without giving a turn.
    let watcher = tokio::spawn(watch_signals(signals, progress.clone(), sender));

    let outcome = tokio::select! {
        outcome = command => outcome,
        Ok(()) = stopped => Err(interruption_of(progress).await),
    };
    watcher.abort();
    lines.abort();
    progress.clear();
    outcome
}

/// Tells the first signal, and ends the process when the command does not, or at the second one.
async fn watch_signals(
    mut signals: StopSignals,
    progress: WorkProgress,
    stopped: oneshot::Sender<()>,
) {
    signals.wait().await;
    // The command has ended already.
    if stopped.send(()).is_err() {
        return;
    }

    let late = progress.clone();
    // A thread, for the end of the runtime waits for what blocks, and ends every task.
    std::thread::spawn(move || {
        std::thread::sleep(STOPPING_MAX);
        end_process(&late);
    });
    signals.wait().await;
    end_process(&progress);
}

fn end_process(progress: &WorkProgress) -> ! {
    if let Some(done) = progress.take_interruption() {
        report_error("polelake", &interruption_error(done));
    }
    std::process::exit(i32::from(EXIT_INTERRUPTED));
}

/// The interruption as the command's error; waits for the end where it has been told already.
async fn interruption_of(progress: &WorkProgress) -> CliError {
    match progress.take_interruption() {
        Some(done) => interruption_error(done),
        None => std::future::pending().await,
    }
}

fn interruption_error(done: WorkDone) -> CliError {
    let WorkDone { text, details } = done;
    Box::new(DetailedError::new(text, details).with_exit_code(EXIT_INTERRUPTED))
}

/// What an interruption says of a command before it has noted anything; none for a command that
/// ends by itself at once, or that Ctrl-C is the way to end.
pub(crate) fn describe_untouched(command: &CliCommand) -> Option<String> {
    let said = match command {
        CliCommand::Up(_)
        | CliCommand::Function(_)
        | CliCommand::Package(_)
        | CliCommand::Contract(_)
        | CliCommand::Completions(_)
        | CliCommand::Man(_) => return None,
        CliCommand::Push(args) => {
            let file = args.file.display();
            return Some(format!(
                "no event of {file} was accepted: push it again; an event with an id of its own \
                 counts once"
            ));
        }
        CliCommand::Backfill(_) => {
            "this run has sent no record yet; the same command goes on where the one before it \
             stopped, and sends nothing twice"
        }
        CliCommand::RunDay(_) => "the day is not merged by this run; the same command does it all",
        CliCommand::Demo(_) => {
            "this run has finished no day; the same command begins with the same day, and an \
             event that is sent twice counts once"
        }
        CliCommand::Rebuild(_) => {
            "no day is merged again yet; the same command begins anew, and writes nothing that is \
             written already"
        }
        CliCommand::Repair(args) if !args.dry_run => {
            "what was repaired is kept, and is what was recorded; the same command does the rest"
        }
        CliCommand::Erase(args) if !args.dry_run => {
            "nothing is erased yet; the same command begins anew"
        }
        CliCommand::Quarantine(QuarantineCommand::Redrive(args)) if !args.dry_run => {
            "records may be on their way; `polelake quarantine show` says later what became of \
             them, and the same command takes those that are open"
        }
        CliCommand::Snapshot(SnapshotCommand::Sweep(args)) if !args.dry_run => {
            "what is deleted stays deleted; the same command deletes the rest"
        }
        CliCommand::Snapshot(SnapshotCommand::DropDay(args)) if !args.dry_run => {
            "the day may be deleted in some tables; the same command deletes the rest"
        }
        CliCommand::Smoke(args) if !args.counts.readers => {
            "the test is not finished, and its event may stay as a row; the same command begins \
             a new test"
        }
        _ => NOTHING_CHANGED,
    };
    Some(said.to_owned())
}
