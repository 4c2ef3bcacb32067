//! Charts over synthetic series.

use super::*;

#[test]
fn a_chart_has_its_numbers_beside_it_and_the_same_bytes_each_time() {
    let points = [
        ("2026-03-01", 10.0),
        ("2026-03-02", 30.0),
        ("2026-03-03", 20.0),
    ];
    let draw = || line_chart("Rows", &points, Some((5.0, 25.0)), format_decimal).into_string();
    let drawn = draw();
    assert_eq!(drawn, draw());
    assert!(
        drawn.contains("M56.0 86.0L254.0 10.0L452.0 48.0"),
        "{drawn}"
    );
    assert!(drawn.contains("<td class=\"govuk-table__cell govuk-table__cell--numeric\">30</td>"));
    assert!(drawn.contains("usual range on the last day: 5 to 25"));
    assert!(!drawn.contains("style="), "the policy forbids it");
    assert_eq!(
        line_chart("Rows", &[], None, format_decimal).into_string(),
        ""
    );
}

#[test]
fn odd_series_are_drawn_without_harm() {
    for points in [
        vec![("2026-03-01", 0.0)],
        vec![("a", f64::NAN), ("b", 1.0)],
        vec![("a", 7.0), ("b", 7.0)],
    ] {
        let drawn = line_chart("Odd", &points, None, format_decimal).into_string();
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    }
    let many: Vec<(String, f64)> = (0..400)
        .map(|day| (format!("2026-{day}"), f64::from(day)))
        .collect();
    let many: Vec<(&str, f64)> = many
        .iter()
        .map(|(day, value)| (day.as_str(), *value))
        .collect();
    assert_eq!(
        line_chart("Many", &many, None, format_decimal)
            .into_string()
            .matches("<circle")
            .count(),
        POINTS_MAX
    );
}

#[test]
fn minutes_are_summed_by_hour() {
    let counts = std::collections::BTreeMap::from([(0u16, 3u64), (59, 4), (1_439, 10)]);
    let drawn = minute_chart("Records a minute", counts.iter()).into_string();
    assert!(
        drawn.contains("10 in the busiest minute, 23:59 UTC"),
        "{drawn}"
    );
    assert!(
        drawn.contains(
            "00:00</th><td class=\"govuk-table__cell govuk-table__cell--numeric\">7</td>"
        ),
        "{drawn}"
    );
}
