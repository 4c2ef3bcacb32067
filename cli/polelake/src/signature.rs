//! Signs requests for IAM (Signature Version 4), with the environment's credentials.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

use crate::error::{CliError, describe_causes};

/// API Gateway's name in a signature.
const API_GATEWAY: &str = "execute-api";
/// Lambda's name in a signature, for a function URL.
const LAMBDA: &str = "lambda";

/// The service that checks a signature: a function URL is
/// `https://<id>.lambda-url.<region>.on.aws`, everything else an address of API Gateway.
fn signing_service(url: &str) -> &'static str {
    let address = url.split_once("://").map_or(url, |(_, address)| address);
    let host = address.split(['/', ':']).next().unwrap_or_default();
    if host.contains(".lambda-url.") && host.ends_with(".on.aws") {
        return LAMBDA;
    }
    API_GATEWAY
}

/// The credentials that sign, and the region.
#[derive(Debug)]
pub(crate) struct RequestSigner {
    credentials: Credentials,
    region: String,
}

impl RequestSigner {
    /// The environment's credentials and region.
    pub(crate) async fn from_env() -> Result<Self, CliError> {
        let config = host::load_aws_config().await;
        let region = config
            .region()
            .ok_or("there is no region of AWS; set AWS_REGION, as in AWS_REGION=eu-west-2")?
            .to_string();
        let provider = config
            .credentials_provider()
            .ok_or("there are no credentials of AWS; sign in first, as with `aws sso login`")?;
        Ok(Self {
            credentials: provider.provide_credentials().await.map_err(|error| {
                let cause = describe_causes(&error);
                format!("AWS gives no credentials: {cause}; sign in, as with `aws sso login`")
            })?,
            region,
        })
    }

    /// The headers that sign a POST of `body`.
    pub(crate) fn signed_headers(
        &self,
        url: &str,
        content_type: &str,
        body: &[u8],
        now: SystemTime,
    ) -> Result<Vec<(String, String)>, CliError> {
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(signing_service(url))
            .time(now)
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = std::iter::once(("content-type", content_type));
        let request = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body))?;
        let (instructions, _) = sign(request, &params)?.into_parts();
        Ok(instructions
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_request_is_signed_for_the_api_and_its_region() {
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "not-a-secret",
            Some("token".into()),
            None,
            "test",
        );
        let signer = RequestSigner {
            credentials,
            region: "eu-west-2".into(),
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_438_400);
        let signed = |body: &[u8]| {
            let url = "https://api.example.org/v1/platform-smoke/events";
            signer
                .signed_headers(url, "application/x-ndjson", body, now)
                .unwrap()
        };
        let headers = signed(b"{}");
        let of = |name: &str| {
            headers
                .iter()
                .find(|(found, _)| found.eq_ignore_ascii_case(name))
                .unwrap()
                .1
                .clone()
        };
        assert_eq!(of("x-amz-date"), "20260302T080000Z");
        assert_eq!(of("x-amz-security-token"), "token");
        let authorization = of("authorization");
        let scope = "Credential=AKIDEXAMPLE/20260302/eu-west-2/execute-api/aws4_request";
        assert!(authorization.contains(scope), "{authorization}");
        assert!(
            authorization.contains("SignedHeaders=content-type;host;x-amz-date"),
            "{authorization}"
        );
        assert_ne!(headers, signed(b"{\"a\":1}"), "the body is signed too");
    }

    #[test]
    fn a_function_url_is_lambdas_and_every_other_address_the_gateways() {
        let function_url = "https://abc123.lambda-url.eu-west-2.on.aws";
        for (url, service) in [
            (function_url, LAMBDA),
            (
                "https://abc123.lambda-url.eu-west-2.on.aws/v1/s/events",
                LAMBDA,
            ),
            (
                "https://abc123.execute-api.eu-west-2.amazonaws.com/v1/s/events",
                API_GATEWAY,
            ),
            (
                "https://events.example.org/v1/x.lambda-url.on.aws/events",
                API_GATEWAY,
            ),
            ("https://x.lambda-url.example.org/v1/s/events", API_GATEWAY),
        ] {
            assert_eq!(signing_service(url), service, "{url}");
        }
    }
}
