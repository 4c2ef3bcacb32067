//! Patterns of the GOV.UK Design System: the page's frame, tables, summary lists, details, tags.

use maud::{DOCTYPE, Markup, html};

/// Lets a browser load the site's own stylesheet, script and images only. Browsers obey
/// `frame-ancestors` only in a header, so the site's distribution sends this policy as one too.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src \
    'self'; img-src 'self'; base-uri 'none'; form-action 'self'";

/// The parts of the site, as the navigation names them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SitePart {
    Overview,
    Tables,
    Sources,
    Days,
    About,
}

const SITE_PARTS: [(SitePart, &str, &str); 5] = [
    (SitePart::Overview, "index.html", "Overview"),
    (SitePart::Tables, "tables.html", "Tables"),
    (SitePart::Sources, "sources.html", "Sources"),
    (SitePart::Days, "days.html", "Days"),
    (SitePart::About, "about.html", "How to read this"),
];

/// The frame around a page's text: title, navigation, breadcrumbs, footer.
pub(super) struct PageLayout<'f> {
    /// The page's title.
    pub(super) title: &'f str,
    /// A sentence that summarises the page, for search results.
    pub(super) summary: &'f str,
    /// The part that it belongs to.
    pub(super) part: SitePart,
    /// Folders between the site's root and the page.
    pub(super) depth: usize,
    /// Whether the page is below its part's own page, and so needs breadcrumbs.
    pub(super) is_subpage: bool,
    /// Whether the page loads the script that filters lists.
    pub(super) script: bool,
}

