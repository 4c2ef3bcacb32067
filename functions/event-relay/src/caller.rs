//! Who calls, and whether the source's contract admits them.
//!
//! The gateway has checked the signature or the token. What it found is checked again as far as it can be: a route
//! without an authoriser, or one that forgot to look at the time, must not open the door.

use std::time::{SystemTime, UNIX_EPOCH};

use contract::{Caller, SourceContract};
use trigger::HttpRequest;

use crate::context::Context;
use crate::problem::ProblemDetails;

/// The source's contract, if the caller is known, there is such a source, and the caller may use it.
pub(crate) fn authorise_caller<'c>(
    request: &HttpRequest,
    source: &str,
    context: &'c Context,
) -> Result<&'c SourceContract, ProblemDetails> {
    let authorizer = request.request_context.authorizer.as_ref();
    let arn = authorizer
        .and_then(|found| found.iam.as_ref())
        .and_then(|iam| iam.user_arn.as_deref());
    let claims = authorizer
        .and_then(|found| found.jwt.as_ref())
        .map(|jwt| &jwt.claims);
    let role = arn.filter(|arn| !arn.is_empty()).map(caller_role_arn);
    let caller = match (&role, claims) {
        (Some(arn), _) => Caller::Principal(arn),
        (None, Some(claims)) if is_token_expired(claims.get("exp").map(String::as_str)) => {
            return Err(ProblemDetails::new(
                401,
                "request.expired",
                "the token has expired; get a new one",
            ));
        }
        (None, Some(claims)) => Caller::Token(claims),
        (None, None) => {
            let detail = "nobody has signed the request; sign it with IAM, or send a bearer token";
            return Err(ProblemDetails::new(401, "request.unsigned", detail));
        }
    };
    let contract = find_source_contract(source, context)?;
    if contract.admits_caller(caller) {
        return Ok(contract);
    }
    let detail =
        format!("the caller may not use `{source}`; its contract names who may, under `push`");
    Err(ProblemDetails::new(403, "request.caller", detail))
}

/// The role behind a session of it: API Gateway tells of `arn:aws:sts::1:assumed-role/NAME/SESSION`, and the session's
/// name is the caller's own choice. Any other ARN stays.
fn caller_role_arn(arn: &str) -> String {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "sts", _, account, resource] => {
            match resource.split('/').collect::<Vec<_>>().as_slice() {
                ["assumed-role", role, _session] => {
                    format!("arn:{partition}:iam::{account}:role/{role}")
                }
                _ => arn.to_owned(),
            }
        }
        _ => arn.to_owned(),
    }
}

/// The contract of a source. What is no name is not looked for, nor repeated in the answer.
fn find_source_contract<'c>(
    source: &str,
    context: &'c Context,
) -> Result<&'c SourceContract, ProblemDetails> {
    let is_name = source.len() <= 100
        && source
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_name {
        let detail = "a source's name has lower-case letters, digits and hyphens, at most 100";
        return Err(ProblemDetails::new(404, "request.source", detail));
    }
    context
        .catalogue
        .mapping_of_source(source)
        .map(|plan| &*plan.contract)
        .ok_or_else(|| {
            let names: Vec<&str> = context
                .catalogue
                .mappings
                .iter()
                .map(|plan| plan.contract.name.as_str())
                .collect();
            let detail = format!(
                "there is no source `{source}`; there are {}",
                names.join(", ")
            );
            ProblemDetails::new(404, "request.source", detail)
        })
}

/// Whether a token's `exp`, in seconds since 1970, has passed. A token without one does not end: that is refused.
fn is_token_expired(exp: Option<&str>) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64();
    exp.and_then(|exp| exp.parse::<f64>().ok())
        .is_none_or(|exp| exp <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_counts_as_its_role_whatever_it_calls_itself() {
        let session = "arn:aws:sts::123456789012:assumed-role/housing-api/role-planning";
        assert_eq!(
            caller_role_arn(session),
            "arn:aws:iam::123456789012:role/housing-api"
        );
        let user = "arn:aws:iam::123456789012:user/sam";
        assert_eq!(caller_role_arn(user), user);
        let odd = "arn:aws:sts::1:assumed-role/housing-api/a/b";
        assert_eq!(caller_role_arn(odd), odd);
    }

    #[test]
    fn tokens_end() {
        assert!(is_token_expired(Some("1000000000")));
        assert!(!is_token_expired(Some("99999999999")));
        assert!(!is_token_expired(Some("9.9999999999E10")));
        assert!(is_token_expired(None));
        assert!(is_token_expired(Some("soon")));
    }
}
