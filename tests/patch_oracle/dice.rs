//! Choices that a seed decides.

/// A source of choices (SplitMix64): the same seed gives the same ones on every machine.
#[derive(Clone, Debug)]
pub(super) struct SeededDice(u64);

impl SeededDice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number for a number, from which other dice may begin.
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }

    /// A number of a range, both ends with it.
    pub(super) fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// True in this many of a hundred.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }

    /// Some of the choices, each once, in any order.
    pub(super) fn some<T: Clone>(&mut self, choices: &[T], least: usize, most: usize) -> Vec<T> {
        let mut chosen = choices.to_vec();
        self.shuffle(&mut chosen);
        chosen.truncate(self.between(least, most));
        chosen
    }
}
