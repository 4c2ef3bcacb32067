//! Charts as inline SVG: the same numbers give the same bytes. A table of the same numbers follows
//! each chart.

use std::fmt::Write;

use maud::{Markup, html};

use super::govuk::{TableWidth, data_table, details_box, numeric_header, text_header};
use super::text::{format_decimal, format_minute_of_day, format_short_date, format_thousands};

/// The drawing's size, in its own units.
const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 150.0;
/// The plot's edges within the drawing: numbers need room on the left, dates below.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 452.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 124.0;

/// Days that a chart shows.
const POINTS_MAX: usize = 30;

/// Numbers by date, oldest first.
pub(super) type ChartPoints<'p> = Vec<(&'p str, f64)>;

/// The last points of a series: what a chart has room for.
pub(super) fn last_points<'p>(points: &[(&'p str, f64)]) -> ChartPoints<'p> {
    let finite: ChartPoints<'_> = points
        .iter()
        .copied()
        .filter(|(_, value)| value.is_finite())
        .collect();
    finite[finite.len().saturating_sub(POINTS_MAX)..].to_vec()
}

/// Writes a coordinate with one decimal place, so that the same numbers give the same bytes.
fn format_coordinate(value: f64) -> String {
    format!("{value:.1}")
}

/// Converts numbers to heights in the drawing.
#[derive(Clone, Copy)]
struct ChartScale {
    minimum: f64,
    maximum: f64,
}

impl ChartScale {
    /// A scale that has room for all values; `zero` demands that the axis begins at zero.
    fn from_values(values: impl Iterator<Item = f64>, zero: bool) -> Self {
        let mut minimum = f64::INFINITY;
        let mut maximum = f64::NEG_INFINITY;
        for value in values.filter(|value| value.is_finite()) {
            minimum = minimum.min(value);
            maximum = maximum.max(value);
        }

        if !minimum.is_finite() {
            return Self {
                minimum: 0.0,
                maximum: 1.0,
            };
        }

        // The axis begins at zero unless the range is high and narrow (minimum above 60% of the
        // maximum): only then would a zero axis hide the differences.
        if zero || (minimum >= 0.0 && minimum < maximum * 0.6) {
            minimum = minimum.min(0.0);
        }
        if maximum <= minimum {
            maximum = minimum + 1.0;
        }
        Self { minimum, maximum }
    }

    fn y_position(self, value: f64) -> f64 {
        let share = (value.clamp(self.minimum, self.maximum) - self.minimum)
            / (self.maximum - self.minimum);
        BOTTOM - share * (BOTTOM - TOP)
    }
}

fn x_position(index: usize, count: usize) -> f64 {
    if count < 2 {
        (LEFT + RIGHT) / 2.0
    } else {
        LEFT + index as f64 * (RIGHT - LEFT) / (count - 1) as f64
    }
}

/// The grid with its numbers, and the first and last name below.
fn chart_axes(
    scale: ChartScale,
    first: &str,
    last: &str,
    write: &impl Fn(f64) -> String,
) -> Markup {
    let middle = f64::midpoint(scale.minimum, scale.maximum);
    html! {
        @for value in [scale.minimum, middle, scale.maximum] {
            line.c-grid
                x1=(format_coordinate(LEFT))
                x2=(format_coordinate(RIGHT))
                y1=(format_coordinate(scale.y_position(value)))
                y2=(format_coordinate(scale.y_position(value))) {}
            text.c-label
                x=(format_coordinate(LEFT - 6.0))
                y=(format_coordinate(scale.y_position(value) + 4.0))
                text-anchor="end" {
                (write(value))
            }
        }
        line.c-axis
            x1=(format_coordinate(LEFT))
            x2=(format_coordinate(RIGHT))
            y1=(format_coordinate(BOTTOM))
            y2=(format_coordinate(BOTTOM)) {}
        text.c-label x=(format_coordinate(LEFT)) y=(format_coordinate(BOTTOM + 18.0)) { (first) }
        @if last != first {
            text.c-label
                x=(format_coordinate(RIGHT))
                y=(format_coordinate(BOTTOM + 18.0))
                text-anchor="end" {
                (last)
            }
        }
    }
}

fn chart_figure(
    title: &str,
    says: &str,
    drawing: &Markup,
    key: &Markup,
    numbers: &Markup,
) -> Markup {
    html! {
        figure.app-chart {
            figcaption { (title) }
            svg
                viewBox={ "0 0 " (format_coordinate(WIDTH)) " " (format_coordinate(HEIGHT)) }
                role="img"
                aria-label=(says)
                focusable="false" {
                (drawing)
            }
            (key)
            (details_box(&format!("Numbers: {title}"), numbers))
        }
    }
}

