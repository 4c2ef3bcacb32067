//! What goes wrong, and when: drawn from the seed, counted by kind.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Faults by kind, and how often each was injected.
pub(crate) type FaultCounts = BTreeMap<&'static str, u64>;

/// The dice of one seed.
pub(crate) struct FaultInjector {
    rng: Mutex<fastrand::Rng>,
    counts: Mutex<FaultCounts>,
    stopped: AtomicBool,
}

impl FaultInjector {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = Mutex::new(fastrand::Rng::with_seed(seed));
        Self {
            rng,
            counts: Mutex::default(),
            stopped: AtomicBool::new(false),
        }
    }

    /// From now on nothing goes wrong any more.
    pub(crate) fn stop_faults(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    pub(crate) fn faults_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// A number below `end`.
    pub(crate) fn random_below(&self, end: usize) -> usize {
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .usize(..end.max(1))
    }

    /// Whether it happens, in so many of a thousand cases.
    pub(crate) fn is_drawn(&self, per_mille: usize) -> bool {
        self.random_below(1_000) < per_mille
    }

    /// Whether the fault strikes, in so many of a thousand cases; never when it is calm.
    pub(crate) fn inject_fault(&self, fault: &'static str, per_mille: usize) -> bool {
        let struck = !self.faults_stopped() && self.is_drawn(per_mille);
        if struck {
            self.count_fault(fault);
        }
        struck
    }

    /// One of the faults, each with its share of a thousand cases; none in the rest.
    pub(crate) fn draw_fault<F: Copy>(&self, faults: &[(&'static str, usize, F)]) -> Option<F> {
        if self.faults_stopped() {
            return None;
        }
        let mut dice = self.random_below(1_000);
        for (name, share, fault) in faults {
            if dice < *share {
                self.count_fault(name);
                return Some(*fault);
            }
            dice -= share;
        }
        None
    }

    pub(crate) fn count_fault(&self, fault: &'static str) {
        *self
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(fault)
            .or_default() += 1;
    }

    pub(crate) fn fault_counts(&self) -> FaultCounts {
        self.counts
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
