//! The page of a table.

use std::collections::BTreeSet;

use contract::{Catalogue, Demand, Plan, TableContract, Target};
use lake::{Manifest, RuleResult};
use maud::{Markup, html};

use super::chart::line;
use super::dimension::{self, State, critical, scores, worst};
use super::govuk::{
    Colour, Figure, Frame, Part, Width, code, details, figures, sections, summary_list, table, tag,
    text,
};
use super::query::examples;
use super::schemas::Change;
use super::text::{counted, date, instant, measured, number, sentence, stopped, thousands};
use super::{Edition, columns, trend};

/// What a table's page is made of.
struct View<'v> {
    edition: &'v Edition<'v>,
    table: &'v TableContract,
    manifest: Option<&'v Manifest>,
    dataset: String,
}

pub(super) fn page(edition: &Edition<'_>, of: &TableContract) -> Vec<u8> {
    let manifest = edition.report.tables.get(&of.name);
    let view = View {
        edition,
        table: of,
        manifest,
        dataset: format!("table/{}", of.name),
    };
    let body = html! {
        span.app-kicker { "Table, family " (of.family.name()) }
        div.app-title { h1.govuk-heading-l { (of.name) } (state_tag(manifest)) }
        p.app-lead { (stopped(&of.meaning)) }
        (view.headline())
        (sections(&[
            ("what", "What it is and who to ask", view.about()),
            ("fresh", "How fresh it is", view.freshness()),
            ("quality", "Quality", view.quality()),
            ("history", "History", view.history()),
            ("columns", "Columns", columns::section(edition, of, manifest)),
            ("sample", "Sample rows", columns::samples(edition, of)),
            ("query", "How to query it", view.queries()),
            ("links", "Links to other tables", view.links()),
            ("lineage", "Where it comes from", view.lineage()),
            ("changes", "Changes of its columns", view.changes()),
            ("contract", "Contract", view.contract()),
        ]))
    };
    let frame = Frame {
        title: &of.name,
        summary: &of.meaning,
        part: Part::Tables,
        depth: 1,
        below: true,
        script: false,
    };
    frame.page(&body)
}

/// How a table stands, in a word.
pub(super) fn state_tag(manifest: Option<&Manifest>) -> Markup {
    match manifest {
        None => tag(Colour::Grey, "No snapshot"),
        Some(manifest) if !manifest.passed => tag(Colour::Red, "Held back"),
        Some(manifest) if manifest.rows == 0 => tag(Colour::Grey, "Empty"),
        Some(manifest) => State::of(manifest.rules.iter().map(|rule| rule.verdict)).tag(),
    }
}

