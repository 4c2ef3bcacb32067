//! The commonest of many different texts, in little room: the summary of Misra and Gries, in the form that adds up
//! (Agarwal and others, "Mergeable summaries", 2012). The same texts in the same order give the same summary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Texts that are kept: what stands in more than one row of 65 is among them for certain.
const FREQUENT_TEXTS_MAX: usize = 64;

/// Counts of the commonest texts. Each count is at most [`Frequent::short`] too low, and never too high.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FrequentTexts {
    counts: BTreeMap<String, u64>,
    short: u64,
}

impl FrequentTexts {
    /// Adds counts of different texts.
    pub(crate) fn add_counts<'t>(&mut self, counts: impl IntoIterator<Item = (&'t str, u64)>) {
        for (text, count) in counts {
            match self.counts.get_mut(text) {
                Some(known) => *known += count,
                None => drop(self.counts.insert(text.to_owned(), count)),
            }
        }
        self.trim_to_limit();
    }

    /// Adds another summary.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.short += other.short;
        self.add_counts(
            other
                .counts
                .iter()
                .map(|(text, count)| (text.as_str(), *count)),
        );
    }

    /// By how much a count may be too low; nought where every text is kept.
    #[cfg(test)]
    fn short(&self) -> u64 {
        self.short
    }

    /// The texts and their counts, the commonest first.
    pub(crate) fn most_frequent(&self) -> Vec<(String, u64)> {
        let mut counts: Vec<_> = self
            .counts
            .iter()
            .map(|(text, count)| (text.clone(), *count))
            .collect();
        counts.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        counts
    }

    /// Takes from each the count of the first that finds no place: what is left over nought stays.
    fn trim_to_limit(&mut self) {
        if self.counts.len() <= FREQUENT_TEXTS_MAX {
            return;
        }
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let (_, cut, _) = counts.select_nth_unstable_by(FREQUENT_TEXTS_MAX, |a, b| b.cmp(a));
        let cut = *cut;
        self.short += cut;
        self.counts.retain(|_, count| {
            *count -= cut.min(*count);
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
        fn a_count_is_short_by_what_is_said_and_never_too_high(
            parts in proptest::collection::vec(proptest::collection::vec((0u32..200, 1u64..50), 0..150), 1..6)
        ) {
            let (mut sum, mut truth) = (FrequentTexts::default(), BTreeMap::<String, u64>::new());
            for part in &parts {
                let mut mine = FrequentTexts::default();
                for (number, count) in part {
                    let text = format!("t{}", number * number / 150);
                    mine.add_counts([(text.as_str(), *count)]);
                    *truth.entry(text).or_default() += count;
                }
                sum.merge(&mine);
            }
            let kept: BTreeMap<String, u64> = sum.most_frequent().into_iter().collect();
            prop_assert!(kept.len() <= FREQUENT_TEXTS_MAX);
            for (text, count) in &truth {
                let known = kept.get(text).copied().unwrap_or(0);
                prop_assert!(known <= *count && *count <= known + sum.short());
            }
            let all: u64 = truth.values().sum();
            prop_assert!(sum.short() <= all / (FREQUENT_TEXTS_MAX as u64 + 1));
        }
    }
}
