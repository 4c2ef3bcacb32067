//! Progress bars. They are drawn on standard error, so that standard output holds only the result.

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// What a command is at that waits for the platform's functions.
pub(super) const SETTLING: &str = "waiting until what was accepted is transformed";

/// A bar of so many units, drawn as the template says.
pub(super) fn styled_bar(length: u64, template: &str) -> ProgressBar {
    // A command that is interrupted drops its bars: none stays on the screen.
    let bar = ProgressBar::new(length).with_finish(ProgressFinish::AndClear);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        // A template that cannot be parsed leaves the bar as it is by default.
        Err(_) => bar,
    }
}