impl PageLayout<'_> {
    fn root_path(&self) -> String {
        "../".repeat(self.depth)
    }

    /// The whole page.
    pub(super) fn render_page(&self, body: &Markup) -> Vec<u8> {
        let root = self.root_path();
        let markup = html! {
            (DOCTYPE)
            html.govuk-template lang="en-GB" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta http-equiv="Content-Security-Policy" content=(CONTENT_SECURITY_POLICY);
                    meta name="referrer" content="no-referrer";
                    meta name="robots" content="noindex";
                    meta name="description" content=(self.summary);
                    title { (self.title) " - polelake" }
                    link rel="icon" href={ (root) "icon.svg" } type="image/svg+xml";
                    link rel="stylesheet" href={ (root) "site.css" };
                    @if self.script { script src={ (root) "search.js" } defer {} }
                }
                body.govuk-template__body {
                    a.govuk-skip-link href="#main-content" { "Skip to main content" }
                    (self.render_header())
                    div.govuk-width-container {
                        (self.render_breadcrumbs())
                        main.govuk-main-wrapper id="main-content" tabindex="-1" { (body) }
                    }
                    (self.render_footer())
                }
            }
        };
        markup.into_string().into_bytes()
    }

    fn render_header(&self) -> Markup {
        let root = self.root_path();
        html! {
            header.govuk-template__header {
                div.govuk-generic-header {
                    div.govuk-generic-header__container.govuk-width-container {
                        div.govuk-generic-header__logo {
                            a.govuk-generic-header__homepage-link href={ (root) "index.html" } {
                                "polelake catalogue"
                            }
                        }
                    }
                }
                div.govuk-service-navigation {
                    div.govuk-width-container {
                        div.govuk-service-navigation__container {
                            nav.govuk-service-navigation__wrapper aria-label="Menu" {
                                ul.govuk-service-navigation__list {
                                    @for (part, href, name) in SITE_PARTS {
                                        (self.navigation_item(part, &format!("{root}{href}"), name))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn navigation_item(&self, part: SitePart, href: &str, name: &str) -> Markup {
        let here = part == self.part;
        let current = if self.is_subpage { "true" } else { "page" };
        html! {
            li.govuk-service-navigation__item.govuk-service-navigation__item--active[here] {
                a.govuk-service-navigation__link
                    href=(href)
                    aria-current=[here.then_some(current)] {
                    (name)
                }
            }
        }
    }

    fn render_breadcrumbs(&self) -> Markup {
        let root = self.root_path();
        let part = SITE_PARTS.iter().find(|(part, ..)| *part == self.part);
        html! {
            @if let Some((_, href, name)) = part.filter(|_| self.is_subpage) {
                nav.govuk-breadcrumbs aria-label="Breadcrumb" {
                    ol.govuk-breadcrumbs__list {
                        li.govuk-breadcrumbs__list-item {
                            a.govuk-breadcrumbs__link href={ (root) "index.html" } { "Overview" }
                        }
                        li.govuk-breadcrumbs__list-item {
                            a.govuk-breadcrumbs__link href={ (root) (href) } { (name) }
                        }
                        li.govuk-breadcrumbs__list-item aria-current="page" { (self.title) }
                    }
                }
            }
        }
    }

    fn render_footer(&self) -> Markup {
        let root = self.root_path();
        html! {
            footer.govuk-footer {
                div.govuk-width-container.app-footer {
                    "Pages show counts and contracts, and no value of a record. Days end at \
                     midnight UTC. Machine-readable: "
                    a.govuk-link href={ (root) "catalogue.jsonld" } { "DCAT catalogue" } ", "
                    a.govuk-link href={ (root) "datapackage.json" } { "data package" } "."
                }
            }
        }
    }
}

/// A column's head.
#[derive(Clone, Copy)]
pub(super) struct HeaderCell(&'static str, bool);

/// The head of a column of texts.
pub(super) const fn text_header(name: &'static str) -> HeaderCell {
    HeaderCell(name, false)
}

/// The head of a column of numbers.
pub(super) const fn numeric_header(name: &'static str) -> HeaderCell {
    HeaderCell(name, true)
}

/// How much room a table needs. A wide table scrolls in its own box on a small screen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TableWidth {
    Narrow,
    Wide,
    Wider,
}

/// A table. The first cell of a row is its head.
pub(super) fn data_table(
    caption: &str,
    width: TableWidth,
    heads: &[HeaderCell],
    rows: Vec<Vec<Markup>>,
) -> Markup {
    let class = match width {
        TableWidth::Narrow => "govuk-table app-table app-narrow",
        TableWidth::Wide => "govuk-table app-table app-wide",
        TableWidth::Wider => "govuk-table app-table app-wider",
    };
    let cell = |index: usize, cell: Markup| {
        let numeric = heads.get(index).is_some_and(|head| head.1);
        html! {
            @if index == 0 {
                th.govuk-table__header.govuk-table__header--numeric[numeric] scope="row" { (cell) }
            } @else { td.govuk-table__cell.govuk-table__cell--numeric[numeric] { (cell) } }
        }
    };
    let table = html! {
        table class=(class) {
            caption.govuk-table__caption { (caption) }
            thead.govuk-table__head {
                tr.govuk-table__row {
                    @for head in heads {
                        th.govuk-table__header.govuk-table__header--numeric[head.1] scope="col" {
                            (head.0)
                        }
                    }
                }
            }
            tbody.govuk-table__body {
                @for row in rows {
                    tr.govuk-table__row {
                        @for (index, content) in row.into_iter().enumerate() {
                            (cell(index, content))
                        }
                    }
                }
            }
        }
    };
    html! {
        @if width == TableWidth::Narrow { (table) }
        @else { div.app-scroll role="region" aria-label=(caption) tabindex="0" { (table) } }
    }
}

/// Facts, each with its name.
pub(super) fn summary_list(facts: Vec<(&str, Markup)>) -> Markup {
    html! {
        dl.govuk-summary-list {
            @for (name, fact) in facts {
                div.govuk-summary-list__row {
                    dt.govuk-summary-list__key { (name) }
                    dd.govuk-summary-list__value { (fact) }
                }
            }
        }
    }
}

/// Content that a reader opens with a click.
pub(super) fn details_box(summary: &str, body: &Markup) -> Markup {
    html! {
        details.govuk-details {
            summary.govuk-details__summary { span.govuk-details__summary-text { (summary) } }
            div.govuk-details__text { (body) }
        }
    }
}

/// The colour of a tag. The word is always printed: colour alone must not carry meaning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Colour {
    Green,
    Grey,
    Blue,
    Purple,
    Yellow,
    Red,
}

/// A word in a coloured box.
pub(super) fn coloured_tag(colour: Colour, word: &str) -> Markup {
    let class = match colour {
        Colour::Green => "govuk-tag govuk-tag--green",
        Colour::Grey => "govuk-tag govuk-tag--grey",
        Colour::Blue => "govuk-tag",
        Colour::Purple => "govuk-tag govuk-tag--purple",
        Colour::Yellow => "govuk-tag govuk-tag--yellow",
        Colour::Red => "govuk-tag govuk-tag--red",
    };
    html! { strong class=(class) { (word) } }
}

/// Text to copy, in a box that the keyboard can reach.
pub(super) fn code_block(label: &str, text: &str, long: bool) -> Markup {
    html! {
        pre.app-code.app-code--long[long] role="region" aria-label=(label) tabindex="0" {
            code { (text) }
        }
    }
}

/// A headline figure with its name and a note.
pub(super) struct KeyFigure {
    pub(super) name: &'static str,
    pub(super) number: String,
    pub(super) note: Markup,
    pub(super) colour: Colour,
}

/// Figures in a row.
pub(super) fn key_figures(figures: Vec<KeyFigure>) -> Markup {
    html! {
        dl.app-figures {
            @for figure in figures {
                div class={ "app-figure " (figure_class(figure.colour)) } {
                    dt { (figure.name) }
                    dd.app-number { (figure.number) }
                    dd { (figure.note) }
                }
            }
        }
    }
}

fn figure_class(colour: Colour) -> &'static str {
    match colour {
        Colour::Green => "app-figure--good",
        Colour::Yellow => "app-figure--warn",
        Colour::Red => "app-figure--poor",
        Colour::Grey => "app-figure--none",
        Colour::Blue | Colour::Purple => "",
    }
}

/// A section with a heading that the contents link to.
pub(super) fn page_section(id: &str, heading: &str, body: &Markup) -> Markup {
    html! { section.app-section { h2.govuk-heading-m id=(id) { (heading) } (body) } }
}

/// The sections of a page, with a list of contents.
pub(super) fn sections_with_contents(sections: &[(&str, &str, Markup)]) -> Markup {
    html! {
        div.app-layout {
            nav.app-contents aria-label="Contents of the page" {
                h2.govuk-heading-s { "Contents" }
                ol {
                    @for (id, heading, _) in sections {
                        li { a.govuk-link href={ "#" (id) } { (heading) } }
                    }
                }
            }
            div.app-body {
                @for (id, heading, body) in sections { (page_section(id, heading, body)) }
            }
        }
    }
}

/// A box at the top of the page: what needs attention, or that nothing does.
pub(super) fn notification_banner(good: bool, heading: &str, body: &Markup) -> Markup {
    html! {
        div.govuk-notification-banner.govuk-notification-banner--success[good]
            role="region"
            aria-labelledby="banner" {
            div.govuk-notification-banner__header {
                h2.govuk-notification-banner__title id="banner" {
                    @if good { "Success" } @else { "Needs attention" }
                }
            }
            div.govuk-notification-banner__content {
                p.govuk-notification-banner__heading { (heading) }
                (body)
            }
        }
    }
}
