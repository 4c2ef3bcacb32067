//! Answers of HTTP services, read up to a limit: one without an end would fill the memory before
//! its time is over.

use reqwest::Response;

use crate::error::CliError;

/// Reads an answer's body. `what` names in the error what the limit is for.
///
/// # Errors
/// When the answer has more than `bytes_max`, or breaks off.
pub(crate) async fn read_answer(
    mut answer: Response,
    bytes_max: usize,
    what: &str,
) -> Result<Vec<u8>, CliError> {
    let address = answer.url().to_string();
    let mut body = Vec::new();
    while let Some(part) = answer
        .chunk()
        .await
        .map_err(|error| format!("{address}: {}", error.without_url()))?
    {
        if body.len() + part.len() > bytes_max {
            let why =
                format!("{address} answered more than {bytes_max} bytes, the limit of {what}");
            return Err(why.into());
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}
