//! What S3 answered, as a [`StoreError`].

use std::error::Error;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::{StoreError, StoreErrorKind, describe_causes};

/// Request timeout: S3 gave up waiting, and the request may be sent again.
const REQUEST_TIMEOUT: u16 = 408;

/// Too many requests: the request may be sent again.
const TOO_MANY_REQUESTS: u16 = 429;

/// The status of the answer; none when there was none.
pub(crate) fn http_status<E>(error: &SdkError<E>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

/// The failure of `operation` on `key`, with the service's own message.
pub(crate) fn s3_error<E: ProvideErrorMetadata + Error + 'static>(
    operation: &'static str,
    key: &str,
    error: &SdkError<E>,
) -> StoreError {
    let message = error
        .message()
        .or_else(|| error.code())
        .map_or_else(|| describe_causes(error), str::to_owned);
    StoreError::new(classify_status(http_status(error)), operation, key, message)
}

fn classify_status(status: Option<u16>) -> StoreErrorKind {
    match status {
        Some(404) => StoreErrorKind::NotFound,
        Some(REQUEST_TIMEOUT | TOO_MANY_REQUESTS) => StoreErrorKind::Unavailable,
        Some(400..500) => StoreErrorKind::Refused,
        _ => StoreErrorKind::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_whether_the_request_is_worth_repeating() {
        for (status, kind) in [
            (Some(404), StoreErrorKind::NotFound),
            (Some(403), StoreErrorKind::Refused),
            (Some(408), StoreErrorKind::Unavailable),
            (Some(429), StoreErrorKind::Unavailable),
            (Some(503), StoreErrorKind::Unavailable),
            (None, StoreErrorKind::Unavailable),
        ] {
            assert_eq!(classify_status(status), kind, "{status:?}");
        }
    }
}
