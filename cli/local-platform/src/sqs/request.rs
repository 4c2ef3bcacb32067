//! What a request to SQS holds, and what the service says of one that it refuses.

use std::io;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

/// An exception of SQS: its name, the code of the older protocol, and the message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SqsException {
    name: &'static str,
    query_code: &'static str,
    message: String,
}

impl SqsException {
    pub(super) fn no_queue() -> Self {
        Self {
            name: "QueueDoesNotExist",
            query_code: "AWS.SimpleQueueService.NonExistentQueue",
            message: "The specified queue does not exist.".to_owned(),
        }
    }

    pub(super) fn invalid(why: &str) -> Self {
        Self {
            name: "InvalidParameterValue",
            query_code: "InvalidParameterValue",
            message: format!("One or more parameters are invalid. Reason: {why}"),
        }
    }

    pub(super) fn invalid_contents() -> Self {
        Self {
            name: "InvalidMessageContents",
            query_code: "InvalidMessageContents",
            message: "The message contains characters outside the allowed set.".to_owned(),
        }
    }

    pub(super) fn batch_too_long(limit: u32) -> Self {
        Self {
            name: "BatchRequestTooLong",
            query_code: "AWS.SimpleQueueService.BatchRequestTooLong",
            message: format!("Batch requests cannot be longer than {limit} bytes."),
        }
    }

    pub(super) fn unsupported(what: &str) -> Self {
        Self {
            name: "UnsupportedOperation",
            query_code: "AWS.SimpleQueueService.UnsupportedOperation",
            message: format!("the local SQS has no {what}"),
        }
    }

    pub(super) fn failed(error: &io::Error) -> Self {
        Self {
            name: "InternalFailure",
            query_code: "InternalFailure",
            message: error.to_string(),
        }
    }

    /// The code of the older protocol, which clients read from a header.
    pub(super) fn query_error(&self) -> String {
        format!("{};Sender", self.query_code)
    }

    /// Why one entry of a batch was refused.
    pub(super) fn to_entry(&self, id: &Value) -> Value {
        json!({"Id": id, "Code": self.query_code, "SenderFault": true, "Message": self.message})
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"__type": format!("com.amazonaws.sqs#{}", self.name), "message": self.message})
    }
}

/// A request: its members, and the host to which it was sent.
#[derive(Clone, Copy)]
pub(super) struct SqsRequest<'r> {
    pub(super) input: &'r Value,
    pub(super) host: &'r str,
}

impl<'r> SqsRequest<'r> {
    /// A text that must be there.
    pub(super) fn text(self, member: &str) -> Result<&'r str, SqsException> {
        let missing = || SqsException::invalid(&format!("{member} is missing"));
        self.input[member].as_str().ok_or_else(missing)
    }

    /// A number within bounds; `default` where there is none.
    pub(super) fn number(
        self,
        member: &str,
        bounds: RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, SqsException> {
        let number = match &self.input[member] {
            Value::Null => Some(default),
            value => value.as_u64(),
        };
        let out_of_bounds = || {
            let (least, most) = (bounds.start(), bounds.end());
            SqsException::invalid(&format!("{member} is from {least} to {most}"))
        };
        number
            .filter(|number| bounds.contains(number))
            .ok_or_else(out_of_bounds)
    }

    /// The name at the end of the queue's URL.
    pub(super) fn queue_name(self) -> Result<&'r str, SqsException> {
        let url = self.text("QueueUrl")?;
        url.rsplit('/').next().ok_or_else(SqsException::no_queue)
    }

    /// The URL of a queue at this endpoint.
    pub(super) fn url_of(self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }
}
