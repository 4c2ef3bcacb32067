//! GitHub's workflows: what they run is pinned, what they may do is little, and none applies
//! without an approval.

use serde_json::Value;

use crate::lake_under_test::repository_root;

/// What jobs may write, by workflow and job. Every other job may only read.
const RIGHTS_TO_WRITE: [(&str, &str, &[&str]); 5] = [
    // Signs in to the account over OpenID Connect.
    ("deploy.yml", "apply", &["id-token"]),
    ("deploy.yml", "plan", &["id-token"]),
    ("deploy.yml", "smoke", &["id-token"]),
    // Publishes the documentation, and proves to Pages which workflow does.
    ("docs.yml", "publish", &["id-token", "pages"]),
    // Makes the draft of a release, and signs what is in it.
    (
        "release.yml",
        "draft",
        &["attestations", "contents", "id-token"],
    ),
];

fn workflows() -> Vec<(String, String, Value)> {
    let folder = repository_root().join(".github/workflows");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            // `on` is a key, and no truth.
            let value = serde_saphyr::from_str_with_options(
                &text,
                serde_saphyr::options! { strict_booleans: true },
            );
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                text,
                value.unwrap(),
            )
        })
        .collect()
}

#[test]
fn every_action_is_pinned_to_a_commit_and_says_its_version() {
    let mut pinned = 0;
    for (name, text, _) in workflows() {
        for line in text
            .lines()
            .filter_map(|line| line.trim_start_matches(['-', ' ']).strip_prefix("uses: "))
        {
            let (action, version) = line.split_once(" # ").unwrap_or((line, ""));
            let commit = action.split_once('@').map_or("", |(_, commit)| commit);
            let is_commit =
                commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(is_commit && version.starts_with('v'), "{name}: {line}");
            pinned += 1;
        }
        assert!(
            !text.contains("pull_request_target"),
            "{name} would give a fork our rights"
        );
    }
    assert!(pinned > 10, "{pinned}");
}

/// The permissions to write that a job has, in order.
fn rights_to_write(job: &Value) -> Vec<&str> {
    let permissions = &job["permissions"];
    assert!(
        permissions.is_null() || permissions.is_object(),
        "{permissions} are rights without names"
    );
    let mut rights: Vec<&str> = permissions
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, right)| *right == "write")
        .map(|(name, _)| name.as_str())
        .collect();
    rights.sort_unstable();
    rights
}

#[test]
fn rights_are_given_job_by_job_and_apply_waits_for_an_approval() {
    for (name, _, workflow) in workflows() {
        assert_eq!(
            workflow["permissions"],
            serde_json::json!({"contents": "read"}),
            "{name}"
        );
        for (job, it) in workflow["jobs"].as_object().unwrap() {
            let known = RIGHTS_TO_WRITE
                .iter()
                .find(|(file, known, _)| *file == name && *known == job);
            let allowed = known.map_or(&[][..], |(_, _, rights)| *rights);
            assert_eq!(rights_to_write(it), allowed, "{name} {job}");
            // Only the deployment signs in to the account.
            assert_eq!(
                it.to_string().contains("configure-aws-credentials"),
                name == "deploy.yml" && !allowed.is_empty(),
                "{name} {job}"
            );
            assert!(it["timeout-minutes"].is_u64(), "{name} {job}");
            // What a person wrote, such as a branch's name, is no part of a script.
            let scripts = it["steps"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|step| step["run"].as_str());
            assert!(
                scripts.clone().all(|script| !script.contains("${{")),
                "{name} {job}"
            );
            let applies = scripts
                .clone()
                .any(|script| script.contains("terraform") && script.contains(" apply "));
            assert!(
                !applies || it["environment"] == "production",
                "{name} {job}"
            );
        }
        let roles = ["PLAN_ROLE_ARN", "APPLY_ROLE_ARN", "SMOKE_ROLE_ARN"];
        let of = |job: &str| {
            let text = workflow["jobs"][job].to_string();
            roles
                .iter()
                .filter(|role| text.contains(**role))
                .copied()
                .collect::<Vec<_>>()
        };
        if name == "deploy.yml" {
            assert_eq!(
                [of("package"), of("plan"), of("apply"), of("smoke")],
                [vec![], vec![roles[0]], vec![roles[1]], vec![roles[2]]]
            );
            // A token names its environment: a job in `production` could take the role that applies.
            let jobs = &workflow["jobs"];
            assert_eq!(jobs["smoke"]["environment"], "smoke");
            assert!(jobs["plan"]["environment"].is_null());
        }
    }
}

#[test]
fn the_runbook_knows_every_alarm() {
    let runbook = std::fs::read_to_string(repository_root().join("docs/runbook.md")).unwrap();
    let mut unknown = Vec::new();
    crate::lake_under_test::visit_files(&repository_root().join("infra"), &mut |path| {
        if path.extension().is_none_or(|extension| extension != "tf") {
            return;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let names = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("alarm_name "));
        for name in names.filter_map(|name| name.split('"').nth(1)) {
            // `${var.name}-freshness-${each.key}` is `-freshness-` and a topic.
            let fixed = name.split_once('}').map_or(name, |(_, rest)| rest);
            let fixed = fixed.split("${").next().unwrap_or_default();
            if !runbook.contains(fixed) {
                unknown.push(format!("{name} in {}", path.display()));
            }
        }
    });
    assert!(
        unknown.is_empty(),
        "docs/runbook.md says nothing of {unknown:?}"
    );
}
