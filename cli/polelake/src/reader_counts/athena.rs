//! Athena: a workgroup that counts the rows of tables in Glue.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_athena::Client;
use aws_sdk_athena::types::{
    QueryExecution, QueryExecutionState, QueryExecutionStatistics, ResultConfiguration, Row,
};

use super::engine::{
    CountEngine, CountPage, QueryLook, QueryStage, ReaderEngine, describe_refusal,
};
use crate::error::CliError;

/// A workgroup of Athena.
pub(crate) struct AthenaEngine {
    client: Client,
    workgroup: String,
    /// Where results are written, for a workgroup that does not say it.
    output_location: Option<String>,
}

impl AthenaEngine {
    /// The workgroup of the account.
    pub(crate) fn new(
        config: &SdkConfig,
        workgroup: String,
        output_location: Option<String>,
    ) -> Self {
        Self {
            client: Client::new(config),
            workgroup,
            output_location,
        }
    }
}

#[async_trait]
impl CountEngine for AthenaEngine {
    fn engine(&self) -> ReaderEngine {
        ReaderEngine::Athena
    }

    fn described(&self) -> String {
        format!("Athena's workgroup `{}`", self.workgroup)
    }

    async fn start_query(&self, sql: &str) -> Result<String, CliError> {
        let location = self.output_location.as_ref().map(|location| {
            ResultConfiguration::builder()
                .output_location(location)
                .build()
        });
        let started = self
            .client
            .start_query_execution()
            .query_string(sql)
            .work_group(&self.workgroup)
            .set_result_configuration(location)
            .send()
            .await
            .map_err(|error| describe_refusal(&error))?;
        let id = started.query_execution_id;
        Ok(id.ok_or("it answered without the query's id")?)
    }

    async fn look_at_query(&self, id: &str) -> Result<QueryLook, CliError> {
        let asked = self.client.get_query_execution().query_execution_id(id);
        let answer = asked
            .send()
            .await
            .map_err(|error| describe_refusal(&error))?;
        let execution = answer.query_execution;
        Ok(look_of(&execution.ok_or("it answered without the query")?))
    }

    async fn cancel_query(&self, id: &str) -> Result<(), CliError> {
        let asked = self.client.stop_query_execution().query_execution_id(id);
        asked
            .send()
            .await
            .map_err(|error| describe_refusal(&error))?;
        Ok(())
    }

    async fn read_page(&self, id: &str, token: Option<String>) -> Result<CountPage, CliError> {
        let is_first = token.is_none();
        let answer = self
            .client
            .get_query_results()
            .query_execution_id(id)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| describe_refusal(&error))?;
        let next = answer.next_token;
        let rows = answer.result_set.and_then(|set| set.rows);
        let rows = rows.unwrap_or_default();

        // The first row of the first page has the names of the columns.
        let counts = rows.iter().skip(usize::from(is_first));
        Ok(CountPage {
            rows: counts.map(day_and_count).collect(),
            next,
        })
    }
}

fn look_of(execution: &QueryExecution) -> QueryLook {
    let statistics = execution.statistics();
    let scanned = statistics.and_then(QueryExecutionStatistics::data_scanned_in_bytes);
    let status = execution.status();
    let state = status.and_then(|status| status.state());
    let stage = match state {
        Some(QueryExecutionState::Succeeded) => QueryStage::Answered,
        Some(QueryExecutionState::Failed | QueryExecutionState::Cancelled) => {
            QueryStage::Failed(reason_of(execution))
        }
        _ => QueryStage::Open,
    };
    QueryLook {
        stage,
        scanned: scanned.and_then(|bytes| u64::try_from(bytes).ok()),
    }
}

/// Why Athena ended the query.
fn reason_of(execution: &QueryExecution) -> String {
    let Some(status) = execution.status() else {
        return "Athena gives no reason".to_owned();
    };
    let error = status
        .athena_error()
        .and_then(|error| error.error_message());
    let reason = status.state_change_reason().or(error);
    let state = status.state().map_or("FAILED", QueryExecutionState::as_str);
    match reason {
        Some(reason) => format!("{state}: {reason}"),
        None => format!("{state}, and Athena gives no reason"),
    }
}

/// The two columns of a row.
fn day_and_count(row: &Row) -> (String, String) {
    let cell = |place: usize| {
        let datum = row.data().get(place);
        let text = datum.and_then(|datum| datum.var_char_value());
        text.unwrap_or_default().to_owned()
    };
    (cell(0), cell(1))
}
