//! Object storage on S3, and on the local platform's S3 endpoint: the same client, the same code.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use crate::s3_error::{http_status, s3_error};
use crate::versions;
use crate::{
    ListedObject, ObjectHead, ObjectMetadata, ObjectStore, RetryPolicy, StoreError, StoreErrorKind,
    StoredObject, retry_with_backoff,
};

/// A conditional PUT is repeated when S3 answers 409, "two at once, try again": after 10 ms, 20 ms,
/// ... 160 ms the other writer has finished.
const CONFLICT_RETRY: RetryPolicy = RetryPolicy::new(6, Duration::from_millis(10));

/// A client of S3. An S3 that has an endpoint of its own is asked with the bucket in the path: only
/// AWS has a name in the DNS for each bucket.
#[must_use]
pub fn s3_client(
    config: impl Into<aws_sdk_s3::config::Builder>,
    own_endpoint: Option<&str>,
) -> Client {
    let config = config.into().force_path_style(own_endpoint.is_some());
    Client::from_conf(config.build())
}

/// A bucket on S3.
#[derive(Clone, Debug)]
pub struct S3Store {
    client: Client,
    bucket: String,
}

/// Why a conditional PUT gave no answer.
enum PutFailure {
    /// Another writer was at work on the same key.
    Conflict,
    /// The service's failure.
    Store(StoreError),
}

impl S3Store {
    /// The bucket `bucket`.
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self {
            client,
            bucket: bucket.into(),
        }
    }

    /// Sends a conditional PUT; says whether the condition held.
    async fn put_conditionally(
        &self,
        key: &str,
        request: impl Fn() -> PutObjectFluentBuilder + Send + Sync,
    ) -> Result<bool, StoreError> {
        let answer = retry_with_backoff(
            CONFLICT_RETRY,
            || async { classify_put(request().send().await, key) },
            |failure| matches!(failure, PutFailure::Conflict),
        )
        .await;

        answer.map_err(|failure| match failure {
            PutFailure::Store(error) => error,
            PutFailure::Conflict => StoreError::new(
                StoreErrorKind::Unavailable,
                "put",
                key,
                "other writers were in the way too often",
            ),
        })
    }

    fn put_request(&self, key: &str, body: Bytes) -> PutObjectFluentBuilder {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .body(ByteStream::from(body))
    }
}

/// Whether a conditional PUT was done: false when its condition did not hold.
fn classify_put<T, E: ProvideErrorMetadata + std::error::Error + 'static>(
    answer: Result<T, SdkError<E>>,
    key: &str,
) -> Result<bool, PutFailure> {
    let Err(error) = answer else {
        return Ok(true);
    };
    match http_status(&error) {
        Some(412) => Ok(false),
        // If-Match on a key that was deleted: the tag is not there any more either.
        Some(404) if error.code() == Some("NoSuchKey") => Ok(false),
        Some(409) => Err(PutFailure::Conflict),
        _ => Err(PutFailure::Store(s3_error("put", key, &error))),
    }
}

fn to_listed_object(object: aws_sdk_s3::types::Object) -> Option<ListedObject> {
    Some(ListedObject {
        key: object.key?,
        size: object.size.unwrap_or_default().unsigned_abs(),
        etag: object.e_tag.unwrap_or_default(),
    })
}

fn interrupted_body_error(key: &str, error: &impl std::error::Error) -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        "get",
        key,
        format!("the content broke off: {error}"),
    )
}

impl S3Store {
    /// The objects after one key and before another, page by page; a page behind the end is not
    /// asked for.
    async fn list_pages(
        &self,
        prefix: &str,
        after: Option<&str>,
        before: Option<&str>,
    ) -> Result<Vec<ListedObject>, StoreError> {
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix);
        let mut pages = request
            .set_start_after(after.map(str::to_owned))
            .into_paginator()
            .send();
        let is_within = |entry: &ListedObject| before.is_none_or(|end| entry.key.as_str() < end);

