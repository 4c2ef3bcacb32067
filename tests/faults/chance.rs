//! What goes wrong, and when: drawn from the seed, counted by kind.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Faults by kind, and how often each was injected.
pub(crate) type Tally = BTreeMap<&'static str, u64>;

/// The dice of one seed.
pub(crate) struct Chance {
    rng: Mutex<fastrand::Rng>,
    tally: Mutex<Tally>,
    calm: AtomicBool,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = Mutex::new(fastrand::Rng::with_seed(seed));
        Self {
            rng,
            tally: Mutex::default(),
            calm: AtomicBool::new(false),
        }
    }

    /// From now on nothing goes wrong any more.
    pub(crate) fn calm_down(&self) {
        self.calm.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst)
    }

    /// A number below `end`.
    pub(crate) fn below(&self, end: usize) -> usize {
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .usize(..end.max(1))
    }

    /// Whether it happens, in so many of a thousand cases.
    pub(crate) fn happens(&self, per_mille: usize) -> bool {
        self.below(1_000) < per_mille
    }

    /// Whether the fault strikes, in so many of a thousand cases; never when it is calm.
    pub(crate) fn strikes(&self, fault: &'static str, per_mille: usize) -> bool {
        let struck = !self.is_calm() && self.happens(per_mille);
        if struck {
            self.note(fault);
        }
        struck
    }

    /// One of the faults, each with its share of a thousand cases; none in the rest.
    pub(crate) fn fault<F: Copy>(&self, faults: &[(&'static str, usize, F)]) -> Option<F> {
        if self.is_calm() {
            return None;
        }
        let mut dice = self.below(1_000);
        for (name, share, fault) in faults {
            if dice < *share {
                self.note(name);
                return Some(*fault);
            }
            dice -= share;
        }
        None
    }

    pub(crate) fn note(&self, fault: &'static str) {
        *self
            .tally
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(fault)
            .or_default() += 1;
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn shuffle<T>(&self, items: &mut [T]) {
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .shuffle(items);
    }
}
