//! The model beside figures that are counted by hand.

use super::super::measure::tests::round;
use super::*;

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= expected.abs() * 1e-6 + 1e-12,
        "{found}, not {expected}"
    );
}

#[track_caller]
fn usd(bill: &Bill, what: &str) -> f64 {
    bill.lines
        .iter()
        .find(|line| line.what == what)
        .unwrap()
        .usd
}

#[test]
fn gigabyte_seconds_of_work_do_not_depend_on_memory_and_those_of_waiting_do() {
    // 100 s of work, 1.4 times as long on Lambda: 140 s of 1,769 MB are 241.86 GB-s, with any
    // smaller memory too.
    near(
        gigabyte_seconds(100.0, 0.0, 1_769.0),
        140.0 * 1_769.0 / 1_024.0,
    );
    near(
        gigabyte_seconds(100.0, 0.0, 512.0),
        140.0 * 1_769.0 / 1_024.0,
    );
    // One processor is all that a handler uses: twice the memory, twice the price.
    near(
        gigabyte_seconds(100.0, 0.0, 3_538.0),
        280.0 * 1_769.0 / 1_024.0,
    );
    near(gigabyte_seconds(0.0, 10.0, 512.0), 5.0);
}

#[test]
fn objects_follow_the_window_and_the_payload() {
    let month = |events, window| MonthlyWorkload {
        events,
        streams: 10.0,
        rows: 0.0,
        window,
        per_request: 1.0,
    };
    // 10 partitions, 8,640 windows of 300 s: 86,400, nearly all of them with something in.
    near(month(8.64e8, 300.0).raw_objects(100.0), 86_400.0);
    // 10,000 events of 1 kB in each: 10 MB are three payloads of 4.5 MB.
    near(month(8.64e8, 300.0).raw_objects(1_000.0), 3.0 * 86_400.0);
    // One event for every window on average: of e windows, one is empty.
    near(
        month(86_400.0, 300.0).raw_objects(1_000.0),
        86_400.0 * (1.0 - 1.0 / std::f64::consts::E),
    );
    // Almost nothing: an object for each event.
    near(
        (month(100.0, 1.0).raw_objects(1_000.0) * 10.0).round(),
        1_000.0,
    );
}

#[test]
fn a_month_by_hand() {
    // Round figures: 10 CPU-s a million in each hop, 1 ms an invocation, 2 tables, 3 rows,
    // 1,000 bytes.
    let month = MonthlyWorkload {
        events: 2e6,
        streams: 8.0,
        rows: 1e6,
        window: 300.0,
        per_request: 100.0,
    };
    let bill = monthly_bill(&month, &round());
    // 8 × 8,640 windows, 28.9 events in each: none is empty.
    near(bill.objects.round(), 69_120.0);
    let objects = bill.objects;
    // 20,000 requests: 20 + 20 CPU-s × 1.4 × 1,769 / 1,024, and 400 s of waiting with half a
    // GB.
    near(
        usd(&bill, "Lambda event-relay"),
        (40.0 * 1.4 * 1_769.0 / 1_024.0 + 200.0) * 0.000_013_333_4,
    );
    // 20 CPU-s and 1 ms for each object; 60 ms for three GETs and 80 for two rounds of PUTs,
    // with 1,024 MB.
    let transform = (20.0 + objects / 1_000.0) * 1.4 * 1_769.0 / 1_024.0 + objects * 0.14;
    near(
        usd(&bill, "Lambda pole-transform"),
        transform * 0.000_013_333_4,
    );
    // 6 million increments at 5 CPU-s, 30 days of a million rows at 2 and 1 for the day.
    let merge = ((30.0 + 30.0 * 3.0) * 1.4 + 60.0) * 1_769.0 / 1_024.0;
    near(
        usd(&bill, "Lambda snapshot-merge, quality-report"),
        merge * 0.000_013_333_4,
    );
    near(
        usd(&bill, "Lambda invocations"),
        (20_000.0 + 2.0 * objects + 60.0) * 0.2e-6,
    );
    near(usd(&bill, "HTTP API"), 20_000.0 * 1.16e-6);
    // Four PUTs an object, 5,760 hints, LISTs, 4,200 for the tables.
    let puts = objects * 4.0 + 5_760.0 + 60.0 * 12.0 * objects / 1_000.0 + 4_200.0;
    near(
        usd(&bill, "S3 PUT and LIST: small files"),
        puts * 0.0053 / 1_000.0,
    );
    near(
        usd(&bill, "S3 GET and HEAD"),
        (objects * 7.0 + 12_000.0) * 0.000_42 / 1_000.0,
    );
    near(
        usd(&bill, "SQS: raw objects, idle polls"),
        (objects * 3.0 + 648_000.0) * 0.4e-6,
    );
    // 2 million events of 250 bytes are half a GB, twelve times; a million rows of 100 bytes,
    // 55 times.
    near(
        usd(&bill, "S3 raw and refined, twelve months kept"),
        6.0 * 0.024,
    );
    near(usd(&bill, "S3 snapshots, 55 days kept"), 5.5 * 0.024);
    // 32 series in every hour, 60 in one hour of a day.
    near(usd(&bill, "Metrics"), 34.5 * 0.3);
    near(usd(&bill, "Athena: 1,000 queries of 100 MB"), 0.5);
    near(usd(&bill, "MSK Serverless: cluster"), 540.0);
    let all: f64 = bill.lines.iter().map(|line| line.usd).sum();
    near(
        all,
        bill.without_kafka_usd()
            + bill.sum_parts(&[
                BillPart::Readers,
                BillPart::Kafka,
                BillPart::Brokers,
                BillPart::Polling,
            ]),
    );
    // Three brokers, and 300 GB; a unit for each of eight topics.
    near(
        bill.sum_parts(&[BillPart::Brokers]),
        3.0 * 720.0 * 0.204 + 300.0 * 0.116,
    );
    near(
        usd(&bill, "Event pollers, a unit for each topic"),
        8.0 * 720.0 * 0.185,
    );
}