/// A line through the days, with a band for the usual range of the last day if it is known.
pub(super) fn line_chart(
    title: &str,
    points: &[(&str, f64)],
    expected: Option<(f64, f64)>,
    write: impl Fn(f64) -> String,
) -> Markup {
    let points = last_points(points);
    let (Some(first), Some(newest)) = (points.first(), points.last()) else {
        return html! {};
    };

    let values = points.iter().map(|(_, value)| *value);
    let bounds = expected
        .into_iter()
        .flat_map(|(minimum, maximum)| [minimum, maximum]);
    let scale = ChartScale::from_values(values.chain(bounds), false);

    let axes = chart_axes(
        scale,
        &format_short_date(first.0),
        &format_short_date(newest.0),
        &write,
    );
    let drawing = html! {
        @if let Some(expected) = expected { (usual_range_band(scale, expected, points.len())) }
        (axes)
        (line_with_dots(scale, &points))
    };
    let says = format!(
        "{title}: {} on {}, over {} days",
        write(newest.1),
        format_short_date(newest.0),
        points.len()
    );
    let numbers = numbers_by_day(title, &points, &write);
    chart_figure(
        title,
        &says,
        &drawing,
        &usual_range_legend(expected, &write),
        &numbers,
    )
}

/// A band behind the last point, from the minimum to the maximum of its usual range.
fn usual_range_band(scale: ChartScale, (minimum, maximum): (f64, f64), count: usize) -> Markup {
    let left = x_position(count - 1, count) - 10.0;
    let top = scale.y_position(maximum);

    // A range of a single value would have no height, so that readers could not see it.
    let height = (scale.y_position(minimum) - top).max(2.0);
    html! {
        rect.c-band
            x=(format_coordinate(left))
            width="20"
            y=(format_coordinate(top))
            height=(format_coordinate(height)) {}
    }
}

/// A line through the points, with a dot on each and a larger one on the last.
fn line_with_dots(scale: ChartScale, points: &[(&str, f64)]) -> Markup {
    let count = points.len();
    let places: Vec<(String, String)> = points
        .iter()
        .enumerate()
        .map(|(index, (_, value))| {
            (
                format_coordinate(x_position(index, count)),
                format_coordinate(scale.y_position(*value)),
            )
        })
        .collect();

    html! {
        path.c-line d=(line_path(&places)) {}
        @for (x, y) in places.iter().take(count - 1) { circle.c-dot cx=(x) cy=(y) r="2.5" {} }
        @for (x, y) in places.iter().skip(count - 1) { circle.c-last cx=(x) cy=(y) r="4" {} }
    }
}

/// An SVG path that moves to the first coordinates and draws a line to each of the others.
fn line_path(places: &[(String, String)]) -> String {
    let mut path = String::new();
    for (index, (x, y)) in places.iter().enumerate() {
        let letter = if index == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{letter}{x} {y}");
    }
    path
}

fn usual_range_legend(expected: Option<(f64, f64)>, write: &impl Fn(f64) -> String) -> Markup {
    html! {
        @if let Some((minimum, maximum)) = expected {
            ul.app-key {
                li {
                    (legend_swatch("c-band")) "usual range on the last day: " (write(minimum))
                    " to " (write(maximum))
                }
            }
        }
    }
}

/// The numbers of a line chart in a table, newest day first.
fn numbers_by_day(title: &str, points: &[(&str, f64)], write: &impl Fn(f64) -> String) -> Markup {
    let rows = points
        .iter()
        .rev()
        .map(|(date, value)| vec![html! { (date) }, html! { (write(*value)) }])
        .collect();
    data_table(
        &format!("{title}, by day"),
        TableWidth::Narrow,
        &[text_header("Day"), numeric_header("Number")],
        rows,
    )
}

fn legend_swatch(class: &str) -> Markup {
    html! {
        svg viewBox="0 0 10 10" aria-hidden="true" focusable="false" {
            rect class=(class) width="10" height="10" {}
        }
    }
}

/// One bar for each day, with several counts stacked on top of each other.
pub(super) fn stacked_bar_chart(title: &str, names: &[&str], days: &[(&str, Vec<f64>)]) -> Markup {
    let days = &days[days.len().saturating_sub(POINTS_MAX)..];
    let (Some(first), Some(newest)) = (days.first(), days.last()) else {
        return html! {};
    };

    let scale = ChartScale::from_values(days.iter().map(|(_, values)| values.iter().sum()), true);
    let axes = chart_axes(
        scale,
        &format_short_date(first.0),
        &format_short_date(newest.0),
        &format_decimal,
    );
    let drawing = html! {
        (axes)
        @for (index, (_, values)) in days.iter().enumerate() {
            (stacked_bar(scale, index, days.len(), values))
        }
    };

    let key = html! {
        ul.app-key {
            @for (series, name) in names.iter().enumerate() {
                li { (legend_swatch(&format!("c-{series}"))) (name) }
            }
        }
    };
    let says = format!(
        "{title}: {} on {}, over {} days",
        format_decimal(newest.1.iter().sum()),
        format_short_date(newest.0),
        days.len()
    );
    let numbers = counts_by_day(title, names.len(), days);
    chart_figure(title, &says, &drawing, &key, &numbers)
}

