//! What Athena's queries cost, by its list price.

use serde::Serialize;

/// Athena's list price in dollars for a TB scanned.
const USD_PER_TB: f64 = 5.0;

/// The least that Athena counts of a query.
const LEAST_BYTES: u64 = 10 * MEGABYTE;

/// Bytes are rounded up to it. Units are decimal: where a bill's are binary, it is 5 to 9 % less.
const MEGABYTE: u64 = 1_000_000;

const BYTES_PER_TB: f64 = 1e12;

/// The price, where it comes from, and when it was written down.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AthenaPrice {
    pub(crate) usd_per_tb: f64,
    pub(crate) least_bytes: u64,
    pub(crate) source: &'static str,
    pub(crate) date: &'static str,
}

/// The price that dollars are counted by.
pub(crate) const ATHENA_PRICE: AthenaPrice = AthenaPrice {
    usd_per_tb: USD_PER_TB,
    least_bytes: LEAST_BYTES,
    source: "Athena's list price as athena.guide and rcpedia.stanford.edu quote it, not looked up \
             in an account; regions and capacity reservations have others; requests to S3, Glue \
             and KMS are billed beside it",
    date: "2026-11-30",
};

/// The dollars of a query that scanned so many bytes. A query that failed costs nothing; one that
/// was cancelled costs what it scanned.
pub(crate) fn price_query(scanned: u64) -> f64 {
    let billed = scanned.max(LEAST_BYTES).div_ceil(MEGABYTE) * MEGABYTE;
    USD_PER_TB * billed as f64 / BYTES_PER_TB
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_dollars(scanned: u64, dollars: f64) {
        let priced = price_query(scanned);
        assert!((priced - dollars).abs() < 1e-12, "{scanned}: {priced}");
    }

    #[test]
    fn a_query_costs_ten_megabytes_at_least() {
        assert_dollars(0, 0.000_05);
        assert_dollars(10_000_000, 0.000_05);
        assert_dollars(10_000_001, 0.000_055);
        assert_dollars(1_000_000_000_000, 5.0);
    }
}
