//! So much of IAM's evaluation as our policies use: effect, actions, resources, conditions on
//! texts.

use serde_json::Value;

pub(super) struct Policy(Vec<Value>);

impl Policy {
    pub(super) fn parse(text: &str) -> Self {
        let document: Value = serde_json::from_str(text).unwrap();
        Self(list(&document["Statement"]))
    }

    /// Whether it allows an action: some statement does, and none denies.
    pub(super) fn allows(&self, action: &str, resource: &str, context: &[(&str, &str)]) -> bool {
        let fits = |statement: &&Value| {
            let any = |field: &str, text: &str, exact: bool| {
                list(&statement[field])
                    .iter()
                    .any(|pattern| like(pattern.as_str().unwrap(), text, exact))
            };
            // Actions are compared without regard to case, resources with it.
            any("Action", action, false)
                && any("Resource", resource, true)
                && holds(&statement["Condition"], context)
        };
        let of = |effect: &str| {
            self.0
                .iter()
                .filter(|statement| statement["Effect"] == effect)
                .any(|statement| fits(&statement))
        };
        of("Allow") && !of("Deny")
    }
}

fn holds(conditions: &Value, context: &[(&str, &str)]) -> bool {
    conditions
        .as_object()
        .into_iter()
        .flatten()
        .all(|(operator, keys)| {
            keys.as_object().unwrap().iter().all(|(key, values)| {
                let Some((_, found)) = context.iter().find(|(name, _)| name == key) else {
                    return false;
                };
                list(values).iter().any(|value| match operator.as_str() {
                    "StringEquals" => value == found,
                    "StringLike" => like(value.as_str().unwrap(), found, true),
                    other => unreachable!("{other} is not evaluated here; teach it"),
                })
            })
        })
}

fn list(value: &Value) -> Vec<Value> {
    value
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![value.clone()])
}

/// `*` stands for any run of characters, `?` for one.
fn like(pattern: &str, text: &str, exact: bool) -> bool {
    let of = |text: &str| {
        if exact {
            text.to_owned()
        } else {
            text.to_ascii_lowercase()
        }
    };
    let (pattern, text) = (of(pattern).into_bytes(), of(text).into_bytes());
    let (mut at, mut star, mut place) = (0, None, 0);
    while place < text.len() {
        match pattern.get(at) {
            Some(b'*') => (star, at) = (Some((at, place)), at + 1),
            Some(byte) if *byte == b'?' || *byte == text[place] => {
                (at, place) = (at + 1, place + 1);
            }
            _ => match star {
                Some((from, taken)) => {
                    (star, at, place) = (Some((from, taken + 1)), from + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[test]
fn patterns_conditions_and_denials_count() {
    assert!(
        like("arn:*/raw/*", "arn:x/raw/a/b", true) && !like("arn:*/raw/*", "arn:x/rawer", true)
    );
    assert!(
        like("a?c*", "abc", true)
            && !like("a?c", "ac", true)
            && like("S3:Get*", "s3:getobject", false)
    );
    let policy = Policy::parse(
        r#"{"Statement": [
            {"Effect": "Allow", "Action": ["s3:Get*"], "Resource": "arn:b/*"},
            {"Effect": "Deny", "Action": "s3:GetObject", "Resource": ["arn:b/secret/*"]},
            {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:b", "Condition": {"StringLike": {"s3:prefix": ["raw/*"]}}}]}"#,
    );
    assert!(
        policy.allows("s3:GetObject", "arn:b/x", &[])
            && !policy.allows("s3:GetObject", "arn:b/secret/x", &[])
    );
    assert!(!policy.allows("s3:PutObject", "arn:b/x", &[]));
    assert!(policy.allows("s3:ListBucket", "arn:b", &[("s3:prefix", "raw/t/")]));
    assert!(
        !policy.allows("s3:ListBucket", "arn:b", &[])
            && !policy.allows("s3:ListBucket", "arn:b", &[("s3:prefix", "")])
    );
}