impl View<'_> {
    fn rules(&self) -> Vec<(Option<&TableContract>, &RuleResult)> {
        let rules = self
            .manifest
            .into_iter()
            .flat_map(|manifest| &manifest.rules);
        rules.map(|rule| (Some(self.table), rule)).collect()
    }

    fn passing(&self) -> Option<&str> {
        self.edition
            .passing
            .get(&self.table.name)
            .map(String::as_str)
    }

    fn headline(&self) -> Markup {
        let Some(manifest) = self.manifest else {
            return html! { div.govuk-inset-text { "There is no snapshot of " (date(&self.edition.report.date)) ". The table fills when a source sends what is mapped to it." } };
        };
        let (met, all) = critical(manifest.rules.iter());
        let rules = self.rules();
        let scores = scores(&rules);
        let worst = worst(&scores);
        let passing = self.passing();
        figures(vec![
            Figure {
                name: "Rows",
                number: thousands(manifest.rows),
                note: html! { (thousands(manifest.inserted)) " new, " (thousands(manifest.updated)) " changed, " (thousands(manifest.deleted)) " gone" },
                colour: Colour::Blue,
            },
            Figure {
                name: "Critical rules met",
                number: format!("{met} of {all}"),
                note: html! { @if met == all { "The day was made current" } @else { "The day is held back" } },
                colour: if met == all {
                    Colour::Green
                } else {
                    Colour::Red
                },
            },
            Figure {
                name: "Worst dimension",
                number: worst.map_or_else(|| "None".into(), |score| sentence(score.name)),
                note: html! { @if let Some(score) = worst { (score.met()) " of " (counted(score.rules.len() as u64, "rule")) " met" } @else { "Every rule is met" } },
                colour: worst.map_or(Colour::Green, |score| score.state().colour()),
            },
            Figure {
                name: "Last passing snapshot",
                number: passing.map_or_else(|| "None yet".into(), date),
                note: html! { "Last updated " (date(&manifest.date)) },
                colour: if manifest.passed {
                    Colour::Green
                } else {
                    Colour::Red
                },
            },
        ])
    }

    fn about(&self) -> Markup {
        let about = &self.table.about;
        let personal = self
            .table
            .columns
            .iter()
            .filter(|column| column.personal)
            .count();
        let mut facts = vec![("Purpose", html! { (stopped(&about.purpose)) })];
        if !about.usage.is_empty() {
            facts.push(("Use", html! { (stopped(&about.usage)) }));
        }
        if !about.limitations.is_empty() {
            facts.push(("Known limits", html! { (stopped(&about.limitations)) }));
        }
        facts.push(("Owner", html! { (about.owner) }));
        facts.push(("Who to ask", asking(about)));
        facts.push(("Access", access(about)));
        facts.push(("Classification", html! {
            (about.security) @if personal > 0 { ". " (counted(personal as u64, "column")) " of " (self.table.columns.len()) " hold people's data" }
        }));
        if !about.links.is_empty() {
            facts.push(("Documents", documents(about)));
        }
        facts.push((
            "For machines",
            html! { a.govuk-link href={ (self.table.name) ".json" } { "This page as JSON" } },
        ));
        summary_list(facts)
    }

    fn freshness(&self) -> Markup {
        let Some(manifest) = self.manifest else {
            return html! { p.govuk-body { "Nothing to tell without a snapshot." } };
        };
        let promise = self.table.about.promise("frequency");
        let mut facts = vec![
            (
                "Last updated",
                html! { (date(&manifest.date)) ", the end of the day, UTC" },
            ),
            (
                "Last passing snapshot",
                html! {
                    @match self.passing() {
                        Some(day) => { (date(day)) @if !manifest.passed { ": readers see this one, and " (date(&manifest.date)) " is held back" } },
                        None => "None yet",
                    }
                },
            ),
            (
                "Newest event in it",
                html! { @match manifest.newest_event { Some(micros) => (instant(micros)), None => "None" } },
            ),
            (
                "Built on",
                html! { @match &manifest.base { Some(base) => (date(base)), None => "Nothing: it is the first day" } },
            ),
        ];
        if let Some(promise) = promise {
            let says = self
                .table
                .about
                .service_levels
                .iter()
                .find(|level| level.property == "frequency");
            let says = says.and_then(|level| level.description.clone());
            facts.push((
                "Promised",
                html! { "Every " @if promise == "1 d" { "day" } @else { (promise) } @if let Some(says) = says { ". " (stopped(&says)) } },
            ));
        }
        summary_list(facts)
    }

    fn quality(&self) -> Markup {
        let rules = self.rules();
        let scores = scores(&rules);
        let mine: Vec<_> = self
            .edition
            .report
            .trends
            .iter()
            .filter(|trend| trend.dataset == self.dataset)
            .collect();
        let root = "../";
        html! {
            (dimension::table_of("The six dimensions", &scores, |name| dimension::trend(self.edition, &self.dataset, name)))
            @if !rules.is_empty() { (dimension::rules(&scores)) }
            h3.govuk-heading-s { "Beside what is usual" }
            @if mine.is_empty() { p.govuk-body { "Nothing is compared with earlier days yet." } }
            @else { (trend::table_of("Observed beside the expected range", mine, None)) }
            p.govuk-body.app-small { a.govuk-link href={ (root) "about.html" } { "What the dimensions and states mean" } }
        }
    }

    fn history(&self) -> Markup {
        let series = |metric: &str| self.edition.history.series(&self.dataset, "", metric);
        let expected = |metric: &str| {
            let whole = self
                .edition
                .report
                .trends
                .iter()
                .filter(|trend| trend.dataset == self.dataset && trend.column.is_none());
            whole
                .filter(|trend| trend.metric == metric)
                .find_map(|trend| trend.expected)
        };
        let chart = |title: &str, metric: &str| {
            line(title, &series(metric), expected(metric), |value| {
                if metric == "freshness_hours" {
                    number(value)
                } else {
                    measured(metric, value)
                }
            })
        };
        let known = ["rows", "changed_rows", "freshness_hours"]
            .iter()
            .any(|metric| !series(metric).is_empty());
        html! {
            @if known {
                div.app-charts {
                    (chart("Rows", "rows"))
                    (chart("Rows that changed", "changed_rows"))
                    (chart("Hours since the newest event, at the end of the day", "freshness_hours"))
                }
            } @else { p.govuk-body { "Charts begin with the second day." } }
        }
    }

    fn queries(&self) -> Markup {
        let Some(manifest) = self.manifest else {
            return html! { p.govuk-body { "There is nothing to query yet." } };
        };
        let shown = examples(
            self.table,
            manifest,
            self.edition.catalogue,
            self.edition.place,
        );
        html! {
            p.govuk-body.app-measure {
                "Glue's " code { (self.edition.place.database(self.table)) "." (self.table.name) } " is the newest day that passed, "
                code { (self.table.name) "_history" } " every kept day. Examples are run by the platform's tests."
            }
            @for example in shown {
                h3.govuk-heading-s { (example.title) span.app-muted { ", " (example.engine) } }
                (code(&format!("Query: {}", example.title), &example.sql, false))
            }
        }
    }

    fn links(&self) -> Markup {
        let found = relations(self.edition.catalogue, &self.table.name);
        let row = |(says, other): (String, String)| {
            vec![
                html! { a.govuk-link href={ (other) ".html" } { (other) } },
                html! { (says) },
            ]
        };
        html! {
            @if found.is_empty() { p.govuk-body { "No rule of the contracts ties it to another table. Rows of any two tables are joined by the table " a.govuk-link href="link.html" { "link" } "." } }
            @else { (table("Tables that it is tied to, by the contracts' rules", Width::Narrow, &[text("Table"), text("How")], found.into_iter().map(row).collect())) }
        }
    }

    fn lineage(&self) -> Markup {
        let plans: Vec<&Plan> = fed_by(self.edition.catalogue, &self.table.name);
        let source = |plan: &&Plan| {
            let contract = &plan.contract;
            vec![
                html! { a.govuk-link href={ "../source/" (contract.name) ".html" } { (contract.name) } },
                html! { (stopped(&contract.purpose)) },
                html! { (contract.owner) },
            ]
        };
        let filled = |column: &contract::Column| {
            let lines = lineage(&self.table.name, &column.name, self.edition.catalogue);
            (!lines.is_empty()).then(|| {
                vec![
                    html! { code { (column.name) } },
                    html! { ul { @for line in lines { li { code { (line) } } } } },
                ]
            })
        };
        let rows: Vec<Vec<Markup>> = self.table.columns.iter().filter_map(filled).collect();
        html! {
            @if plans.is_empty() { p.govuk-body { "No source fills it: it is made of other tables, or waits for its first source." } }
            @else {
                (table("Sources that fill it", Width::Narrow, &[text("Source"), text("What it is"), text("Owner")], plans.iter().map(source).collect()))
                (details("From field to column", &table("Fields of the sources, by column", Width::Wide, &[text("Column"), text("Source and field")], rows)))
            }
        }
    }

    fn changes(&self) -> Markup {
        let known = self.edition.schemas.of(&self.table.name);
        let row = |change: &Change| {
            vec![
                html! { (date(&change.date)) },
                html! { (change.version) },
                html! { @if change.breaks() { (tag(Colour::Red, "Breaks readers")) } @else { (tag(Colour::Green, "Safe for readers")) } },
                html! { (what_changed(change)) },
            ]
        };
        let heads = [
            text("First day"),
            text("Version"),
            text("For readers"),
            text("What changed"),
        ];
        html! {
            @if let Some(known) = known { (table("Versions of the contract, newest first", Width::Wide, &heads, known.changes.iter().map(row).collect())) }
            @else { p.govuk-body { "None is known." } }
        }
    }

    fn contract(&self) -> Markup {
        html! {
            p.govuk-body { "Version " (self.table.version) ", " (self.table.about.status) ", in the Open Data Contract Standard." }
            (details("The contract's text", &code("The contract's text", &self.table.about.text, true)))
        }
    }
}

