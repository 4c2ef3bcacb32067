//! The measurements and the bills as tables for a terminal.

use super::measure::{CostMeasurements, FunctionCpu};
use super::model::{Bill, BillPart, MonthlyWorkload, monthly_bill};
use super::{AIMED_MONTH, ComparedMonth, MONTHLY_MILLIONS, prices};

/// Characters of a row's title.
const TITLE_WIDTH: usize = 52;

/// The parts of the bill in the order of the table.
const PART_TITLES: [(BillPart, &str); 8] = [
    (BillPart::Compute, "Compute"),
    (BillPart::Requests, "Requests"),
    (BillPart::Storage, "Storage"),
    (BillPart::Watching, "Watching and keys"),
    (BillPart::Readers, "Readers, an example"),
    (BillPart::Kafka, "MSK Serverless"),
    (BillPart::Brokers, "MSK with brokers, instead"),
    (BillPart::Polling, "Lambda in front of Kafka"),
];

/// Batch windows that are compared, in seconds.
const COMPARED_WINDOWS: [f64; 4] = [1.0, 10.0, 60.0, 300.0];

/// Numbers of events in a request that are compared.
const COMPARED_REQUEST_SIZES: [f64; 4] = [1.0, 10.0, 100.0, 500.0];

pub(super) fn print_measurements(measured: &CostMeasurements) {
    println!(
        "Measured over {:.0} events of {:.0} bytes, in CPU-seconds of this machine:",
        measured.events, measured.event_bytes
    );
    let hops: [(&str, &FunctionCpu); 3] = [
        ("event-relay", &measured.relay),
        ("raw-landing", &measured.landing),
        ("pole-transform", &measured.transform),
    ];
    for (name, hop) in hops {
        println!(
            "  {name:16} {:6.1} for a million events, {:5.1} ms for an invocation",
            hop.per_million,
            hop.per_invocation * 1_000.0
        );
    }
    println!(
        "  snapshot-merge   {:6.1} for a million new rows, {:.1} for a million rows with changes \
         everywhere; {:.1} for a quiet day with its report",
        measured.merge_per_million_increments, measured.merge_per_million_rows, measured.day
    );
    println!(
        "  {:.1} rows of an event, {:.1} tables of an object; {:.0} bytes raw, {:.0} refined\n",
        measured.rows_per_event,
        measured.tables_of_an_object,
        measured.raw_bytes,
        measured.refined_bytes
    );
}

pub(super) fn print_bills(months: &[ComparedMonth], window: f64, per_request: f64) {
    println!(
        "US dollars a month, {}, {} ({}); batches of {window:.0} s, {per_request:.0} events a \
         request",
        prices::REGION,
        prices::PRICE_DATE,
        prices::PRICE_SOURCE
    );
    print_counts("million events a month", months, |month| {
        month.million_events
    });
    print_counts("raw objects", months, |month| month.bill.objects);

    for (part, title) in PART_TITLES {
        print_sums(
            title,
            months.iter().map(|month| month.bill.sum_parts(&[part])),
        );
        print_part_lines(part, months);
    }
    print_sums(
        "Everything but Kafka and readers",
        months.iter().map(|month| month.bill.without_kafka_usd()),
    );
}

/// The lines of a part; every bill has the same lines in the same order.
fn print_part_lines(part: BillPart, months: &[ComparedMonth]) {
    let Some(first) = months.first() else {
        return;
    };
    for (index, line) in first.bill.lines.iter().enumerate() {
        if line.part == part {
            let title = format!("  {}", line.what);
            print_sums(
                &title,
                months.iter().map(|month| month.bill.lines[index].usd),
            );
        }
    }
}

fn print_counts(title: &str, months: &[ComparedMonth], count: impl Fn(&ComparedMonth) -> f64) {
    print!("{title:TITLE_WIDTH$}");
    for month in months {
        print!(" {:>10.0}", count(month));
    }
    println!();
}

fn print_sums(title: &str, sums: impl Iterator<Item = f64>) {
    print!("{title:TITLE_WIDTH$}");
    for usd in sums {
        print!(" {usd:>10.2}");
    }
    println!();
}

/// Compares a bill with the aims: dollars of compute, and of everything but Kafka.
pub(super) fn print_aims(bill: &Bill, (compute_aim, total_aim): (f64, f64)) {
    println!("\nAims for 70 million events:");
    println!(
        "  Lambda's compute under {compute_aim:.0} USD: {:.2}, {}",
        bill.compute_usd(),
        describe_aim(bill.compute_usd(), compute_aim)
    );
    println!(
        "  everything but Kafka under {total_aim:.0} USD: {:.2}, {}",
        bill.without_kafka_usd(),
        describe_aim(bill.without_kafka_usd(), total_aim)
    );
}

fn describe_aim(usd: f64, aim: f64) -> &'static str {
    if usd < aim { "reached" } else { "not reached" }
}

/// How the bill of 70 million events depends on the batch window and on the events of a request.
pub(super) fn print_sensitivities(measured: &CostMeasurements, window: f64, per_request: f64) {
    println!("\nWhat moves it, everything but Kafka at 70 million events:");
    for window in COMPARED_WINDOWS {
        let bill = aimed_bill(measured, window, per_request);
        println!(
            "  batches of {window:>3.0} s          {:>9.2} USD, {:>10.0} raw objects",
            bill.without_kafka_usd(),
            bill.objects
        );
    }
    for per_request in COMPARED_REQUEST_SIZES {
        let bill = aimed_bill(measured, window, per_request);
        println!(
            "  {per_request:>3.0} events a request     {:>9.2} USD, of which compute {:.2}",
            bill.without_kafka_usd(),
            bill.compute_usd()
        );
    }
}

/// The bill of the month that the aims are set for.
fn aimed_bill(measured: &CostMeasurements, window: f64, per_request: f64) -> Bill {
    let events = MONTHLY_MILLIONS[AIMED_MONTH] * 1e6;
    monthly_bill(&MonthlyWorkload::of(events, window, per_request), measured)
}

/// Compares polelake with other services, from the topic to the day's tables.
pub(super) fn print_alternatives(months: &[ComparedMonth]) {
    println!("\nFrom the topic to the day's tables, compute only, beside others:");
    print_counts("million events a month", months, |month| {
        month.million_events
    });
    print_sums(
        "polelake, with its requests to S3, SQS and Glue",
        months.iter().map(|month| usd_from_topic(&month.bill)),
    );

    let Some(first) = months.first() else {
        return;
    };
    for (index, alternative) in first.alternatives.iter().enumerate() {
        let sums = months.iter().map(|month| month.alternatives[index].usd);
        print_sums(alternative.what, sums);
    }
    println!(
        "MSK Data Delivery: no price known to us; it brings bytes to S3, as Firehose does, and \
         makes no tables."
    );
}

/// Dollars from the topic on, where the alternatives begin: without the relay and its API, with the
/// requests for small files.
fn usd_from_topic(bill: &Bill) -> f64 {
    let before_topic: f64 = bill
        .lines
        .iter()
        .filter(|line| line.what == "Lambda event-relay" || line.what == "HTTP API")
        .map(|line| line.usd)
        .sum();
    bill.sum_parts(&[BillPart::Compute, BillPart::Requests]) - before_topic
}
