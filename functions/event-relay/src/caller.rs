//! Who the caller is, and whether the source's contract admits the caller.
//!
//! The gateway has checked the signature or the token. What the gateway found is checked again as
//! far as possible: a route without an authoriser, or an authoriser that ignored the token's
//! expiry, must not let a caller in.

use std::time::{SystemTime, UNIX_EPOCH};

use contract::{Caller, SourceContract};
use trigger::HttpRequest;

use crate::context::Context;
use crate::problem::{ProblemDetails, RefusalReason};

/// The source's contract, if the caller is known, there is such a source, and the caller may use
/// it.
pub(crate) fn authorise_caller<'c>(
    request: &HttpRequest,
    source: &str,
    context: &'c Context,
) -> Result<&'c SourceContract, ProblemDetails> {
    let role = signing_role(request);
    let caller = identify_caller(request, role.as_deref())?;
    let contract = find_source_contract(source, context)?;

    if contract.admits_caller(caller) {
        return Ok(contract);
    }
    Err(ProblemDetails::new(
        RefusalReason::CallerNotAdmitted,
        format!("the caller may not use `{source}`; its contract names who may, under `push`"),
    ))
}

/// The role that signed the request.
fn signing_role(request: &HttpRequest) -> Option<String> {
    let authorizer = request.request_context.authorizer.as_ref()?;
    let arn = authorizer.iam.as_ref()?.user_arn.as_deref()?;
    (!arn.is_empty()).then(|| caller_role_arn(arn))
}

/// The role that signed the request, or else the claims of its token.
fn identify_caller<'r>(
    request: &'r HttpRequest,
    role: Option<&'r str>,
) -> Result<Caller<'r>, ProblemDetails> {
    if let Some(arn) = role {
        return Ok(Caller::Principal(arn));
    }

    let authorizer = request.request_context.authorizer.as_ref();
    let Some(token) = authorizer.and_then(|authorizer| authorizer.jwt.as_ref()) else {
        return Err(ProblemDetails::new(
            RefusalReason::RequestUnsigned,
            "the request is not signed; sign it with IAM, or send a bearer token",
        ));
    };
    if is_token_expired(token.claims.get("exp").map(String::as_str)) {
        return Err(ProblemDetails::new(
            RefusalReason::TokenExpired,
            "the token has expired; get a new one",
        ));
    }
    Ok(Caller::Token(&token.claims))
}

/// The role of a session: API Gateway reports `arn:aws:sts::1:assumed-role/NAME/SESSION`, and the
/// caller chooses the session's name. Any other ARN stays.
fn caller_role_arn(arn: &str) -> String {
    assumed_role_arn(arn).unwrap_or_else(|| arn.to_owned())
}

/// The role's own ARN, when the ARN is one of a session of the role.
fn assumed_role_arn(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "sts", _, account, resource] = parts.as_slice() else {
        return None;
    };

    let resource: Vec<&str> = resource.split('/').collect();
    let ["assumed-role", role, _session] = resource.as_slice() else {
        return None;
    };
    Some(format!("arn:{partition}:iam::{account}:role/{role}"))
}

/// The contract of a source. A text that cannot be a name is neither looked up nor repeated in the
/// answer.
fn find_source_contract<'c>(
    source: &str,
    context: &'c Context,
) -> Result<&'c SourceContract, ProblemDetails> {
    if !is_source_name(source) {
        return Err(ProblemDetails::new(
            RefusalReason::UnknownSource,
            "a source's name has lower-case letters, digits and hyphens, at most 100",
        ));
    }

    let mapping = context.catalogue.mapping_of_source(source);
    mapping
        .map(|mapping| &*mapping.contract)
        .ok_or_else(|| unknown_source(source, context))
}

fn is_source_name(text: &str) -> bool {
    text.len() <= 100
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn unknown_source(source: &str, context: &Context) -> ProblemDetails {
    let mappings = context.catalogue.mappings.iter();
    let names: Vec<&str> = mappings
        .map(|mapping| mapping.contract.name.as_str())
        .collect();
    let names = names.join(", ");

    ProblemDetails::new(
        RefusalReason::UnknownSource,
        format!("there is no source `{source}`; there are {names}"),
    )
}

/// Whether a token's `exp`, in seconds since 1970, has passed. A token without one does not end:
/// that is refused.
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
