//! What long work on a lake is at, for whoever waits for it.

use std::sync::Arc;

/// Is told what the work is at, such as `the source housing-person, 3 of 13`.
type StageListener = Arc<dyn Fn(&str) + Send + Sync>;

/// Tells the caller what the work is at; without a listener it does nothing.
#[derive(Clone, Default)]
pub struct WorkStage(Option<StageListener>);

impl WorkStage {
    /// Tells this listener.
    pub fn telling(listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Tells that so many of the parts of a step are done.
    pub fn tell(&self, step: &str, done: usize, total: usize) {
        if let Some(listener) = &self.0 {
            listener(&format!("{step}, {done} of {total}"));
        }
    }
}
