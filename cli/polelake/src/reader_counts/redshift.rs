//! Redshift Serverless, by its Data API: a database with an external schema over Glue.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_redshiftdata::Client;
use aws_sdk_redshiftdata::types::{Field, StatusString};

use super::engine::{
    CountEngine, CountPage, QueryLook, QueryStage, ReaderEngine, describe_refusal,
};
use crate::error::CliError;

/// A workgroup of Redshift Serverless.
pub(crate) struct RedshiftEngine {
    client: Client,
    workgroup: String,
    database: String,
}

impl RedshiftEngine {
    /// The workgroup of the account.
    pub(crate) fn new(config: &SdkConfig, workgroup: String, database: String) -> Self {
        Self {
            client: Client::new(config),
            workgroup,
            database,
        }
    }
}

#[async_trait]
impl CountEngine for RedshiftEngine {
    fn engine(&self) -> ReaderEngine {
        ReaderEngine::Redshift
    }

    fn described(&self) -> String {
        let Self {
            workgroup,
            database,
            ..
        } = self;
        format!("Redshift's workgroup `{workgroup}`, database `{database}`")
    }

    async fn start_query(&self, sql: &str) -> Result<String, CliError> {
        let started = self
            .client
            .execute_statement()
            .workgroup_name(&self.workgroup)
            .database(&self.database)
            .sql(sql)
            .send()
            .await
            .map_err(|error| describe_refusal(&error))?;
        Ok(started.id.ok_or("it answered without the query's id")?)
    }

    async fn look_at_query(&self, id: &str) -> Result<QueryLook, CliError> {
        let asked = self.client.describe_statement().id(id);
        let answer = asked
            .send()
            .await
            .map_err(|error| describe_refusal(&error))?;
        let stage = match answer.status() {
            Some(StatusString::Finished) => QueryStage::Answered,
            Some(state @ (StatusString::Failed | StatusString::Aborted)) => {
                let reason = answer.error().unwrap_or("Redshift gives no reason");
                QueryStage::Failed(format!("{}: {reason}", state.as_str()))
            }
            _ => QueryStage::Open,
        };
        // The Data API does not tell what an external table scanned.
        Ok(QueryLook {
            stage,
            scanned: None,
        })
    }

    async fn cancel_query(&self, id: &str) -> Result<(), CliError> {
        let asked = self.client.cancel_statement().id(id);
        asked
            .send()
            .await
            .map_err(|error| describe_refusal(&error))?;
        Ok(())
    }

    async fn read_page(&self, id: &str, token: Option<String>) -> Result<CountPage, CliError> {
        let answer = self
            .client
            .get_statement_result()
            .id(id)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| describe_refusal(&error))?;
        let records = answer.records().iter();
        Ok(CountPage {
            rows: records.map(|record| day_and_count(record)).collect(),
            next: answer.next_token().map(str::to_owned),
        })
    }
}

/// The two columns of a record.
fn day_and_count(record: &[Field]) -> (String, String) {
    let cell = |place: usize| match record.get(place) {
        Some(Field::StringValue(text)) => text.clone(),
        Some(Field::LongValue(number)) => number.to_string(),
        _ => String::new(),
    };
    (cell(0), cell(1))
}
