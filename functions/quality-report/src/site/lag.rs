//! The lag of a source's records: from the event to its append to the log.

use lake::LAG_BOUNDS;
use maud::{Markup, html};

use super::govuk::{
    TableWidth, data_table, details_box, numeric_header, summary_list, text_header,
};
use super::text::{format_duration, format_percent, format_thousands};
use crate::reconciliation::SourceReconciliation;

/// Describes an upper bound of a lag. Lags above the greatest bound are counted together.
pub(super) fn format_lag_bound(bound: u64) -> String {
    let greatest_bound = LAG_BOUNDS.last().copied().unwrap_or_default();
    if bound > greatest_bound {
        format!("more than {}", format_duration(greatest_bound))
    } else {
        format!("within {}", format_duration(bound))
    }
}

/// How late the records of a source came: percentiles, and counts by bound.
pub(super) fn lag_section(reconciliation: &SourceReconciliation) -> Markup {
    let all: u64 = reconciliation.lag.values().sum();
    if all == 0 {
        return html! { p.govuk-body { "No record of the day states its event time." } };
    }

    let percentiles = [
        ("Median", 50),
        ("95th percentile", 95),
        ("99th percentile", 99),
    ];
    let facts = percentiles
        .into_iter()
        .filter_map(|(name, share)| {
            let bound = reconciliation.lag_percentile(share)?;
            Some((name, html! { (format_lag_bound(bound)) }))
        })
        .collect();
    html! {
        p.govuk-body.app-measure {
            "The time from an event to its append to the log: the first by the source's clock, \
             the second by Kafka's."
        }
        (summary_list(facts))
        (details_box("All lags", &lag_table(reconciliation, all)))
    }
}

/// Records by lag, with the share of records up to each bound.
fn lag_table(reconciliation: &SourceReconciliation, all: u64) -> Markup {
    let mut rows = Vec::new();
    let mut sum = 0;
    for (bound, count) in &reconciliation.lag {
        sum += count;
        rows.push(vec![
            html! { (format_lag_bound(*bound)) },
            html! { (format_thousands(*count)) },
            html! { (format_percent(sum, all)) },
        ]);
    }

    let heads = [
        text_header("Lag"),
        numeric_header("Records"),
        numeric_header("Cumulative share"),
    ];
    data_table("Records by lag", TableWidth::Narrow, &heads, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_bounds_are_described_in_words() {
        assert_eq!(format_lag_bound(3_600), "within 1 hour");
        assert!(format_lag_bound(5_000_000).starts_with("more than "));
    }
}
