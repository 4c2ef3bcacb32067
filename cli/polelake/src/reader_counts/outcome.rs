//! What the engines counted, beside what the manifests say, and what it took.

use serde::Serialize;

use super::count_query::CountQuery;
use super::engine::{DayCounts, ReaderEngine};
use super::price::{ATHENA_PRICE, AthenaPrice};
use super::query_asker::{QueryCost, QueryRefusal};

/// A day of a table, as an engine and its manifest have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ComparedCount {
    pub(crate) engine: ReaderEngine,
    /// The table, as the engine names it.
    pub(crate) reads: String,
    pub(crate) day: String,
    /// The rows of the manifest; none of a day that is not kept, or held back.
    pub(crate) expected: u64,
    /// The rows that the engine counts.
    pub(crate) counted: u64,
}

/// A query that gave no counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RefusedQuery {
    pub(crate) engine: ReaderEngine,
    pub(crate) reads: String,
    pub(crate) cause: String,
    pub(crate) next: String,
}

/// What an engine's queries took together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct EngineSpend {
    pub(crate) engine: ReaderEngine,
    pub(crate) queries: u64,
    /// Requests to its API, without those that the client repeated.
    pub(crate) requests: u64,
    /// None where the engine does not tell it.
    pub(crate) bytes_scanned: Option<u64>,
    /// None where no price is known.
    pub(crate) dollars: Option<f64>,
}

/// Everything that was asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ReaderOutcome {
    pub(crate) compared: Vec<ComparedCount>,
    /// Those of which the counts differ.
    pub(crate) differences: Vec<ComparedCount>,
    pub(crate) refused: Vec<RefusedQuery>,
    /// Queries that were not asked, because the API refused one before them.
    pub(crate) left_out: u64,
    pub(crate) engines: Vec<EngineSpend>,
    /// Engines that were not asked, and why.
    pub(crate) not_asked: Vec<&'static str>,
    pub(crate) price: AthenaPrice,
}

impl ReaderOutcome {
    /// An outcome of nothing.
    pub(crate) fn new() -> Self {
        Self {
            compared: Vec::new(),
            differences: Vec::new(),
            refused: Vec::new(),
            left_out: 0,
            engines: Vec::new(),
            not_asked: Vec::new(),
            price: ATHENA_PRICE,
        }
    }

    /// Adds a query's answer.
    pub(crate) fn add_answer(
        &mut self,
        query: &CountQuery,
        answer: Result<DayCounts, QueryRefusal>,
    ) {
        match answer {
            Ok(counts) => {
                let compared = compare_counts(query, &counts);
                let differ = compared.iter().filter(|day| day.expected != day.counted);
                self.differences.extend(differ.cloned());
                self.compared.extend(compared);
            }
            Err(refusal) => self.refused.push(RefusedQuery {
                engine: query.engine,
                reads: query.reads.clone(),
                cause: refusal.cause,
                next: refusal.next,
            }),
        }
    }

    /// Adds what a query took.
    pub(crate) fn add_cost(&mut self, engine: ReaderEngine, cost: &QueryCost) {
        let known = self.engines.iter().position(|spend| spend.engine == engine);
        let place = known.unwrap_or_else(|| {
            self.engines.push(EngineSpend {
                engine,
                queries: 0,
                requests: 0,
                bytes_scanned: None,
                dollars: None,
            });
            self.engines.len() - 1
        });
        let spend = &mut self.engines[place];
        spend.queries += 1;
        spend.requests += cost.requests;
        if let Some(scanned) = cost.scanned {
            *spend.bytes_scanned.get_or_insert(0) += scanned;
        }
        if let Some(dollars) = cost.dollars {
            *spend.dollars.get_or_insert(0.0) += dollars;
        }
    }
}

/// Every day that the query must count or has counted. A day without rows is in no answer.
fn compare_counts(query: &CountQuery, counts: &DayCounts) -> Vec<ComparedCount> {
    let unexpected = counts
        .keys()
        .filter(|day| !query.expected.contains_key(*day));
    let mut days: Vec<&String> = query.expected.keys().chain(unexpected).collect();
    days.sort();

    let rows_of = |known: &DayCounts, day: &String| known.get(day).copied().unwrap_or_default();
    days.into_iter()
        .map(|day| ComparedCount {
            engine: query.engine,
            reads: query.reads.clone(),
            day: day.clone(),
            expected: rows_of(&query.expected, day),
            counted: rows_of(counts, day),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader_counts::count_query::CatalogueFormat;

    fn counts(days: &[(&str, u64)]) -> DayCounts {
        days.iter()
            .map(|(day, rows)| ((*day).to_owned(), *rows))
            .collect()
    }

    fn query(expected: &[(&str, u64)]) -> CountQuery {
        CountQuery {
            engine: ReaderEngine::Athena,
            reads: "d.person_history".to_owned(),
            format: CatalogueFormat::Hive,
            sql: String::new(),
            expected: counts(expected),
        }
    }

    /// Day, rows of the manifest, rows counted, of each difference.
    fn differences(expected: &[(&str, u64)], counted: &[(&str, u64)]) -> Vec<(String, u64, u64)> {
        let mut outcome = ReaderOutcome::new();
        outcome.add_answer(&query(expected), Ok(counts(counted)));
        let found = outcome.differences.into_iter();
        found
            .map(|day| (day.day, day.expected, day.counted))
            .collect()
    }

    #[test]
    fn a_difference_is_a_row_more_a_row_less_a_missing_day_or_an_added_one() {
        let days = [("2026-03-02", 2), ("2026-03-03", 3)];
        assert_eq!(differences(&days, &days), []);
        assert_eq!(
            differences(&days, &[("2026-03-02", 3), ("2026-03-04", 1)]),
            [
                ("2026-03-02".to_owned(), 2, 3),
                ("2026-03-03".to_owned(), 3, 0),
                ("2026-03-04".to_owned(), 0, 1)
            ]
        );
        // A table without rows has no group.
        assert_eq!(differences(&[("2026-03-02", 0)], &[]), []);
    }

    #[test]
    fn costs_are_added_by_engine_and_what_is_not_known_stays_so() {
        let mut outcome = ReaderOutcome::new();
        let athena = QueryCost {
            requests: 3,
            scanned: Some(7),
            dollars: Some(0.5),
        };
        let redshift = QueryCost {
            requests: 4,
            ..QueryCost::default()
        };
        outcome.add_cost(ReaderEngine::Athena, &athena);
        outcome.add_cost(ReaderEngine::Redshift, &redshift);
        outcome.add_cost(ReaderEngine::Athena, &athena);
        let [first, second] = &outcome.engines[..] else {
            panic!("{:?}", outcome.engines);
        };
        assert_eq!((first.queries, first.requests), (2, 6));
        assert_eq!((first.bytes_scanned, first.dollars), (Some(14), Some(1.0)));
        assert_eq!((second.bytes_scanned, second.dollars), (None, None));
    }
}
