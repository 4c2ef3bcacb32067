//! What the runbook and the page on deploying name can be set in both environments.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::collections::BTreeSet;

use infra_tests::{Levers, repository_root};

const ENVIRONMENTS: [&str; 2] = ["minimal", "complete"];

const DOCUMENTS: [&str; 2] = ["docs/runbook.md", "docs/deploy.md"];

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn both_environments_have_every_lever_that_a_document_names() {
    let root = repository_root();
    let module = Levers::read(&root.join("infra")).unwrap();
    for document in DOCUMENTS {
        let named = module.named_by(&std::fs::read_to_string(root.join(document)).unwrap());
        assert!(named.len() > 10, "{document} names {named:?}");
        for environment in ENVIRONMENTS {
            let folder = root.join("infra/environments").join(environment);
            let levers = Levers::read(&folder).unwrap();
            let missing: Vec<_> = named.difference(&levers.variables).collect();
            assert!(
                missing.is_empty(),
                "{document} names what `{environment}` has no variable for: {missing:?}"
            );
            let kept_back: Vec<_> = named.difference(&levers.passed_on).collect();
            assert!(
                kept_back.is_empty(),
                "`{environment}` does not pass on {kept_back:?}"
            );
        }
    }
}

#[test]
fn the_runbook_names_the_levers_of_an_incident() {
    let root = repository_root();
    let module = Levers::read(&root.join("infra")).unwrap();
    let runbook = std::fs::read_to_string(root.join("docs/runbook.md")).unwrap();
    let levers = names([
        "fan_out",
        "landing_enabled",
        "maximum_pollers",
        "relay_concurrency",
        "schedules_enabled",
        "topic_epoch",
        "transform_concurrency",
    ]);
    let missing: Vec<_> = levers
        .difference(&module.named_by(&runbook))
        .cloned()
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_lever_is_found_as_code_alone() {
    let module = Levers {
        variables: names(["fan_out", "keys", "msk"]),
        ..Levers::default()
    };
    let text = "the keys: set `fan_out = true`, apply.\n```sh\necho 'msk = \"existing\"'\n```\n";
    assert_eq!(module.named_by(text), names(["fan_out", "msk"]));
}
