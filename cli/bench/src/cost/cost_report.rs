//! The measurements and the bills as tables for a terminal.

use contract::Transport;

use super::measure::{CostMeasurements, FunctionCpu};
use super::model::{Bill, BillPart, kafka_choices};
use super::prices::PriceList;
use super::study::{ComparedMonth, CostStudy};

/// Characters of a row's title.
const TITLE_WIDTH: usize = 56;

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

/// Prints all of it.
pub(super) fn print_study(study: &CostStudy) {
    let months = study.compare_months();
    print_measurements(&study.measured);
    print_heading(study);
    print_bills(&months);
    print_mixes(study);
    print_aims(study);
    print_levers(study);
    if study.usual.transport == Transport::Kafka {
        print_kafka_choices(&study.prices);
    }
    print_alternatives(&months);
}

fn print_measurements(measured: &CostMeasurements) {
    println!(
        "Measured over {:.0} events of {:.0} bytes ({} build), in CPU-seconds of this machine:",
        measured.events, measured.event_bytes, measured.profile
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
        "  {:.1} rows of an event, {:.1} tables of an object; {:.0} bytes raw, {:.0} refined",
        measured.rows_per_event,
        measured.tables_of_an_object,
        measured.raw_bytes,
        measured.refined_bytes
    );
    let [one, ten, hundred] = measured.message_bytes;
    println!(
        "  a message with 1, 10, 100 events: {one:.0}, {ten:.0}, {hundred:.0} bytes; {:.0} \
         messages, {:.0} raw objects, {:.0} refined\n",
        measured.counted.messages, measured.counted.raw, measured.counted.refined
    );
}

fn print_heading(study: &CostStudy) {
    let (oldest, newest) = study.prices.dates();
    println!(
        "US dollars a month, {}, list prices of {oldest} to {newest}, {} of them from memory",
        study.prices.region,
        study.prices.count_from_memory()
    );
    let usual = &study.usual;
    println!(
        "by {}; batches of {:.0} s, {:.0} events a request, watching: {}, keys: {:.0}{}",
        usual.transport.name(),
        usual.window,
        usual.per_request,
        usual.watching.name(),
        usual.keys,
        if study.is_free_taken_off {
            ", what is free taken off"
        } else {
            ""
        }
    );
}

fn print_bills(months: &[ComparedMonth]) {
    print_counts("million events a month", months, |month| {
        month.million_events
    });
    print_counts("raw objects", months, |month| month.bill.landed.objects);

    for (part, title) in PART_TITLES {
        let has_part = |month: &ComparedMonth| month.bill.lines.iter().any(|l| l.part == part);
        if !months.iter().any(has_part) {
            continue;
        }
        print_sums(
            title,
            months.iter().map(|month| month.bill.sum_parts(&[part])),
        );
        print_part_lines(part, months);
    }
    print_sums(
        "Everything, watching included, but readers and Kafka",
        months.iter().map(|month| month.everything_usd),
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

fn print_mixes(study: &CostStudy) {
    println!("\nEverything, by events of a request:");
    for mix in study.compare_mixes() {
        let keys = match mix.watching == study.usual.watching {
            true => study.usual.keys,
            false => mix.watching.usual_keys(),
        };
        let title = format!(
            "  {:3.0} events a request, watching: {}, keys: {keys:.0}",
            mix.events_per_request,
            mix.watching.name()
        );
        print_sums(&title, mix.everything_usd.into_iter());
    }
}

/// Compares known deployments with the aims.
fn print_aims(study: &CostStudy) {
    let aims = study.compare_aims();
    if !aims.is_empty() {
        println!("\nThe aims, ten events a request:");
    }
    for aim in aims {
        println!(
            "  {:2.0} million events: at most {:.0} USD, or {:.0}: {:.2}, {} ({})",
            aim.million_events,
            aim.aim_usd,
            aim.fallback_usd,
            aim.everything_usd,
            aim.outcome,
            aim.deployment
        );
    }
}

/// What moves the bill.
fn print_levers(study: &CostStudy) {
    println!("\nWhat moves it, everything at 1 and at 70 million events:");
    for effect in study.compare_levers() {
        print_sums(
            &format!("  {}", effect.what),
            effect.everything_usd.into_iter(),
        );
    }
}

/// What each way to have Kafka adds.
fn print_kafka_choices(prices: &PriceList) {
    println!("\nWhat Kafka adds, before the first event:");
    for (what, usd) in kafka_choices(prices) {
        print_sums(&format!("  {what}"), std::iter::once(usd));
    }
}

/// Compares polelake with other services, from the topic to the day's tables.
fn print_alternatives(months: &[ComparedMonth]) {
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