fn what_changed(change: &Change) -> String {
    let parts = [
        ("Added", &change.added),
        ("Removed", &change.removed),
        ("Another type", &change.retyped),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(word, names)| format!("{word}: {}.", names.join(", ")))
        .collect();
    if told.is_empty() {
        "First seen here, or the same columns with other rules or texts.".into()
    } else {
        told.join(" ")
    }
}

/// Where to ask about data.
pub(super) fn asking(about: &contract::About) -> Markup {
    html! {
        @for support in &about.support {
            p {
                @match support.url.as_deref().filter(|url| is_address(url)) {
                    Some(url) => a.govuk-link href=(url) { (support.channel) },
                    None => (support.channel),
                }
                @if let Some(says) = &support.description { br; span.app-muted { (stopped(says)) } }
            }
        }
        @if about.support.is_empty() { "The contract names no channel: ask the owner, " (about.owner) }
    }
}

fn access(about: &contract::About) -> Markup {
    html! {
        @for role in &about.roles {
            p {
                "Role " code { (role.role) } @if let Some(says) = &role.description { ": " (stopped(says)) }
                @if let Some(who) = &role.first_level_approvers { " Granted by " (stopped(who)) }
            }
        }
        @if about.roles.is_empty() { "The contract names no role: ask the owner" }
    }
}

