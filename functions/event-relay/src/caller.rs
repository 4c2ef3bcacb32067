//! Who the caller is, and whether the source's contract admits the caller.
//!
//! The gateway has checked the signature or the token. What the gateway found is checked again as
//! far as possible: a route without an authoriser, or an authoriser that ignored when the token
//! begins and ends, must not let a caller in.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use contract::{Caller, SourceContract, is_source_name, nearest_name_hint};
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
    let contract = find_source_contract(source, caller, context)?;

    if contract.admits_caller(caller) {
        return Ok(contract);
    }
    Err(ProblemDetails::new(
        RefusalReason::CallerNotAdmitted,
        "the caller may not use this source; its contract names who may, under `push`",
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
    check_token_times(&token.claims, now_seconds())?;
    Ok(Caller::Token(&token.claims))
}

/// Refuses a token outside of its time, to the second, as the gateway does. A token without `exp`
/// does not end: that is refused. A token without `nbf` holds from its making.
fn check_token_times(claims: &HashMap<String, String>, now: f64) -> Result<(), ProblemDetails> {
    if !numeric_date(claims, "exp").is_some_and(|end| end > now) {
        return Err(ProblemDetails::new(
            RefusalReason::TokenExpired,
            "the token has expired; get a new one",
        ));
    }
    if claims.contains_key("nbf") && !numeric_date(claims, "nbf").is_some_and(|begin| begin <= now)
    {
        return Err(ProblemDetails::new(
            RefusalReason::TokenNotYetValid,
            "the token is not valid yet; send it from the time that its `nbf` names",
        ));
    }
    Ok(())
}

/// A claim that is a time in seconds since 1970; none for what is no number, also for `NaN` and
/// `inf`, which compare with every time as an attacker likes.
fn numeric_date(claims: &HashMap<String, String>, name: &str) -> Option<f64> {
    let seconds: f64 = claims.get(name)?.parse().ok()?;
    seconds.is_finite().then_some(seconds)
}

fn now_seconds() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
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
    caller: Caller<'_>,
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
        .ok_or_else(|| unknown_source(source, caller, context))
}

/// The answer names the sources that the caller may use, and no other: what the platform holds is
/// not for everyone who can sign a request.
fn unknown_source(source: &str, caller: Caller<'_>, context: &Context) -> ProblemDetails {
    let mappings = context.catalogue.mappings.iter();
    let names: Vec<&str> = mappings
        .filter(|mapping| mapping.contract.admits_caller(caller))
        .map(|mapping| mapping.contract.name.as_str())
        .collect();

    let detail = if names.is_empty() {
        format!("there is no source `{source}` that the caller may use")
    } else {
        let near = nearest_name_hint(source, names.iter().copied());
        let names = names.join(", ");
        format!("there is no source `{source}`{near}; the caller may use {names}")
    };
    ProblemDetails::new(RefusalReason::UnknownSource, detail)
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

    fn claims(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    }

    /// The rule that a token with these claims breaks at the second 1,000.
    fn broken_rule(pairs: &[(&str, &str)]) -> Option<&'static str> {
        let problem = check_token_times(&claims(pairs), 1000.0).err()?;
        Some(problem.reason.rule())
    }

    #[test]
    fn tokens_end() {
        for exp in ["1001", "1.001E3", "99999999999"] {
            assert_eq!(broken_rule(&[("exp", exp)]), None, "{exp}");
        }
        for exp in ["1000", "999", "soon", "", "NaN", "inf", "infinity"] {
            assert_eq!(
                broken_rule(&[("exp", exp)]),
                Some("request.expired"),
                "{exp}"
            );
        }
        assert_eq!(broken_rule(&[]), Some("request.expired"));
    }

    #[test]
    fn tokens_begin() {
        for nbf in ["1000", "999", "9.99E2", "-5"] {
            let found = broken_rule(&[("exp", "2000"), ("nbf", nbf)]);
            assert_eq!(found, None, "{nbf}");
        }
        for nbf in ["1001", "1.001E3", "later", "", "NaN", "-inf"] {
            let found = broken_rule(&[("exp", "2000"), ("nbf", nbf)]);
            assert_eq!(found, Some("request.not-yet-valid"), "{nbf}");
        }
    }
}
