//! Signs requests for IAM (Signature Version 4), with the environment's credentials.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

use crate::error::{CliError, describe_causes};

/// API Gateway's name in a signature, and that of a function's own URL.
const API_SERVICE: &str = "execute-api";
const FUNCTION_SERVICE: &str = "lambda";

/// What the host of each function's URL holds: `<id>.lambda-url.<region>.on.aws`.
const FUNCTION_HOST_PART: &str = ".lambda-url.";

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

/// The name of the service that checks the signature of a request to this URL.
fn signing_service(url: &str) -> &'static str {
    let host = url.split('/').nth(2).unwrap_or_default();
    match host.contains(FUNCTION_HOST_PART) {
        true => FUNCTION_SERVICE,
        false => API_SERVICE,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_host_says_which_service_checks_the_signature() {
        let of_url = "https://abc123.lambda-url.eu-west-2.on.aws/v1/tenure/events";
        assert_eq!(signing_service(of_url), "lambda");
        let of_api = "https://abc123.execute-api.eu-west-2.amazonaws.com/v1/tenure/events";
        assert_eq!(signing_service(of_api), "execute-api");
        let own = "https://events.example.org/.lambda-url./events";
        assert_eq!(signing_service(own), "execute-api");
    }

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
}
