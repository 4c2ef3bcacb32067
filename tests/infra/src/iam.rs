//! So much of IAM's evaluation as the policies of this repository use: effects, actions, resources,
//! principals, and conditions on texts, addresses, flags, numbers and missing keys.

use serde_json::Value;

/// A call as IAM sees it.
#[derive(Clone, Debug)]
pub struct AccessRequest {
    /// The ARN of a role, or the name of a service.
    pub principal: String,
    /// The action, such as `s3:GetObject`.
    pub action: String,
    /// The ARN of what is acted on.
    pub resource: String,
    /// The condition keys that the service gives.
    pub context: Vec<(String, String)>,
}

/// What a document says of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyAnswer {
    /// A statement allows it, and none denies it.
    Allows,
    /// A statement denies it.
    Denies,
    /// No statement is about it.
    Silent,
}

/// A policy: of a role, a bucket, a queue or a key.
#[derive(Clone, Debug, Default)]
pub struct PolicyDocument(Vec<Value>);

impl PolicyDocument {
    /// Reads a policy.
    ///
    /// # Errors
    /// When the text is not JSON, or a condition has an operator that is not evaluated here.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let statements = list_values(&document["Statement"]);
        let conditions = statements
            .iter()
            .filter_map(|one| one["Condition"].as_object());
        let mut operators = conditions.flat_map(|operators| operators.keys());
        match operators.find(|operator| !is_known_operator(operator)) {
            Some(unknown) => Err(format!("{unknown} is not evaluated here; teach it")),
            None => Ok(Self(statements)),
        }
    }

    /// Whether it allows an action: a role's policy, which names no principal.
    #[must_use]
    pub fn allows(&self, action: &str, resource: &str, context: &[(&str, &str)]) -> bool {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let request = AccessRequest {
            principal: String::new(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            context: context.iter().map(own).collect(),
        };
        self.answer(&request) == PolicyAnswer::Allows
    }

    /// What it says of a call.
    #[must_use]
    pub fn answer(&self, request: &AccessRequest) -> PolicyAnswer {
        let fitting = self.0.iter().filter(|one| fits(one, request));
        let effects: Vec<&Value> = fitting.map(|one| &one["Effect"]).collect();
        if effects.iter().any(|effect| *effect == "Deny") {
            return PolicyAnswer::Denies;
        }
        match effects.is_empty() {
            true => PolicyAnswer::Silent,
            false => PolicyAnswer::Allows,
        }
    }

    /// Whether it leaves the decision on a call to the policies of the account's roles, as a key's
    /// policy does that allows the account itself.
    #[must_use]
    pub fn delegates(&self, request: &AccessRequest, account: &str) -> bool {
        let account = AccessRequest {
            principal: format!("arn:aws:iam::{account}:root"),
            ..request.clone()
        };
        self.answer(&account) == PolicyAnswer::Allows
    }
}

/// Whether a statement is about a call.
fn fits(statement: &Value, request: &AccessRequest) -> bool {
    // Actions are compared without regard to case, resources with it.
    let action = request.action.to_ascii_lowercase();
    let is_action = |pattern: &str| is_like(&pattern.to_ascii_lowercase(), &action);
    let is_resource = |pattern: &str| is_like(pattern, &request.resource);
    names(statement, "Action", is_action)
        && names(statement, "Resource", is_resource)
        && names_principal(&statement["Principal"], &request.principal)
        && holds(&statement["Condition"], &request.context)
}

/// Whether a member of a statement, or its opposite, names something.
fn names(statement: &Value, member: &str, is_named: impl Fn(&str) -> bool) -> bool {
    let named_in = |list: &Value| {
        let patterns = list_values(list);
        patterns.iter().filter_map(Value::as_str).any(&is_named)
    };
    let opposite = &statement[format!("Not{member}")];
    match opposite.is_null() {
        true => named_in(&statement[member]),
        false => !named_in(opposite),
    }
}