/// The bar of one day among `count` days. It takes 70% of the day's room, and at most 36 units.
fn stacked_bar(scale: ChartScale, index: usize, count: usize, values: &[f64]) -> Markup {
    let room = (RIGHT - LEFT) / count as f64;
    let width = (room * 0.7).min(36.0);
    let left = LEFT + (index as f64 + 0.5) * room - width / 2.0;
    html! {
        @for (series, value) in values.iter().enumerate() {
            @let below: f64 = values[..series].iter().sum();
            @let (from, to) = (scale.y_position(below), scale.y_position(below + value));
            @if *value > 0.0 {
                rect
                    class={ "c-" (series) }
                    x=(format_coordinate(left))
                    width=(format_coordinate(width))
                    y=(format_coordinate(to))
                    height=(format_coordinate(from - to)) {}
            }
        }
    }
}

/// The counts of a stacked chart in a table, newest day first.
fn counts_by_day(title: &str, series: usize, days: &[(&str, Vec<f64>)]) -> Markup {
    let mut heads = vec![text_header("Day")];
    let outcomes = ["Refined", "Ignored", "Quarantined"].map(numeric_header);
    heads.extend(outcomes.iter().take(series));

    let rows = days
        .iter()
        .rev()
        .map(|(date, values)| {
            let counts = values
                .iter()
                .map(|value| html! { (format_decimal(*value)) });
            std::iter::once(html! { (date) }).chain(counts).collect()
        })
        .collect();
    data_table(
        &format!("{title}, by day"),
        TableWidth::Narrow,
        &heads,
        rows,
    )
}

/// Records by minute of a day as bars, and by hour in the table below.
pub(super) fn minute_chart<'m>(
    title: &str,
    minutes: impl Iterator<Item = (&'m u16, &'m u64)> + Clone,
) -> Markup {
    let busiest = minutes
        .clone()
        .max_by_key(|(minute, count)| (**count, u16::MAX - **minute));
    let Some((busiest, highest)) = busiest else {
        return html! {};
    };

    let scale = ChartScale::from_values(std::iter::once(*highest as f64), true);
    let bars = minute_bars(scale, minutes.clone());
    let drawing =
        html! { (chart_axes(scale, "00:00", "24:00", &format_decimal)) path.c-bar d=(bars) {} };

    let says = format!(
        "{title}: {} in the busiest minute, {} UTC",
        format_thousands(*highest),
        format_minute_of_day(i64::from(*busiest))
    );
    let key = html! { p.app-small.app-muted { (says) "." } };
    chart_figure(
        title,
        &says,
        &drawing,
        &key,
        &counts_by_hour(title, minutes),
    )
}

/// An SVG path with one bar for each minute, at least one unit high.
fn minute_bars<'m>(scale: ChartScale, minutes: impl Iterator<Item = (&'m u16, &'m u64)>) -> String {
    let mut path = String::new();
    for (minute, count) in minutes {
        let left = LEFT + f64::from(*minute) * (RIGHT - LEFT) / 1_440.0;
        let top = scale.y_position(*count as f64).min(BOTTOM - 1.0);
        let _ = write!(
            path,
            "M{} {}H{}V{}H{}z",
            format_coordinate(left),
            format_coordinate(BOTTOM),
            format_coordinate(left + 1.2),
            format_coordinate(top),
            format_coordinate(left)
        );
    }
    path
}

/// The records of each hour in a table, without empty hours.
fn counts_by_hour<'m>(title: &str, minutes: impl Iterator<Item = (&'m u16, &'m u64)>) -> Markup {
    let mut hours = [0u64; 24];
    for (minute, count) in minutes {
        if let Some(hour) = hours.get_mut(usize::from(*minute) / 60) {
            *hour += count;
        }
    }

    let rows = hours
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
        .map(|(hour, count)| {
            let hour = format!("{hour:02}:00");
            vec![html! { (hour) }, html! { (format_thousands(*count)) }]
        })
        .collect();
    data_table(
        &format!("{title}, by hour; hours without records are left out"),
        TableWidth::Narrow,
        &[text_header("Hour from"), numeric_header("Records")],
        rows,
    )
}

/// A small line without numbers, to stand next to a figure.
pub(super) fn sparkline_svg(says: &str, points: &[(&str, f64)]) -> Markup {
    let points = last_points(points);
    if points.len() < 2 {
        return html! {};
    }

    let scale = ChartScale::from_values(points.iter().map(|(_, value)| *value), false);
    let last = (points.len() - 1) as f64;
    let places: Vec<(String, String)> = points
        .iter()
        .enumerate()
        .map(|(index, (_, value))| {
            let across = 3.0 + index as f64 * 90.0 / last;
            let down = 3.0 + (scale.y_position(*value) - TOP) * 18.0 / (BOTTOM - TOP);
            (format_coordinate(across), format_coordinate(down))
        })
        .collect();
    html! {
        svg.app-spark viewBox="0 0 96 24" role="img" aria-label=(says) focusable="false" {
            path.c-line d=(line_path(&places)) {}
        }
    }
}

#[cfg(test)]
mod tests;
