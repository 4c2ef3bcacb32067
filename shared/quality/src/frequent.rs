//! The most frequent of many distinct texts, in little memory: the summary of Misra and Gries, in
//! the form that can be merged (Agarwal and others, "Mergeable summaries", 2012). The same texts in
//! the same order give the same summary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Texts that are retained. A text that more than one row of 65 has is among them for certain.
const FREQUENT_TEXTS_MAX: usize = 64;

/// Counts of the most frequent texts. Each count is at most `undercount` too low, and never too
/// high.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FrequentTexts {
    counts: BTreeMap<String, u64>,
    /// By how much a count may be too low; zero where every text is retained.
    #[serde(rename = "short")]
    undercount: u64,
}

impl FrequentTexts {
    /// Adds counts of distinct texts.
    pub(crate) fn add_counts<'t>(&mut self, counts: impl IntoIterator<Item = (&'t str, u64)>) {
        for (text, count) in counts {
            match self.counts.get_mut(text) {
                Some(sum) => *sum += count,
                None => drop(self.counts.insert(text.to_owned(), count)),
            }
        }

        self.trim_to_limit();
    }

    /// Adds another summary.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.undercount += other.undercount;

        self.add_counts(
            other
                .counts
                .iter()
                .map(|(text, count)| (text.as_str(), *count)),
        );
    }

    /// The texts and their counts, the most frequent first; texts of equal counts in the order of
    /// their bytes.
    pub(crate) fn most_frequent(&self) -> Vec<(String, u64)> {
        let mut counts: Vec<_> = self
            .counts
            .iter()
            .map(|(text, count)| (text.clone(), *count))
            .collect();

        counts.sort_by(|(text, count), (other_text, other_count)| {
            other_count.cmp(count).then_with(|| text.cmp(other_text))
        });
        counts
    }

    /// Subtracts the greatest count that does not fit in from every count; only texts with a
    /// positive count are retained.
    fn trim_to_limit(&mut self) {
        if self.counts.len() <= FREQUENT_TEXTS_MAX {
            return;
        }
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let (_, first_dropped, _) =
            counts.select_nth_unstable_by(FREQUENT_TEXTS_MAX, |count, other| other.cmp(count));
        let cut = *first_dropped;

        self.undercount += cut;
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(cut);
            *count > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_count_is_at_most_the_undercount_too_low_and_never_too_high(
            parts in proptest::collection::vec(
                proptest::collection::vec((0u32..200, 1u64..50), 0..150),
                1..6,
            )
        ) {
            let mut sum = FrequentTexts::default();
            let mut exact = BTreeMap::<String, u64>::new();
            for part in &parts {
                let mut summary = FrequentTexts::default();
                for (number, count) in part {
                    let text = format!("t{}", number * number / 150);
                    summary.add_counts([(text.as_str(), *count)]);
                    *exact.entry(text).or_default() += count;
                }
                sum.merge(&summary);
            }
            let retained: BTreeMap<String, u64> = sum.most_frequent().into_iter().collect();
            prop_assert!(retained.len() <= FREQUENT_TEXTS_MAX);
            for (text, count) in &exact {
                let known = retained.get(text).copied().unwrap_or(0);
                prop_assert!(known <= *count && *count <= known + sum.undercount);
            }
            let all: u64 = exact.values().sum();
            prop_assert!(sum.undercount <= all / (FREQUENT_TEXTS_MAX as u64 + 1));
        }
    }
}
