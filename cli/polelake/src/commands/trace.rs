//! `polelake trace`.

use operations::trace::{
    EventFate, EventQuery, EventTrace, ProbablePlace, SearchedParts, TracedEvent, TracedTable,
    trace_event,
};
use serde_json::json;

use super::unreadable::{print_unreadable, with_unreadable};
use crate::args::lake::TraceArgs;
use crate::error::CliError;
use crate::open_lake::OpenLake;

pub(crate) async fn run(args: &TraceArgs) -> Result<bool, CliError> {
    let lake = OpenLake::open(&args.lake).await?;
    let query = EventQuery {
        event_id: args.event_id.clone(),
        source: args.source.clone(),
        from: args.from,
        to: args.to,
    };
    let trace = trace_event(&lake.handle, &query).await?;

    let unreadable = lake.handle.unreadable.take();
    if args.json {
        println!("{:#}", with_unreadable(json!(trace), &unreadable));
    } else {
        print_trace(&trace, args.lake.aws);
        print_unreadable(&unreadable);
    }
    Ok(trace.event.is_some())
}

fn print_trace(trace: &EventTrace, on_aws: bool) {
    match &trace.event {
        Some(event) => print_event(event, on_aws),
        None if trace.probable.is_empty() => print_not_found(trace),
        None => print_probable(trace),
    }
}

fn print_event(event: &TracedEvent, on_aws: bool) {
    let TracedEvent {
        source,
        topic,
        epoch,
        partition,
        offset,
        ..
    } = event;
    println!("{source}  {topic}-{partition}@{offset} (epoch {epoch})");
    let raw = if event.raw_object_exists {
        ""
    } else {
        "  (is not there: `polelake audit` says more)"
    };
    println!("  raw object  {}{raw}", event.raw_object);
    if let Some(declaration) = &event.declared_lost {
        println!("  declared lost, by {declaration}");
    }
    let receipt = event.receipt.as_deref().unwrap_or("none yet");
    println!("  receipt     {receipt}");
    if let (Some(contract), Some(mapping)) = (&event.contract_version, &event.mapping_version) {
        println!("  read under  contract {contract}, mapping {mapping}");
    }

    match &event.fate {
        EventFate::Refined { tables } => print_tables(tables, on_aws),
        EventFate::Ignored { may_be_erased } => print_ignored(*may_be_erased),
        EventFate::Waiting => println!(
            "  waiting     not transformed yet: `polelake trace` again in a minute; `polelake \
             status` shows the lag"
        ),
        EventFate::Quarantined {
            object,
            rule,
            path,
            reason,
        } => {
            println!("  refused     {rule} at {path}: {reason}");
            println!("  quarantine  {object}");
            let place = if on_aws { " --aws" } else { "" };
            println!(
                "`polelake quarantine show --source {source} --rule {rule}{place}` says whether it \
                 is open."
            );
        }
    }
}

fn print_ignored(may_be_erased: bool) {
    let erased = if may_be_erased {
        ", or it is about a person who was erased"
    } else {
        ""
    };
    println!("  ignored     the contract declares its type as one to ignore{erased}");
}

fn print_tables(tables: &[TracedTable], on_aws: bool) {
    println!("  {:26} {:>5}  first day   refined object", "table", "rows");
    for table in tables {
        println!(
            "  {:26} {:>5}  {:10}  {}",
            table.table,
            table.rows,
            table.first_day.as_deref().unwrap_or("-"),
            table.object
        );
    }
    for table in tables.iter().filter(|table| table.states_record) {
        println!(
            "`{}` holds what the event states of its record: the merge makes the rows of the \
             source's tables of all that its events state.",
            table.table
        );
    }
    if tables.iter().any(|table| table.first_day.is_none()) {
        let merge = if on_aws {
            "the next daily run merges it"
        } else {
            "the next daily run merges it, or `polelake run-day DATE`"
        };
        println!("`-`: no snapshot holds it yet; {merge}.");
    }
}