/// Whether a statement is about a principal. Policies of roles name none.
fn names_principal(named: &Value, principal: &str) -> bool {
    match named {
        Value::Null => true,
        Value::String(all) => all == "*",
        named => {
            let members = named.as_object().into_iter().flatten();
            let names = members.flat_map(|(_, names)| list_values(names));
            names
                .into_iter()
                .any(|name| name == "*" || name == principal)
        }
    }
}

/// The operators that are evaluated, without `Not` and `IfExists`.
const OPERATORS: [&str; 8] = [
    "ArnEquals",
    "ArnLike",
    "Bool",
    "Null",
    "NumericLessThan",
    "NumericLessThanEquals",
    "StringEquals",
    "StringLike",
];

fn is_known_operator(operator: &str) -> bool {
    let positive = operator.trim_end_matches("IfExists").replace("Not", "");
    OPERATORS.contains(&positive.as_str())
}

fn holds(conditions: &Value, context: &[(String, String)]) -> bool {
    let conditions = conditions.as_object().into_iter().flatten();
    conditions.into_iter().all(|(operator, keys)| {
        let keys = keys.as_object().into_iter().flatten();
        keys.into_iter()
            .all(|(key, values)| holds_for_key(operator, key, &list_values(values), context))
    })
}

fn holds_for_key(
    operator: &str,
    key: &str,
    values: &[Value],
    context: &[(String, String)],
) -> bool {
    let given = context.iter().find(|(name, _)| name == key);
    if operator == "Null" {
        let is_missing = given.is_none();
        return values.iter().any(|value| is_true(value) == is_missing);
    }

    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let is_negated = operator.contains("Not");
    let Some((_, given)) = given else {
        return if_exists || is_negated;
    };
    let positive = operator.replace("Not", "");
    let is_met = values
        .iter()
        .any(|value| meets_condition(&positive, value, given));
    is_met != is_negated
}

/// Whether the given text of a condition key meets one of a condition's values.
fn meets_condition(operator: &str, value: &Value, given: &str) -> bool {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    match operator {
        "StringEquals" | "Bool" => text == given,
        "StringLike" | "ArnLike" | "ArnEquals" => is_like(&text, given),
        "NumericLessThan" => is_less(given, &text),
        "NumericLessThanEquals" => !is_less(&text, given),
        // `parse` refuses others.
        _ => false,
    }
}

fn is_less(one: &str, other: &str) -> bool {
    let numbers = one.parse::<f64>().ok().zip(other.parse::<f64>().ok());
    numbers.is_some_and(|(one, other)| one < other)
}

fn is_true(value: &Value) -> bool {
    value == "true" || value == &Value::Bool(true)
}

/// A list, or a list of the one value.
fn list_values(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.clone(),
        one => vec![one.clone()],
    }
}

