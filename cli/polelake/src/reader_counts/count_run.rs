//! Asks every query, some at once, and notes how far it has come for an interruption.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::{Map, json};

use super::count_query::CountQuery;
use super::engine::{CountEngine, DayCounts, ReaderEngine};
use super::outcome::ReaderOutcome;
use super::query_asker::{QueryAsker, QueryCost, QueryRefusal, QueryWatcher};
use crate::work_progress::WorkProgress;

/// Queries that run at once: well below what an account may run.
const QUERIES_AT_ONCE: usize = 4;

/// A query's answer, with what it took.
type AskedQuery = (Result<DayCounts, QueryRefusal>, QueryCost);

/// Asks the queries of these engines, and compares what they count.
pub(crate) async fn count_rows(
    engines: &[Box<dyn CountEngine>],
    queries: &[CountQuery],
    wait: Duration,
    progress: &WorkProgress,
) -> ReaderOutcome {
    let run = CountRun {
        total: queries.len(),
        progress,
        state: Mutex::default(),
    };
    run.tell();
    let asked: Vec<_> = queries
        .iter()
        .map(|query| run.ask(engines, query, wait))
        .collect();
    let answers: Vec<Option<AskedQuery>> = stream::iter(asked)
        .buffered(QUERIES_AT_ONCE)
        .collect()
        .await;

    let mut outcome = ReaderOutcome::new();
    for (query, answer) in queries.iter().zip(answers) {
        match answer {
            Some((answer, cost)) => {
                outcome.add_answer(query, answer);
                outcome.add_cost(query.engine, &cost);
            }
            None => outcome.left_out += 1,
        }
    }
    outcome
}

/// The queries on their way.
struct CountRun<'p> {
    total: usize,
    progress: &'p WorkProgress,
    state: Mutex<CountRunState>,
}

#[derive(Default)]
struct CountRunState {
    ended: usize,
    /// The queries that engines have under way, by their ids.
    running: BTreeMap<String, ReaderEngine>,
    /// Engines whose API refused a query: it would refuse the others.
    stopped: BTreeSet<ReaderEngine>,
}

impl CountRun<'_> {
    /// Asks a query; none where its engine refused one before, or is not there.
    async fn ask(
        &self,
        engines: &[Box<dyn CountEngine>],
        query: &CountQuery,
        wait: Duration,
    ) -> Option<AskedQuery> {
        if self.lock().stopped.contains(&query.engine) {
            return None;
        }
        let engine = engines.iter().find(|one| one.engine() == query.engine)?;
        let asked = QueryAsker::new(&**engine, self, wait).ask(query).await;

        if asked.0.as_ref().is_err_and(|refusal| refusal.is_final) {
            self.lock().stopped.insert(query.engine);
        }
        self.lock().ended += 1;
        self.tell();
        Some(asked)
    }

    /// Tells how far it has come.
    fn tell(&self) {
        let (text, details) = self.lock().describe(self.total);
        let ended = self.lock().ended;
        let total = self.total;
        self.progress.note_done(text, details);
        self.progress
            .begin_stage(&format!("counting rows, {ended} of {total} queries"));
    }

    fn lock(&self) -> MutexGuard<'_, CountRunState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueryWatcher for CountRun<'_> {
    fn begin_query(&self, engine: ReaderEngine, id: &str) {
        self.lock().running.insert(id.to_owned(), engine);
        self.tell();
    }

    fn end_query(&self, id: &str) {
        self.lock().running.remove(id);
    }
}

impl CountRunState {
    /// What an interruption says. A query that an engine has taken runs on without the command.
    fn describe(&self, total: usize) -> (String, Map<String, serde_json::Value>) {
        let ended = self.ended;
        let mut text = format!(
            "{ended} of {total} queries had ended; nothing was changed, and the same command asks \
             all of them again"
        );
        let stops: Vec<String> = self.running.iter().map(describe_stop).collect();
        if !stops.is_empty() {
            text = format!("{text}; what still runs is ended by {}", stops.join(", "));
        }

        let ids: Vec<&String> = self.running.keys().collect();
        let mut details = Map::new();
        details.insert("queries_ended".into(), json!(ended));
        details.insert("queries".into(), json!(total));
        details.insert("running".into(), json!(ids));
        (text, details)
    }
}

fn describe_stop((id, engine): (&String, &ReaderEngine)) -> String {
    match engine {
        ReaderEngine::Athena => {
            format!("`aws athena stop-query-execution --query-execution-id {id}`")
        }
        ReaderEngine::Redshift => format!("`aws redshift-data cancel-statement --id {id}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interruption_names_the_queries_that_run_on() {
        let mut state = CountRunState {
            ended: 3,
            ..CountRunState::default()
        };
        let (text, _) = state.describe(9);
        assert!(
            text.starts_with("3 of 9 queries had ended; nothing"),
            "{text}"
        );
        assert!(!text.contains("still runs"), "{text}");

        state.running.insert("7".into(), ReaderEngine::Athena);
        state.running.insert("8".into(), ReaderEngine::Redshift);
        let (text, details) = state.describe(9);
        assert!(
            text.contains("stop-query-execution --query-execution-id 7`"),
            "{text}"
        );
        assert!(text.contains("cancel-statement --id 8`"), "{text}");
        assert_eq!(details["running"], json!(["7", "8"]));
    }
}
