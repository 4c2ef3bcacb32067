//! Observed figures next to their usual ranges.

use maud::{Markup, html};

use super::govuk::{
    Colour, TableWidth, coloured_tag, data_table, details_box, numeric_header, text_header,
};
use super::text::{capitalise_first, count_with_noun, format_metric_value, metric_label};
use crate::report::{Trend, TrendState};

pub(super) fn trend_state_tag(state: TrendState) -> Markup {
    match state {
        TrendState::Usual => coloured_tag(Colour::Green, "Usual"),
        TrendState::Unusual => coloured_tag(Colour::Yellow, "Unusual"),
        TrendState::Young => coloured_tag(Colour::Grey, "Too few days"),
        TrendState::Acknowledged => coloured_tag(Colour::Purple, "Explained"),
    }
}

/// Describes the usual range of a figure.
pub(super) fn format_expected_range(trend: &Trend) -> String {
    let Some((minimum, maximum)) = trend.expected else {
        return "not known yet".into();
    };

    let minimum = format_metric_value(&trend.metric, minimum);
    let maximum = format_metric_value(&trend.metric, maximum);
    if minimum == maximum {
        minimum
    } else {
        format!("{minimum} to {maximum}")
    }
}

/// Names a trend's metric, and its column if it has one.
pub(super) fn trend_label(trend: &Trend) -> Markup {
    html! {
        (metric_label(&trend.metric))
        @if let Some(column) = &trend.column { ", " code { (column) } }
    }
}

/// The page of a trend's dataset, from the site's root.
pub(super) fn dataset_page_href(dataset: &str) -> String {
    format!("{dataset}.html")
}

/// Trends in a table, unusual ones first. A table has about sixty trends of single columns: those
/// that are usual or have too few days are folded away.
pub(super) fn render_trends(caption: &str, mut trends: Vec<&Trend>, root: Option<&str>) -> Markup {
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
        (render_trend_table(caption, &open, root))
        @if !folded.is_empty() {
            @let figures = count_with_noun(folded.len() as u64, "figure");
            @let summary = format!("{figures} of single columns");
            (details_box(
                &summary,
                &render_trend_table(&format!("{caption}, of single columns"), &folded, root),
            ))
        }
    }
}

fn render_trend_table(caption: &str, trends: &[&Trend], root: Option<&str>) -> Markup {
    let heads = [
        text_header("Metric"),
        text_header("State"),
        numeric_header("Observed"),
        numeric_header("Usual range"),
        text_header("Compared with"),
        text_header("Dimension"),
    ];
    data_table(
        caption,
        TableWidth::Wide,
        &heads,
        trends.iter().map(|trend| trend_row(trend, root)).collect(),
    )
}

fn trend_row(trend: &Trend, root: Option<&str>) -> Vec<Markup> {
    let compared = match trend.compared {
        0 => "no comparable day".to_owned(),
        days => count_with_noun(days as u64, "earlier day"),
    };
    let dataset_name = trend
        .dataset
        .split_once('/')
        .map_or(trend.dataset.as_str(), |(_, name)| name);
    vec![
        html! {
            @if let Some(root) = root {
                a.govuk-link href={ (root) (dataset_page_href(&trend.dataset)) } { (dataset_name) }
                ": "
            }
            (trend_label(trend))
        },
        trend_state_tag(trend.state),
        html! { (format_metric_value(&trend.metric, trend.observed)) },
        html! { (format_expected_range(trend)) },
        html! { (compared) },
        html! { (capitalise_first(&trend.dimension)) },
    ]
}
