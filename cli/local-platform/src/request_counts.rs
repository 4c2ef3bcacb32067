//! How many requests the embedded servers of S3 and SQS were sent, by operation: what AWS would
//! bill.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::Response;
use serde::Serialize;

use super::header_text::{TARGET_HEADER, header_text};

/// The operations of S3 as it prices them: a listing is a GET without a key.
const S3_OPERATIONS: [&str; 5] = ["PUT", "GET", "HEAD", "LIST", "DELETE"];

/// The operations of SQS that the functions and their tests use.
const SQS_OPERATIONS: [&str; 7] = [
    "SendMessage",
    "SendMessageBatch",
    "ReceiveMessage",
    "DeleteMessage",
    "DeleteMessageBatch",
    "ChangeMessageVisibility",
    "GetQueueAttributes",
];

/// What any other operation is counted as.
const OTHER_OPERATION: &str = "other";

/// Requests by their operation.
pub type OperationCounts = BTreeMap<&'static str, u64>;

/// How many requests S3 and SQS were sent; without the operations that nothing asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RequestCounts {
    /// To S3, by verb.
    pub s3: OperationCounts,
    /// To SQS, by operation.
    pub sqs: OperationCounts,
}

impl RequestCounts {
    /// The requests since an earlier count.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            s3: subtract_counts(&self.s3, &earlier.s3),
            sqs: subtract_counts(&self.sqs, &earlier.sqs),
        }
    }
}

fn subtract_counts(later: &OperationCounts, earlier: &OperationCounts) -> OperationCounts {
    let differences = later.iter().map(|(operation, count)| {
        let before = earlier.get(operation).copied().unwrap_or_default();
        (*operation, count.saturating_sub(before))
    });
    differences.filter(|(_, count)| *count > 0).collect()
}

/// The counters of one platform.
#[derive(Clone, Debug)]
pub(crate) struct RequestCounters {
    s3: Arc<OperationCounter>,
    sqs: Arc<OperationCounter>,
}

impl Default for RequestCounters {
    fn default() -> Self {
        Self {
            s3: Arc::new(OperationCounter::of(&S3_OPERATIONS, s3_operation)),
            sqs: Arc::new(OperationCounter::of(&SQS_OPERATIONS, sqs_operation)),
        }
    }
}

impl RequestCounters {
    /// The router of S3, whose requests are counted.
    pub(crate) fn count_s3(&self, router: Router) -> Router {
        count_requests(router, &self.s3)
    }

    /// The router of SQS, whose requests are counted.
    pub(crate) fn count_sqs(&self, router: Router) -> Router {
        count_requests(router, &self.sqs)
    }

    pub(crate) fn read_counts(&self) -> RequestCounts {
        RequestCounts {
            s3: self.s3.read_counts(),
            sqs: self.sqs.read_counts(),
        }
    }
}

/// Counts the requests of one server: an addition for each, without a lock.
#[derive(Debug)]
struct OperationCounter {
    counts: Vec<(&'static str, AtomicU64)>,
    others: AtomicU64,
    operation_of: fn(&Request) -> &str,
}

impl OperationCounter {
    fn of(operations: &[&'static str], operation_of: fn(&Request) -> &str) -> Self {
        let counts = operations.iter().map(|name| (*name, AtomicU64::new(0)));
        Self {
            counts: counts.collect(),
            others: AtomicU64::new(0),
            operation_of,
        }
    }

    fn count_request(&self, request: &Request) {
        let operation = (self.operation_of)(request);
        let known = self.counts.iter().find(|(name, _)| *name == operation);
        let count = known.map_or(&self.others, |(_, count)| count);
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn read_counts(&self) -> OperationCounts {
        let known = self.counts.iter().map(|(name, count)| (*name, count));
        let all = known.chain([(OTHER_OPERATION, &self.others)]);
        let counts = all.map(|(name, count)| (name, count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

fn count_requests(router: Router, counter: &Arc<OperationCounter>) -> Router {
    let counter = Arc::clone(counter);
    router.layer(middleware::from_fn_with_state(counter, count_and_run))
}

async fn count_and_run(
    State(counter): State<Arc<OperationCounter>>,
    request: Request,
    next: Next,
) -> Response {
    counter.count_request(&request);
    next.run(request).await
}

/// The verb of a request to S3.
fn s3_operation(request: &Request) -> &str {
    let path = request.uri().path().trim_start_matches('/');
    let has_key = path.split_once('/').is_some_and(|(_, key)| !key.is_empty());
    match request.method() {
        method if *method == Method::GET && !has_key => "LIST",
        method => method.as_str(),
    }
}

/// The operation of a request to SQS.
fn sqs_operation(request: &Request) -> &str {
    let target = header_text(request.headers(), TARGET_HEADER);
    target.strip_prefix("AmazonSQS.").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(method: &str, path: &str, target: &str) -> Request {
        let request = axum::http::Request::builder().method(method).uri(path);
        let request = request.header(TARGET_HEADER, target);
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn a_get_without_a_key_is_a_listing() {
        for (method, path, operation) in [
            ("GET", "/raw?list-type=2&prefix=raw%2F", "LIST"),
            ("GET", "/raw/", "LIST"),
            ("GET", "/raw/raw/t/1.parquet", "GET"),
            ("HEAD", "/raw/raw/t/1.parquet", "HEAD"),
            ("PUT", "/raw/raw/t/1.parquet", "PUT"),
        ] {
            assert_eq!(s3_operation(&request(method, path, "")), operation);
        }
    }

    #[test]
    fn requests_are_counted_by_operation_and_from_a_moment_on() {
        let counters = RequestCounters::default();
        let put = request("PUT", "/raw/a", "");
        counters.s3.count_request(&put);
        let before = counters.read_counts();
        assert_eq!(before.s3, OperationCounts::from([("PUT", 1)]));

        counters.s3.count_request(&put);
        counters.s3.count_request(&request("POST", "/raw/a", ""));
        let send = request("POST", "/", "AmazonSQS.SendMessageBatch");
        counters.sqs.count_request(&send);
        let since = counters.read_counts().since(&before);
        assert_eq!(since.s3, OperationCounts::from([("PUT", 1), ("other", 1)]));
        assert_eq!(since.sqs, OperationCounts::from([("SendMessageBatch", 1)]));
    }
}
