//! The model beside figures that are counted by hand.

use super::super::measure::tests::round;
use super::super::prices::tests::embedded;
use super::super::workload::Watching;
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

/// A month with 100 events a request, as few words as a test needs.
fn month(events: f64, transport: Transport, watching: Watching) -> MonthlyWorkload {
    MonthlyWorkload {
        per_request: 100.0,
        ..MonthlyWorkload::of(events, transport, watching)
    }
}

fn bill_of(month: &MonthlyWorkload) -> Bill {
    monthly_bill(month, &round(), &embedded())
}

#[test]
fn objects_of_kafka_follow_the_window_and_the_payload() {
    let objects = |events, window, event_bytes| {
        let month = MonthlyWorkload {
            partitions: 1.25,
            per_request: 1.0,
            window,
            ..month(events, Transport::Kafka, Watching::Full)
        };
        let measured = CostMeasurements {
            event_bytes,
            ..round()
        };
        month.landed(&measured).objects
    };
    // 10 partitions, 8,640 windows of 300 s: 86,400, nearly all of them with something in.
    near(objects(8.64e8, 300.0, 100.0), 86_400.0);
    // 10,000 events of 1 kB in each: 10 MB are three payloads of 4.5 MB.
    near(objects(8.64e8, 300.0, 1_000.0), 3.0 * 86_400.0);
    // One event for every window on average: of e windows, one is empty.
    let e = std::f64::consts::E;
    near(
        objects(86_400.0, 300.0, 1_000.0),
        86_400.0 * (1.0 - 1.0 / e),
    );
    // Almost nothing: an object for each event.
    near((objects(100.0, 1.0, 1_000.0) * 10.0).round(), 1_000.0);
}

#[test]
fn the_events_of_a_request_lie_in_several_partitions() {
    let objects = |partitions, per_request| {
        let month = MonthlyWorkload {
            partitions,
            per_request,
            ..month(1_000.0, Transport::Kafka, Watching::Full)
        };
        month.landed(&round()).objects.round()
    };
    // 500 requests with two events: half of them touch both partitions.
    near(objects(1.0, 2.0), 498.0);
    near(objects(2.0, 2.0), 748.0);
}

#[test]
fn objects_of_the_queue_follow_its_batches_and_their_bytes() {
    let landed = |events, batches_of_a_window| {
        let month = MonthlyWorkload {
            batches_of_a_window,
            ..month(events, Transport::Queue, Watching::Small)
        };
        month.landed(&round())
    };
    // 8,640 windows with 100 messages each: an object of each of eight topics.
    let one = landed(8.64e7, 1.0);
    near(one.invocations, 8_640.0);
    near(one.objects.round(), 8.0 * 8_640.0);
    // 20,200 bytes and the envelope: 100 messages are 2 MB, and 1,000 are four invocations.
    near(landed(8.64e8, 1.0).invocations, 4.0 * 8_640.0);
    // Five batches in each window, each with two and a half messages of a topic on average.
    let five = landed(8.64e7, 5.0);
    let share = 1.0 - (-2.5_f64).exp();
    near(five.objects, 5.0 * 8.0 * 8_640.0 * share);
}

#[test]
fn a_message_that_was_not_measured_lies_between_those_that_were() {
    let measured = round();
    // 400 bytes with one event, 2,200 with ten, 20,200 with a hundred: 200 for each.
    for events in [1.0, 4.0, 10.0, 55.0, 100.0, 500.0] {
        near(measured.message_bytes(events), 200.0 + 200.0 * events);
    }
}

