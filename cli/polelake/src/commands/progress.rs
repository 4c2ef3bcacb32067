//! Progress bars. They are drawn on standard error, so that standard output holds only the result.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of so many units, drawn as the template says.
pub(super) fn styled_bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        // A template that cannot be parsed leaves the bar as it is by default.
        Err(_) => bar,
    }
}
