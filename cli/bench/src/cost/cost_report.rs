//! The bill in words.

use super::measure::{CostMeasurements, FunctionCpu};
use super::model::{Bill, BillPart, MonthlyWorkload, monthly_bill};
use super::peers::CostAlternative;
use super::{MONTHLY_MILLIONS, prices};

/// Windows that are compared, in seconds.
const COMPARED_WINDOWS: [f64; 4] = [1.0, 10.0, 60.0, 300.0];

/// Events of a request that are compared.
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
        "  snapshot-merge   {:6.1} for a million new rows, {:.1} for a million rows with changes everywhere; {:.1} for a quiet day with its report",
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

pub(super) fn print_bills(bills: &[Bill], window: f64, per_request: f64) {
    println!(
        "US dollars a month, {}, {} ({}); batches of {window:.0} s, {per_request:.0} events a request",
        prices::REGION,
        prices::PRICE_DATE,
        prices::PRICE_SOURCE
    );
    print!("{:48}", "million events a month");
    MONTHLY_MILLIONS
        .iter()
        .for_each(|millions| print!(" {millions:>10.0}"));
    println!();
    print!("{:48}", "raw objects");
    bills
        .iter()
        .for_each(|bill| print!(" {:>10.0}", bill.objects));
    println!();
    let titles: [(BillPart, &str); 8] = [
        (BillPart::Compute, "Compute"),
        (BillPart::Requests, "Requests"),
        (BillPart::Storage, "Storage"),
        (BillPart::Watching, "Watching and keys"),
        (BillPart::Readers, "Readers, an example"),
        (BillPart::Kafka, "MSK Serverless"),
        (BillPart::Brokers, "MSK with brokers, instead"),
        (BillPart::Polling, "Lambda in front of Kafka"),
    ];
    for (part, title) in titles {
        print_sums(title, bills.iter().map(|bill| bill.sum_parts(&[part])));
        for (place, line) in bills[0]
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.part == part)
        {
            print_sums(
                &format!("  {}", line.what),
                bills.iter().map(|bill| bill.lines[place].usd),
            );
        }
    }
    print_sums(
        "Everything but Kafka and readers",
        bills.iter().map(Bill::without_kafka_usd),
    );
}

fn print_sums(what: &str, sums: impl Iterator<Item = f64>) {
    print!("{what:48}");
    sums.for_each(|usd| print!(" {usd:>10.2}"));
    println!();
}

pub(super) fn print_aims(bill: &Bill, (compute, rest): (f64, f64)) {
    let verdict = |found: f64, aim: f64| {
        if found < aim {
            "reached"
        } else {
            "not reached"
        }
    };
    println!("\nAims for 70 million events:");
    println!(
        "  Lambda's compute under {compute:.0} USD: {:.2}, {}",
        bill.compute_usd(),
        verdict(bill.compute_usd(), compute)
    );
    println!(
        "  everything but Kafka under {rest:.0} USD: {:.2}, {}",
        bill.without_kafka_usd(),
        verdict(bill.without_kafka_usd(), rest)
    );
}

/// What the choices are that move the bill, at 70 million events.
pub(super) fn print_sensitivities(measured: &CostMeasurements, window: f64, per_request: f64) {
    let all = |window: f64, per_request: f64| {
        monthly_bill(
            &MonthlyWorkload::of(MONTHLY_MILLIONS[1] * 1e6, window, per_request),
            measured,
        )
    };
    println!("\nWhat moves it, everything but Kafka at 70 million events:");
    for window in COMPARED_WINDOWS {
        let bill = all(window, per_request);
        println!(
            "  batches of {window:>3.0} s          {:>9.2} USD, {:>10.0} raw objects",
            bill.without_kafka_usd(),
            bill.objects
        );
    }
    for per_request in COMPARED_REQUEST_SIZES {
        let bill = all(window, per_request);
        println!(
            "  {per_request:>3.0} events a request     {:>9.2} USD, of which compute {:.2}",
            bill.without_kafka_usd(),
            bill.compute_usd()
        );
    }
}

pub(super) fn print_alternatives(bills: &[Bill], others: &[Vec<CostAlternative>]) {
    println!("\nFrom the topic to the day's tables, compute only, beside others:");
    print!("{:52}", "million events a month");
    MONTHLY_MILLIONS
        .iter()
        .for_each(|millions| print!(" {millions:>10.0}"));
    println!();
    let row = |what: &str, sums: &[f64]| {
        print!("{what:52}");
        sums.iter().for_each(|usd| print!(" {usd:>10.2}"));
        println!();
    };
    // Others begin at the topic: without the relay, and with what small files cost us.
    let ours = |bill: &Bill| {
        let relay = bill
            .lines
            .iter()
            .filter(|line| line.what == "Lambda event-relay" || line.what == "HTTP API");
        bill.sum_parts(&[BillPart::Compute, BillPart::Requests])
            - relay.map(|line| line.usd).sum::<f64>()
    };
    row(
        "polelake, with its requests to S3, SQS and Glue",
        &bills.iter().map(ours).collect::<Vec<_>>(),
    );
    for (place, peer) in others[0].iter().enumerate() {
        row(
            peer.what,
            &others
                .iter()
                .map(|others| others[place].usd)
                .collect::<Vec<_>>(),
        );
    }
    println!(
        "MSK Data Delivery: no price known to us; it brings bytes to S3, as Firehose does, and makes no tables."
    );
}
