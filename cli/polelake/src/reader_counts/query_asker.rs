//! Asks an engine one query: starts it, looks at it until it ends, and reads its counts.

use std::time::{Duration, Instant};

use super::count_query::CountQuery;
use super::engine::{CountEngine, DayCounts, QueryLook, QueryStage, ReaderEngine};
use super::price::price_query;
use crate::error::{CliError, describe_causes};

/// When a query is looked at first; the times between looks grow up to the greatest.
const FIRST_LOOK: Duration = Duration::from_millis(200);

const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(2);

/// Why there are no counts, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueryRefusal {
    pub(crate) cause: String,
    pub(crate) next: String,
    /// Whether no other query fares better: the API itself refused.
    pub(crate) is_final: bool,
}

/// What a query took.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct QueryCost {
    /// Requests to the API, without those that the client repeated.
    pub(crate) requests: u64,
    pub(crate) scanned: Option<u64>,
    /// None where no price is known.
    pub(crate) dollars: Option<f64>,
}

/// Is told which queries an engine has under way.
pub(crate) trait QueryWatcher: Sync {
    /// A query began.
    fn begin_query(&self, engine: ReaderEngine, id: &str);

    /// It has ended, or was cancelled.
    fn end_query(&self, id: &str);
}

/// One query on its way.
pub(crate) struct QueryAsker<'q> {
    engine: &'q dyn CountEngine,
    watcher: &'q dyn QueryWatcher,
    /// How long it may take.
    wait: Duration,
    cost: QueryCost,
}

impl<'q> QueryAsker<'q> {
    /// An asker that has asked nothing.
    pub(crate) fn new(
        engine: &'q dyn CountEngine,
        watcher: &'q dyn QueryWatcher,
        wait: Duration,
    ) -> Self {
        Self {
            engine,
            watcher,
            wait,
            cost: QueryCost::default(),
        }
    }

    /// Asks, and gives the counts with what they took.
    pub(crate) async fn ask(
        mut self,
        query: &CountQuery,
    ) -> (Result<DayCounts, QueryRefusal>, QueryCost) {
        let answer = self.count(query).await;
        (answer, self.cost)
    }

    async fn count(&mut self, query: &CountQuery) -> Result<DayCounts, QueryRefusal> {
        self.cost.requests += 1;
        let started = self.engine.start_query(&query.sql).await;
        let id = started.map_err(|error| self.refuse_finally(&error, None))?;

        self.watcher.begin_query(self.engine.engine(), &id);
        let answer = self.await_counts(&id).await;
        self.watcher.end_query(&id);
        answer
    }

    async fn await_counts(&mut self, id: &str) -> Result<DayCounts, QueryRefusal> {
        let deadline = Instant::now() + self.wait;
        let mut interval = FIRST_LOOK;
        loop {
            tokio::time::sleep(interval).await;
            interval = (interval * 3 / 2).min(LOOK_INTERVAL_MAX);
            let look = self.look(id).await?;
            match look.stage {
                QueryStage::Answered => {
                    self.note_price(&look);
                    return self.read_counts(id).await;
                }
                QueryStage::Failed(cause) => return Err(self.refuse(&cause, id)),
                QueryStage::Open if Instant::now() >= deadline => return self.cancel(id).await,
                QueryStage::Open => {}
            }
        }
    }

    async fn look(&mut self, id: &str) -> Result<QueryLook, QueryRefusal> {
        self.cost.requests += 1;
        let look = self.engine.look_at_query(id).await;
        let look = look.map_err(|error| self.refuse_finally(&error, Some(id)))?;
        self.cost.scanned = look.scanned.or(self.cost.scanned);
        Ok(look)
    }

    async fn read_counts(&mut self, id: &str) -> Result<DayCounts, QueryRefusal> {
        let mut counts = DayCounts::new();
        let mut token = None;
        loop {
            self.cost.requests += 1;
            let page = self.engine.read_page(id, token).await;
            let page = page.map_err(|error| self.refuse_finally(&error, Some(id)))?;
            for (day, count) in page.rows {
                let Ok(rows) = count.parse::<u64>() else {
                    let cause = format!("it answered `{count}` where a count belongs");
                    return Err(self.refuse(&cause, id));
                };
                counts.insert(day, rows);
            }
            match page.next {
                Some(next) => token = Some(next),
                None => return Ok(counts),
            }
        }
    }