/// Prints the raw objects that probably hold an event whose objects cannot be read.
fn print_probable(trace: &EventTrace) {
    println!("{} is probably here:", trace.event_id);
    for place in &trace.probable {
        let ProbablePlace {
            source,
            topic,
            epoch,
            partition,
            offset,
            next,
            ..
        } = place;
        let last = next - 1;
        println!("{source}  {topic}-{partition}@{offset} to {last} (epoch {epoch})");
        println!("  raw object  {}", place.raw_object);
        println!("  receipt     {}", place.receipt);
        println!(
            "  read under  contract {}, mapping {}",
            place.contract_version, place.mapping_version
        );
        println!(
            "  not read    {} objects: {}",
            place.objects_unreadable, place.cause
        );
    }

    println!("Searched: {}.", describe_search(&trace.searched));
    let tested = trace.searched.raw_objects_tested;
    println!(
        "A filter of ids names these raw objects. It names one in a thousand by chance, of {tested} \
         some {}; and it still names an event that was erased. Who may read the refined zone and the \
         quarantine learns whether the event is there.",
        tested.div_ceil(1_000)
    );
}

fn print_not_found(trace: &EventTrace) {
    println!("{} is not found.", trace.event_id);
    println!("Searched: {}.", describe_search(&trace.searched));
    println!(
        "That means one of these:\n  \
         - it has not landed: `polelake status` shows the lag;\n  \
         - it was erased, or its mapping gives it no row;\n  \
         - it came on another day, or from another source, than --from, --to and --source say;\n  \
         - the contract ignores its type, and the relay did not bring it: then no id stands beside\n    \
           its record;\n  \
         - it has another id: the relay answers the id of each event that it accepts, and a\n    \
           CloudEvent's is its `source` and `id`, joined by a slash."
    );
}

fn describe_search(searched: &SearchedParts) -> String {
    let SearchedParts {
        raw_objects_tested,
        first_day_tested,
        last_day_tested,
        index_parts,
        receipts,
        refined_objects,
        quarantine_objects,
        raw_objects,
        raw_objects_unreadable,
        first_day,
        last_day,
    } = searched;
    let tested_days = describe_days(first_day_tested.as_deref(), last_day_tested.as_deref());
    let days = describe_days(first_day.as_deref(), last_day.as_deref());
    let unreadable = match raw_objects_unreadable {
        0 => String::new(),
        count => format!(" ({count} more cannot be read)"),
    };
    format!(
        "the ids of {raw_objects_tested} raw objects{tested_days}, by {index_parts} parts of the \
         index and {receipts} receipts; opened: {refined_objects} refined objects and {quarantine_objects} quarantine objects{days}; \
         {raw_objects} raw objects that have ignored records or are not transformed{unreadable}"
    )
}

fn describe_days(first: Option<&str>, last: Option<&str>) -> String {
    match (first, last) {
        (Some(first), Some(last)) => format!(" of {first} to {last}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_searched_is_said_with_its_days() {
        let nothing = describe_search(&SearchedParts::default());
        let opened = "0 refined objects and 0 quarantine objects; 0 raw objects";
        assert!(nothing.contains(opened), "{nothing}");
        let searched = SearchedParts {
            raw_objects_tested: 7,
            first_day_tested: Some("2026-03-01".into()),
            last_day_tested: Some("2026-03-04".into()),
            index_parts: 4,
            receipts: 2,
            refined_objects: 3,
            quarantine_objects: 1,
            first_day: Some("2026-03-02".into()),
            last_day: Some("2026-03-03".into()),
            raw_objects_unreadable: 2,
            ..SearchedParts::default()
        };
        let said = describe_search(&searched);
        let tested = "7 raw objects of 2026-03-01 to 2026-03-04, by 4 parts of the index and 2";
        assert!(said.contains(tested), "{said}");
        assert!(
            said.contains("objects of 2026-03-02 to 2026-03-03;"),
            "{said}"
        );
        assert!(said.ends_with("(2 more cannot be read)"), "{said}");
    }
}
