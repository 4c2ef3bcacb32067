//! What was observed beside what was to be expected.

use maud::{Markup, html};

use super::govuk::{Colour, Width, details, numeric, table, tag, text};
use super::text::{counted, measured, metric, sentence};
use crate::report::{Trend, TrendState};

pub(super) fn state(state: TrendState) -> Markup {
    match state {
        TrendState::Usual => tag(Colour::Green, "Usual"),
        TrendState::Unusual => tag(Colour::Yellow, "Unusual"),
        TrendState::Young => tag(Colour::Grey, "Too few days"),
        TrendState::Acknowledged => tag(Colour::Purple, "Explained"),
    }
}

/// The expected range in words.
pub(super) fn expected(trend: &Trend) -> String {
    let Some((least, greatest)) = trend.expected else {
        return "not known yet".into();
    };
    let (least, greatest) = (
        measured(&trend.metric, least),
        measured(&trend.metric, greatest),
    );
    if least == greatest {
        least
    } else {
        format!("{least} to {greatest}")
    }
}

/// What a metric is of, in words.
pub(super) fn name(trend: &Trend) -> Markup {
    html! { (metric(&trend.metric)) @if let Some(column) = &trend.column { ", " code { (column) } } }
}

/// The address of what a trend is about, from the site's root.
pub(super) fn address(dataset: &str) -> String {
    format!("{dataset}.html")
}

/// Trends in a table, those that need a look first. What is usual of single columns, or too young to tell, is folded away: a
/// table has some sixty of them.
pub(super) fn table_of(caption: &str, mut trends: Vec<&Trend>, root: Option<&str>) -> Markup {
    let rank = |trend: &&Trend| match trend.state {
        TrendState::Unusual => 0,
        TrendState::Acknowledged => 1,
        TrendState::Usual => 2,
        TrendState::Young => 3,
    };
    trends.sort_by_key(rank);
    let (open, folded): (Vec<_>, Vec<_>) = trends
        .into_iter()
        .partition(|trend| trend.column.is_none() || rank(trend) < 2);
    html! {
        (rows(caption, &open, root))
        @if !folded.is_empty() {
            @let summary = format!("{} of single columns", counted(folded.len() as u64, "number"));
            (details(&summary, &rows(&format!("{caption}, of single columns"), &folded, root)))
        }
    }
}

fn rows(caption: &str, trends: &[&Trend], root: Option<&str>) -> Markup {
    let heads = [
        text("Metric"),
        text("State"),
        numeric("Observed"),
        numeric("Expected"),
        text("Compared with"),
        text("Dimension"),
    ];
    table(
        caption,
        Width::Wide,
        &heads,
        trends.iter().map(|trend| row(trend, root)).collect(),
    )
}

fn row(trend: &Trend, root: Option<&str>) -> Vec<Markup> {
    let compared = match trend.compared {
        0 => "no earlier day of its kind".to_owned(),
        days => counted(days as u64, "earlier day"),
    };
    let of = trend
        .dataset
        .split_once('/')
        .map_or(trend.dataset.as_str(), |(_, name)| name);
    vec![
        html! { @if let Some(root) = root { a.govuk-link href={ (root) (address(&trend.dataset)) } { (of) } ": " } (name(trend)) },
        state(trend.state),
        html! { (measured(&trend.metric, trend.observed)) },
        html! { (expected(trend)) },
        html! { (compared) },
        html! { (sentence(&trend.dimension)) },
    ]
}