/// `*` stands for any run of characters, `?` for one.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut place) = (0, 0);
    let mut star = None;
    while place < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[place] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star_at, star_place)) = star else {
                    return false;
                };
                star = Some((star_at, star_place + 1));
                at = star_at + 1;
                place = star_place + 1;
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(statement: &Value) -> PolicyDocument {
        PolicyDocument(list_values(statement))
    }

    fn request(action: &str, resource: &str, context: &[(&str, &str)]) -> AccessRequest {
        let context = context.iter();
        AccessRequest {
            principal: "arn:aws:iam::1:role/x".into(),
            action: action.into(),
            resource: resource.into(),
            context: context
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn a_denial_counts_more_than_what_allows() {
        let both = policy(&json!([
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:Delete*", "NotResource": ["a/free/*"]},
        ]));
        let answers = [
            ("s3:GetObject", "a/b", PolicyAnswer::Allows),
            ("S3:getobject", "a/b", PolicyAnswer::Allows),
            ("s3:DeleteObject", "a/b", PolicyAnswer::Denies),
            ("s3:DeleteObject", "a/free/b", PolicyAnswer::Allows),
            ("sqs:SendMessage", "a/b", PolicyAnswer::Silent),
        ];
        for (action, resource, expected) in answers {
            let answer = both.answer(&request(action, resource, &[]));
            assert_eq!(answer, expected, "{action} {resource}");
        }
    }

    #[test]
    fn conditions_hold_as_iam_says() {
        let cases = [
            (json!({"StringEquals": {"k": ["a", "b"]}}), Some("b"), true),
            (json!({"StringEquals": {"k": "a*"}}), Some("ab"), false),
            (json!({"StringLike": {"k": "a*"}}), Some("ab"), true),
            (json!({"StringEquals": {"k": "a"}}), None, false),
            (json!({"StringEqualsIfExists": {"k": "a"}}), None, true),
            (json!({"StringNotEquals": {"k": "a"}}), None, true),
            (json!({"StringNotEquals": {"k": "a"}}), Some("a"), false),
            (json!({"ArnNotLike": {"k": "*"}}), Some("a"), false),
            (json!({"Null": {"k": "true"}}), None, true),
            (json!({"Null": {"k": "true"}}), Some("a"), false),
            (json!({"Bool": {"k": "false"}}), Some("false"), true),
            (json!({"NumericLessThan": {"k": "1.2"}}), Some("1.1"), true),
            (json!({"NumericLessThan": {"k": "1.2"}}), Some("1.2"), false),
            (json!({"NumericLessThan": {"k": "1.2"}}), None, false),
        ];
        for (condition, given, expected) in cases {
            let statement = json!([
                {"Effect": "Allow", "Action": "a:B", "Resource": "*", "Condition": condition},
            ]);
            let context: Vec<_> = given.iter().map(|given| ("k", *given)).collect();
            let answer = policy(&statement).answer(&request("a:B", "r", &context));
            assert_eq!(
                answer == PolicyAnswer::Allows,
                expected,
                "{statement} {given:?}"
            );
        }
    }

    #[test]
    fn a_condition_that_is_not_evaluated_is_refused() {
        let statement = |operator: &str| {
            json!({"Statement": [{
                "Effect": "Deny", "Action": "*", "Resource": "*",
                "Condition": {operator: {"k": "a"}},
            }]})
        };
        for (operator, expected) in [
            ("StringEquals", true),
            ("ArnNotLikeIfExists", true),
            ("IpAddress", false),
            ("ForAllValues:StringLike", false),
        ] {
            let policy = PolicyDocument::parse(&statement(operator).to_string());
            assert_eq!(policy.is_ok(), expected, "{operator}");
        }
    }

    #[test]
    fn patterns_take_runs_and_single_characters() {
        for (pattern, text, expected) in [
            ("arn:*/raw/*", "arn:x/raw/a/b", true),
            ("arn:*/raw/*", "arn:x/rawer", false),
            ("a?c*", "abc", true),
            ("a?c", "ac", false),
            ("*b*b", "abbb", true),
        ] {
            assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        }
        let listing = policy(&json!([{
            "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:b",
            "Condition": {"StringLike": {"s3:prefix": ["raw/*"]}},
        }]));
        assert!(listing.allows("s3:ListBucket", "arn:b", &[("s3:prefix", "raw/t/")]));
        assert!(!listing.allows("s3:ListBucket", "arn:b", &[("s3:prefix", "")]));
        assert!(!listing.allows("s3:ListBucket", "arn:b", &[]));
    }

    #[test]
    fn principals_are_named_or_meant_by_a_star() {
        let statement = |principal: Value| {
            json!([
                {"Effect": "Allow", "Principal": principal, "Action": "a:B", "Resource": "*"},
            ])
        };
        let service = AccessRequest {
            principal: "s3.amazonaws.com".into(),
            ..request("a:B", "r", &[])
        };
        for (principal, expected) in [
            (json!("*"), true),
            (
                json!({"Service": ["s3.amazonaws.com", "sns.amazonaws.com"]}),
                true,
            ),
            (json!({"Service": "sns.amazonaws.com"}), false),
            (json!({"AWS": "arn:aws:iam::1:root"}), false),
        ] {
            let answer = policy(&statement(principal)).answer(&service);
            assert_eq!(answer == PolicyAnswer::Allows, expected);
        }
        let root = policy(&statement(json!({"AWS": "arn:aws:iam::1:root"})));
        assert!(root.delegates(&service, "1"));
        assert!(!root.delegates(&service, "2"));
    }
}