#[test]
fn a_month_of_kafka_by_hand() {
    // Round figures: 10 CPU-s a million in each hop, 1 ms an invocation, 2 tables, 3 rows,
    // 1,000 bytes.
    let bill = bill_of(&MonthlyWorkload {
        partitions: 1.0,
        rows: 1e6,
        ..month(2e6, Transport::Kafka, Watching::Full)
    });
    // 20,000 requests in 8 × 8,640 windows, each in the topic's only partition.
    let objects = bill.landed.objects;
    near(objects, 69_120.0 * (1.0 - (-20_000.0_f64 / 69_120.0).exp()));
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
    // 2 million events of 100 bytes raw and 150 refined, twelve times; a million rows of 100
    // bytes, 55 times.
    near(usd(&bill, "S3 raw, twelve months kept"), 2.4 * 0.024);
    near(usd(&bill, "S3 refined"), 3.6 * 0.024);
    near(usd(&bill, "S3 snapshots, 55 days kept"), 5.5 * 0.024);
    // 32 series in every hour, 109 in one hour of a day.
    near(usd(&bill, "Metrics"), (32.0 + 109.0 / 24.0) * 0.3);
    near(usd(&bill, "Athena: 1,000 queries of 100 MB"), 0.5);
    near(usd(&bill, "MSK Serverless: cluster"), 540.0);
    let all: f64 = bill.lines.iter().map(|line| line.usd).sum();
    let kafka = [
        BillPart::Readers,
        BillPart::Kafka,
        BillPart::Brokers,
        BillPart::Polling,
    ];
    near(all, bill.everything_usd() + bill.sum_parts(&kafka));
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

#[test]
fn a_month_of_the_queue_by_hand() {
    let bill = bill_of(&MonthlyWorkload {
        batches_of_a_window: 1.0,
        refined_months: 3.0,
        ..month(8.64e7, Transport::Queue, Watching::Small)
    });
    // 864,000 requests, 100 messages in each of 8,640 windows, an object of each of 8 topics.
    let objects = bill.landed.objects;
    near(objects.round(), 69_120.0);
    near(bill.landed.invocations, 8_640.0);
    // Sent with its notice, each received alone, deleted by tens with one more for each invocation; a
    // message of 20,200 bytes is one unit. Five polls of 20 s go on all month.
    near(
        usd(&bill, "SQS: events, idle polls"),
        (864_000.0 * 3.2 + 8_640.0 + 648_000.0) * 0.4e-6,
    );
    // A schedule receives by tens: 202,000 bytes are 3.08 units; nothing polls meanwhile.
    let scheduled = bill_of(&MonthlyWorkload {
        is_landing_scheduled: true,
        ..bill.month
    });
    let units = 864_000.0 * 20_200.0 / 65_536.0;
    near(
        usd(&scheduled, "SQS: events, idle polls"),
        (864_000.0 * 1.2 + 8_640.0 + units) * 0.4e-6,
    );
    // A raw object, its receipt and two tables; for each batch the lane's state.
    let puts = objects * 4.0 + 8_640.0 + 60.0 * 12.0 * objects / 1_000.0 + 4_200.0;
    near(
        usd(&bill, "S3 PUT and LIST: small files"),
        puts * 0.0053 / 1_000.0,
    );
    // 864 CPU-s and 1 ms for each object; 80 ms for the object and the lane's state, for all topics at
    // once, with half a GB.
    let landing = (864.0 + objects / 1_000.0) * 1.4 * 1_769.0 / 1_024.0 + 8_640.0 * 0.04;
    near(usd(&bill, "Lambda raw-landing"), landing * 0.000_013_333_4);
    // 345,600 receives and deletions of ten, four at once, 15 ms each; a second at each window's end.
    let waited = (86_400.0 * 0.015 + 8_640.0) * 0.5;
    near(
        usd(&scheduled, "Lambda raw-landing"),
        (landing + waited) * 0.000_013_333_4,
    );
    // 86.4 million events of 150 bytes, for three months.
    near(usd(&bill, "S3 refined"), 12.96 * 3.0 * 0.024);
    // Two series of every hour, five of a day; ten alarms, one key, one secret, no dashboard.
    near(usd(&bill, "Metrics"), (2.0 + 5.0 / 24.0) * 0.3);
    near(usd(&bill, "Alarms"), 1.0);
    near(usd(&bill, "KMS keys"), 1.0);
    near(usd(&bill, "The identity key's secret"), 0.4);
    near(usd(&bill, "X-Ray") + usd(&bill, "Dashboard"), 0.0);
    // 476 bytes of access log for a request, 426 for a raw object.
    near(
        usd(&bill, "Logs, taken in"),
        (864_000.0 * 476.0 + objects * 426.0) / 1e9 * 0.5985,
    );
    assert!(bill.lines.iter().all(|line| !line.what.contains("MSK")));
}

#[test]
fn what_an_account_has_for_nothing_is_taken_off_once() {
    let month = month(1e6, Transport::Queue, Watching::Small);
    let bill = bill_of(&month);
    let requests: f64 = ["SQS: events, idle polls", "SQS: raw objects, idle polls"]
        .iter()
        .map(|what| usd(&bill, what))
        .sum();
    let free = bill.without_free(&embedded());
    let above: f64 = ["SQS: events, idle polls", "SQS: raw objects, idle polls"]
        .iter()
        .map(|what| usd(&free, what))
        .sum();
    // A million requests to SQS, all ten alarms; keys are not free.
    near(above, requests - 0.4);
    near(usd(&free, "Alarms"), 0.0);
    near(usd(&free, "KMS keys"), 1.0);
    near(usd(&free, "Lambda invocations"), 0.0);
}

#[test]
fn traces_are_one_a_second_and_a_twentieth_of_the_others() {
    let full = |events| {
        let month = month(events, Transport::Queue, Watching::Full);
        let bill = bill_of(&month);
        let seen = month.requests() + bill.landed.invocations + bill.landed.objects;
        (usd(&bill, "X-Ray"), seen)
    };
    let (traces, seen) = full(1e6);
    near(traces, seen * 5e-6);
    let (traces, seen) = full(7e8);
    near(traces, (2_592_000.0 + (seen - 2_592_000.0) * 0.05) * 5e-6);
}
