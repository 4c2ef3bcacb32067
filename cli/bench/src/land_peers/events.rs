//! The events of the topic: each different from all others, as those of a town are.

use std::io::{BufWriter, Write};

use local_platform::synthetic::{self, CouncilDay, SyntheticCouncil};
use polelake::error::CliError;

/// People of a council; the next council has another seed.
const PEOPLE: usize = 5_000;

/// The source of the events.
const SOURCE: &str = "housing-tenure";

/// Whole states, without the edge cases and the changes of later days.
const KIND: &str = "TenureCreatedEvent";

/// When the events' day begins, in milliseconds since 1970: 2026-03-02.
const DAY_START_MILLIS: i64 = 1_772_409_600_000;

/// Prints tenure events, one a line.
pub(crate) fn print_events(count: usize) -> Result<bool, CliError> {
    let mut output = BufWriter::new(std::io::stdout().lock());
    for event in tenure_events().take(count) {
        output.write_all(&event)?;
        output.write_all(b"\n")?;
    }
    output.flush()?;
    Ok(true)
}

/// Tenure events without an end.
fn tenure_events() -> impl Iterator<Item = Vec<u8>> {
    (1..).flat_map(|seed| {
        let day = CouncilDay {
            council: SyntheticCouncil {
                seed,
                people: PEOPLE,
            },
            number: 0,
            start_millis: DAY_START_MILLIS,
        };
        let sources = synthetic::day_events(&day);
        let tenures = sources.into_iter().find(|batch| batch.source == SOURCE);
        let events = tenures.map(|batch| batch.events).unwrap_or_default();
        events.into_iter().filter(|event| is_whole_state(event))
    })
}

fn is_whole_state(event: &[u8]) -> bool {
    std::str::from_utf8(event).is_ok_and(|text| text.contains(KIND))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_event_comes_twice_and_none_is_an_edge_case() {
        // More than one council has.
        let events: Vec<_> = tenure_events().take(4_000).collect();
        let different: BTreeSet<_> = events.iter().collect();
        assert_eq!(different.len(), 4_000);
        assert!(events.iter().all(|event| event.len() > 1_000));
        assert!(!is_whole_state(br#"{"eventType":"TenureUpdatedEvent"}"#));
    }
}