fn documents(about: &contract::About) -> Markup {
    html! {
        @for (kind, url) in &about.links {
            p {
                @if is_address(url) { a.govuk-link href=(url) { (document(kind)) } } @else { (document(kind)) ": " (url) }
            }
        }
    }
}

fn document(kind: &str) -> String {
    match kind {
        "dpia" => "Data protection impact assessment".into(),
        other => sentence(other),
    }
}

/// Whether a contract's address may be followed: it must not run a script.
fn is_address(url: &str) -> bool {
    ["https://", "http://", "mailto:"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}

/// The sources whose events can fill a table.
pub(super) fn fed_by<'c>(catalogue: &'c Catalogue, table: &str) -> Vec<&'c Plan> {
    let fills = |plan: &&Plan| {
        plan.tables()
            .iter()
            .any(|place| catalogue.tables[*place].name == table)
    };
    catalogue.plans.iter().filter(fills).collect()
}

/// `source: path` of every mapping that fills the column.
pub(super) fn lineage(table: &str, column: &str, catalogue: &Catalogue) -> Vec<String> {
    let mut lines = BTreeSet::new();
    for plan in &catalogue.plans {
        for (place, name, paths) in plan.lineage() {
            if catalogue.tables[place].name == table && name == column {
                lines.extend(
                    paths
                        .iter()
                        .map(|path| format!("{}: {path}", plan.contract.name)),
                );
            }
        }
    }
    lines.into_iter().collect()
}

/// How the contracts' rules tie a table to others, as (how, other table).
pub(super) fn relations(catalogue: &Catalogue, name: &str) -> Vec<(String, String)> {
    let mut found = BTreeSet::new();
    for table in &catalogue.tables {
        for rule in &table.rules {
            let mut ties = Vec::new();
            tied(&rule.demand, &mut ties);
            for (how, other) in ties {
                if table.name == name && other != name {
                    found.insert((how.clone(), other.clone()));
                } else if other == name && table.name != name {
                    found.insert((
                        format!("Of {}: {}", table.name, how.to_lowercase()),
                        table.name.clone(),
                    ));
                }
            }
        }
    }
    let mut found: Vec<(String, String)> = found
        .into_iter()
        .filter(|(_, other)| catalogue.table(other).is_some())
        .collect();
    found.sort_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));
    found
}

fn tied(demand: &Demand, found: &mut Vec<(String, String)>) {
    match demand {
        Demand::References(column, Target::Table(table)) => {
            found.push((
                format!("{column} is the pole_id of a row there"),
                table.clone(),
            ));
        }
        Demand::Linked(tables) => {
            found.extend(
                tables
                    .iter()
                    .map(|table| ("Rows are linked to rows there".to_owned(), table.clone())),
            );
        }
        Demand::If(_, _, then) => tied(then, found),
        Demand::All(all) => all.iter().for_each(|demand| tied(demand, found)),
        _ => {}
    }
}
