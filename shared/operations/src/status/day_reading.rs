//! Which day the records of a stream begin that no snapshot holds: read from the one receipt at
//! which the newest snapshot stopped.

use lake::{Chunk, CommittedOffset, Day, Receipt};

use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// The first day of the records that a snapshot has not committed; none when it has all of them
/// that are transformed. Without a committed offset no record of the stream is in a snapshot.
pub(super) async fn first_uncommitted_day(
    lake: &LakeHandle,
    first: &Chunk,
    committed: Option<&CommittedOffset>,
) -> Result<Option<Day>, OperationError> {
    let (mut object, next) = match committed {
        Some(committed) => (committed.object, committed.next),
        None => (first.offset, first.offset),
    };

    // A snapshot may have stopped at the end of a raw object: then the one behind it is asked.
    for _ in 0..2 {
        let chunk = Chunk {
            offset: object,
            ..first.clone()
        };
        let Some(receipt) = lake.read_receipt(&chunk).await? else {
            return Ok(None);
        };
        if receipt.next > next {
            return Ok(day_at(&receipt, next));
        }
        object = receipt.next;
    }
    Ok(None)
}

/// The day of the record at an offset, by where the days begin.
fn day_at(receipt: &Receipt, offset: i64) -> Option<Day> {
    let begun = receipt.days.iter().rfind(|start| start.offset <= offset);
    let start = begun.or(receipt.days.first())?;
    Day::parse(&start.date)
}

#[cfg(test)]
mod tests {
    use lake::DayStart;

    use super::*;

    #[test]
    fn a_record_is_of_the_day_that_began_last() {
        let start = |date: &str, offset| DayStart {
            date: date.to_owned(),
            offset,
        };
        let receipt = Receipt {
            days: vec![start("2026-03-02", 0), start("2026-03-03", 5)],
            ..Receipt::default()
        };
        let day = |offset| day_at(&receipt, offset).unwrap().to_string();
        assert_eq!(
            (day(4).as_str(), day(5).as_str()),
            ("2026-03-02", "2026-03-03")
        );
        assert_eq!(day_at(&Receipt::default(), 0), None);
    }
}
