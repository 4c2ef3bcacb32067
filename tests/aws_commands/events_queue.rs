//! What an account's events queue holds, as `polelake status` counts it.

use std::sync::Arc;

use serde_json::Value;

use super::OperatorSession;
use crate::lake_under_test::repository_root;

/// The item of the events queue; there is no other.
#[track_caller]
fn only_item(status: &Value) -> String {
    let items = status["attention"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{items:?}");
    assert_eq!(items[0]["object"], "events queue");
    format!("{}; {}", items[0]["what"], items[0]["next"])
}

fn counts(status: &Value) -> [Option<u64>; 4] {
    let names = ["waiting", "in_flight", "delayed", "dead_letters"];
    names.map(|name| status["events_queue"][name].as_u64())
}

/// The queue is empty; messages wait, and others were given up; the queue is not there.
pub(super) async fn look_at_queue(operator: &mut OperatorSession) {
    let status = operator.run("status");
    assert_eq!(counts(&status), [0, 0, 0, 0].map(Some));

    let stack = Arc::clone(&operator.stack);
    let queue = &stack.events_queue;
    queue.send(&queue.url).await;
    let status = operator.run_to(1, &repository_root(), "status");
    assert_eq!(counts(&status), [1, 0, 0, 0].map(Some));
    let item = only_item(&status);
    assert!(
        item.contains("1 messages wait and 0 are in flight"),
        "{item}"
    );

    queue.purge().await;
    queue.send(&queue.dead_letters_url).await;
    let status = operator.run_to(1, &repository_root(), "status");
    assert_eq!(counts(&status), [0, 0, 0, 1].map(Some));
    let item = only_item(&status);
    assert!(item.contains("1 messages were given up"), "{item}");
    assert!(item.contains("Redrive dead letters"), "{item}");
    queue.purge().await;

    let gone = format!("{}-gone", queue.url);
    let url = operator
        .environment
        .insert("EVENTS_QUEUE_URL".to_owned(), gone);
    let status = operator.run_to(1, &repository_root(), "status");
    let item = only_item(&status);
    assert!(
        item.contains("events-gone") && item.contains("EVENTS_QUEUE_URL"),
        "{item}"
    );

    // Where the environment does not name it, it is not asked.
    operator.environment.remove("EVENTS_QUEUE_URL");
    assert_eq!(operator.run("status")["events_queue"], Value::Null);
    operator
        .environment
        .extend(url.map(|url| ("EVENTS_QUEUE_URL".to_owned(), url)));
}