        let mut entries = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| s3_error("list", prefix, &error))?;
            let listed = page.contents.unwrap_or_default().into_iter();
            entries.extend(listed.filter_map(to_listed_object));
            if entries.last().is_some_and(|last| !is_within(last)) {
                break;
            }
        }
        entries.retain(is_within);
        Ok(entries)
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        let answer = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await;
        let found = answer.map_err(|error| s3_error("get", key, &error))?;
        let size = found.content_length.unwrap_or_default().unsigned_abs();
        StoreError::check_object_size(key, size)?;

        let etag = found.e_tag.unwrap_or_default();
        let metadata = found.metadata.unwrap_or_default().into_iter().collect();
        let body = found
            .body
            .collect()
            .await
            .map_err(|error| interrupted_body_error(key, &error))?;
        Ok(StoredObject {
            body: body.into_bytes(),
            etag,
            metadata,
        })
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let header = format!("bytes={}-{}", range.start, range.end - 1);
        let answer = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .range(header)
            .send()
            .await;
        let found = answer.map_err(|error| match http_status(&error) {
            Some(416) => StoreError::truncated_object(key, &range),
            _ => s3_error("get", key, &error),
        })?;
        let body = found
            .body
            .collect()
            .await
            .map_err(|error| interrupted_body_error(key, &error))?
            .into_bytes();
        // S3 cuts a range at the object's end and calls it right.
        if body.len() as u64 == range.end - range.start {
            Ok(body)
        } else {
            Err(StoreError::truncated_object(key, &range))
        }
    }

    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        let answer = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await;
        let found = answer.map_err(|error| s3_error("head", key, &error))?;
        Ok(ObjectHead {
            size: found.content_length.unwrap_or_default().unsigned_abs(),
            etag: found.e_tag.unwrap_or_default(),
            metadata: found.metadata.unwrap_or_default().into_iter().collect(),
        })
    }

    async fn put(&self, key: &str, body: Bytes, content_type: &str) -> Result<(), StoreError> {
        let answer = self
            .put_request(key, body)
            .content_type(content_type)
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|error| s3_error("put", key, &error))
    }

    async fn put_file(&self, key: &str, file: &Path, content_type: &str) -> Result<(), StoreError> {
        let body = ByteStream::from_path(file).await;
        let body =
            body.map_err(|error| StoreError::unreadable_file(key, &std::io::Error::other(error)))?;
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .body(body);
        let answer = request.content_type(content_type).send().await;
        answer
            .map(drop)
            .map_err(|error| s3_error("put", key, &error))
    }

    async fn put_if_absent(
        &self,
        key: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        let request = || {
            let metadata = metadata.clone().into_iter().collect();
            self.put_request(key, body.clone())
                .set_metadata(Some(metadata))
                .if_none_match("*")
        };
        self.put_conditionally(key, request).await
    }

    async fn put_if_match(&self, key: &str, etag: &str, body: Bytes) -> Result<bool, StoreError> {
        self.replace_if_match(key, etag, body, ObjectMetadata::new())
            .await
    }

    async fn replace_if_match(
        &self,
        key: &str,
        etag: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        let request = || {
            let metadata = metadata.clone().into_iter().collect();
            self.put_request(key, body.clone())
                .set_metadata(Some(metadata))
                .if_match(etag)
        };
        self.put_conditionally(key, request).await
    }

    async fn purge_versions(&self, key: &str) -> Result<u64, StoreError> {
        let old = versions::list_noncurrent_versions(&self.client, &self.bucket, key).await?;
        for version in &old {
            let request = self
                .client
                .delete_object()
                .bucket(&self.bucket)
                .key(key)
                .version_id(version);
            request
                .send()
                .await
                .map_err(|error| s3_error("delete a version of", key, &error))?;
        }
        Ok(old.len() as u64)
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<ListedObject>, StoreError> {
        self.list_pages(prefix, after, None).await
    }

    async fn list_between(
        &self,
        prefix: &str,
        after: &str,
        before: &str,
    ) -> Result<Vec<ListedObject>, StoreError> {
        self.list_pages(prefix, Some(after), Some(before)).await
    }

    async fn find_first(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Option<ListedObject>, StoreError> {
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .max_keys(1);
        let answer = request
            .set_start_after(after.map(str::to_owned))
            .send()
            .await;
        let page = answer.map_err(|error| s3_error("list", prefix, &error))?;
        Ok(page
            .contents
            .unwrap_or_default()
            .into_iter()
            .find_map(to_listed_object))
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let answer = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await;
        answer
            .map(drop)
            .map_err(|error| s3_error("delete", key, &error))
    }
}