    /// Cancels a query that takes too long, so that it costs no more.
    async fn cancel(&mut self, id: &str) -> Result<DayCounts, QueryRefusal> {
        self.cost.requests += 1;
        let cancelled = self.engine.cancel_query(id).await;
        let seconds = self.wait.as_secs();
        let what = match &cancelled {
            Ok(()) => "and was cancelled".to_owned(),
            Err(error) => {
                let why = describe_causes(error.as_ref());
                format!("and could not be cancelled ({why}): it may still run and cost")
            }
        };
        // What it scanned until then is billed.
        if let Ok(look) = self.look(id).await {
            self.note_price(&look);
        }
        Err(QueryRefusal {
            cause: format!("query {id} had not ended after {seconds} s, {what}"),
            next: "`--wait` with more seconds gives it more time; where queries wait for others, \
                   another workgroup does"
                .to_owned(),
            is_final: false,
        })
    }

    fn note_price(&mut self, look: &QueryLook) {
        if self.engine.engine() == ReaderEngine::Athena {
            self.cost.dollars = Some(price_query(look.scanned.unwrap_or_default()));
        }
    }

    fn refuse(&self, cause: &str, id: &str) -> QueryRefusal {
        QueryRefusal {
            next: next_step(self.engine.engine(), cause, Some(id)),
            cause: format!("query {id}: {cause}"),
            is_final: false,
        }
    }

    fn refuse_finally(&self, error: &CliError, id: Option<&str>) -> QueryRefusal {
        let said = describe_causes(error.as_ref());
        let cause = format!("{}: {said}", self.engine.described());
        QueryRefusal {
            next: next_step(self.engine.engine(), &said, id),
            cause,
            is_final: true,
        }
    }
}

/// What to do about a cause.
fn next_step(engine: ReaderEngine, cause: &str, id: Option<&str>) -> String {
    let cause = cause.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| cause.contains(word));
    if says(&[
        "accessdenied",
        "access denied",
        "not authorized",
        "permission",
    ]) {
        return "give this role the rights of docs/readers.md (`Counting by an account's engines`)"
            .to_owned();
    }
    if says(&["output location", "outputlocation"]) {
        return "name one with `--output-location s3://BUCKET/PREFIX/`, or a workgroup that has one"
            .to_owned();
    }
    if says(&["workgroup"]) {
        return match engine {
            ReaderEngine::Athena => {
                "name another with `--workgroup`: `terraform output workgroups` lists those that \
                 Terraform makes"
                    .to_owned()
            }
            ReaderEngine::Redshift => {
                "name another with `--redshift-workgroup`: `aws redshift-serverless \
                 list-workgroups` lists them"
                    .to_owned()
            }
        };
    }
    if says(&["does not exist", "not found", "table_not_found"]) {
        return "`polelake rebuild --from DATE --aws` shows a day's tables in Glue again"
            .to_owned();
    }
    match (engine, id) {
        (ReaderEngine::Athena, Some(id)) => {
            format!("`aws athena get-query-execution --query-execution-id {id}` shows all of it")
        }
        (ReaderEngine::Redshift, Some(id)) => {
            format!("`aws redshift-data describe-statement --id {id}` shows all of it")
        }
        (_, None) => {
            "check that the credentials, AWS_REGION and the network reach it, then run the same \
             command again"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_next_step() {
        for (cause, step) in [
            (
                "AccessDeniedException: User is not authorized",
                "docs/readers.md",
            ),
            ("FAILED: Insufficient permissions to run", "docs/readers.md"),
            (
                "InvalidRequestException: No output location provided",
                "--output-location",
            ),
            (
                "InvalidRequestException: WorkGroup a is not found",
                "--workgroup",
            ),
            (
                "FAILED: TABLE_NOT_FOUND: Table 'a.b' does not exist",
                "rebuild",
            ),
            (
                "FAILED: HIVE_BAD_DATA",
                "get-query-execution --query-execution-id 7",
            ),
        ] {
            let said = next_step(ReaderEngine::Athena, cause, Some("7"));
            assert!(said.contains(step), "{cause}: {said}");
        }
        let said = next_step(ReaderEngine::Redshift, "workgroup", None);
        assert!(said.contains("--redshift-workgroup"), "{said}");
        let said = next_step(ReaderEngine::Redshift, "dispatch failure", None);
        assert!(said.contains("AWS_REGION"), "{said}");
    }
}
