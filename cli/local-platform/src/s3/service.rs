//! The operations of S3 that the functions and their readers use.

use std::sync::Arc;

use axum::Router;
use axum::error_handling::HandleError;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use s3s::auth::SimpleAuth;
use s3s::dto::{
    CommonPrefix, DeleteObjectInput, DeleteObjectOutput, ETag, ETagCondition, GetObjectInput,
    GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsV2Input, ListObjectsV2Output,
    Object, ObjectVersion, PutObjectInput, PutObjectOutput, StreamingBlob, Timestamp,
};
use s3s::service::S3ServiceBuilder;
use s3s::{HttpError, S3, S3Request, S3Response, S3Result, s3_error};

use super::files::{self, BucketFiles, IndexedObject, WriteCondition, WriteRefusal};
use super::{ACCESS_KEY, SECRET_KEY};

/// Entries of a page, as S3 has them.
const PAGE_ENTRIES_MAX: usize = 1_000;

struct S3FileService(Arc<BucketFiles>);

/// The endpoint over these files.
pub fn endpoint_router(files: Arc<BucketFiles>) -> Router {
    endpoint_router_with_key(files, None)
}

/// The same for clients that have a key pair of their own: those of an external Glue.
pub(crate) fn endpoint_router_with_key(
    files: Arc<BucketFiles>,
    own_key: Option<(String, String)>,
) -> Router {
    let mut keys = SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY);
    if let Some((key, secret)) = own_key {
        keys.register(key, secret.into());
    }
    let mut builder = S3ServiceBuilder::new(S3FileService(files));
    builder.set_auth(keys);
    let service = HandleError::new(builder.build(), |error: HttpError| async move {
        tracing::error!(?error, "the S3 endpoint failed");
        StatusCode::INTERNAL_SERVER_ERROR
    });
    Router::new().fallback_service(service)
}

fn internal_error(error: &std::io::Error) -> s3s::S3Error {
    s3_error!(InternalError, "{error}")
}

fn modified_time(entry: &IndexedObject) -> Timestamp {
    Timestamp::from(std::time::UNIX_EPOCH + std::time::Duration::from_secs(entry.modified))
}

impl S3FileService {
    fn require_bucket(&self, bucket: &str) -> S3Result<()> {
        if self.0.has_bucket(bucket) {
            Ok(())
        } else {
            Err(s3_error!(NoSuchBucket))
        }
    }
}

fn write_condition(input: &PutObjectInput) -> S3Result<WriteCondition> {
    match (&input.if_none_match, &input.if_match) {
        (None, None) => Ok(WriteCondition::Unconditional),
        (Some(ETagCondition::Any), None) => Ok(WriteCondition::IfAbsent),
        (None, Some(ETagCondition::ETag(tag))) => {
            Ok(WriteCondition::IfMatch(tag.value().to_owned()))
        }
        _ => Err(s3_error!(
            NotImplemented,
            "only If-None-Match: * and If-Match with a tag are conditions of a PUT"
        )),
    }
}

async fn collect_body(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let mut bytes = BytesMut::new();
    let Some(mut body) = body else {
        return Ok(bytes.freeze());
    };
    // A wrong checksum or a broken connection ends the stream with an error, and then nothing is
    // stored.
    while let Some(part) = body.next().await {
        bytes.extend_from_slice(&part.map_err(|error| s3_error!(BadDigest, "{error}"))?);
    }
    Ok(bytes.freeze())
}

#[async_trait::async_trait]
impl S3 for S3FileService {
    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.require_bucket(&request.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let mut input = request.input;
        self.require_bucket(&input.bucket)?;
        let condition = write_condition(&input)?;
        let body = collect_body(input.body.take()).await?;
        let entry = files::new_entry(
            input.content_type.map(|kind| kind.to_string()),
            input.metadata.unwrap_or_default(),
        );

        let written = self
            .0
            .write_object(&input.bucket, &input.key, &body, entry, &condition);
        let entry = written.map_err(|refusal| match refusal {
            WriteRefusal::ConditionFailed => s3_error!(PreconditionFailed),
            WriteRefusal::NoSuchKey => s3_error!(NoSuchKey),
            WriteRefusal::Io(error) => internal_error(&error),
        })?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(ETag::Strong(entry.etag)),
            ..Default::default()
        }))
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        self.require_bucket(&input.bucket)?;
        let opened = self.0.open_object(&input.bucket, &input.key);
        let opened = opened.map_err(|error| internal_error(&error))?;
        let (entry, file) = opened.ok_or_else(|| s3_error!(NoSuchKey))?;

        let range = match &input.range {
            None => 0..entry.size,
            Some(range) => range.check(entry.size)?,
        };
        let content_range = input.range.map(|_| {
            format!(
                "bytes {}-{}/{}",
                range.start,
                range.end.saturating_sub(1),
                entry.size
            )
        });
        let part = files::read_file_range(file, range).map_err(|error| internal_error(&error))?;

        Ok(S3Response::new(GetObjectOutput {
            content_length: i64::try_from(part.len()).ok(),
            body: Some(StreamingBlob::from(s3s::Body::from(part))),
            content_range,
            accept_ranges: Some("bytes".into()),
            e_tag: Some(ETag::Strong(entry.etag.clone())),
            last_modified: Some(modified_time(&entry)),
            content_type: entry.content_type,
            metadata: Some(entry.metadata),
            ..Default::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        self.require_bucket(&input.bucket)?;
        let opened = self.0.open_object(&input.bucket, &input.key);
        let opened = opened.map_err(|error| internal_error(&error))?;
        let (entry, _) = opened.ok_or_else(|| s3_error!(NoSuchKey))?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: i64::try_from(entry.size).ok(),
            accept_ranges: Some("bytes".into()),
            e_tag: Some(ETag::Strong(entry.etag.clone())),
            last_modified: Some(modified_time(&entry)),
            content_type: entry.content_type,
            metadata: Some(entry.metadata),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = request.input;
        self.require_bucket(&input.bucket)?;
        self.0
            .delete_object(&input.bucket, &input.key)
            .map_err(|error| internal_error(&error))?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    /// One version of each object, the current one: these buckets have no others.
    async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let input = request.input;
        self.require_bucket(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let limit = page_limit(input.max_keys);
        let start = input.key_marker.clone().unwrap_or_default();
        let page = list_page(&self.0, &input.bucket, &prefix, start, None, limit);

        Ok(S3Response::new(ListObjectVersionsOutput {
            name: Some(input.bucket),
            prefix: Some(prefix),
            max_keys: i32::try_from(limit).ok(),
            is_truncated: Some(page.next.is_some()),
            next_key_marker: page.next,
            versions: Some(page.contents.into_iter().map(current_version).collect()),
            ..Default::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        self.require_bucket(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let limit = page_limit(input.max_keys);
        let start = input
            .continuation_token
            .clone()
            .or_else(|| input.start_after.clone())
            .unwrap_or_default();
        let delimiter = input.delimiter.as_deref().filter(|text| !text.is_empty());
        let page = list_page(&self.0, &input.bucket, &prefix, start, delimiter, limit);

        let key_count = page.contents.len() + page.prefixes.len();
        let common = page.prefixes.into_iter().map(|prefix| CommonPrefix {
            prefix: Some(prefix),
        });
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(prefix),
            max_keys: i32::try_from(limit).ok(),
            key_count: i32::try_from(key_count).ok(),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next,
            contents: Some(page.contents),
            common_prefixes: Some(common.collect()),
            delimiter: input.delimiter,
            ..Default::default()
        }))
    }
}

/// The entries of a page: as many as the request asks for, and no more than S3 gives.
fn page_limit(max_keys: Option<i32>) -> usize {
    let wanted = max_keys.and_then(|max| usize::try_from(max).ok());
    wanted.unwrap_or(PAGE_ENTRIES_MAX).min(PAGE_ENTRIES_MAX)
}

struct S3ListPage {
    contents: Vec<Object>,
    prefixes: Vec<String>,
    next: Option<String>,
}

fn list_page(
    files: &BucketFiles,
    bucket: &str,
    prefix: &str,
    mut after: String,
    delimiter: Option<&str>,
    limit: usize,
) -> S3ListPage {
    let mut page = S3ListPage {
        contents: Vec::new(),
        prefixes: Vec::new(),
        next: None,
    };
    while page.contents.len() + page.prefixes.len() < limit {
        let room = if delimiter.is_some() { 1 } else { limit };
        let (found, more) = files.list_objects(bucket, prefix, &after, room);
        for (key, entry) in found {
            let folder = delimiter.and_then(|delimiter| common_prefix(&key, prefix, delimiter));
            match folder {
                Some(folder) => {
                    // The folder's name stands for every key below it: go on after the last of
                    // them.
                    after = format!("{folder}\u{10ffff}");
                    page.prefixes.push(folder);
                }
                None => {
                    after.clone_from(&key);
                    page.contents.push(listed_object(key, &entry));
                }
            }
        }
        if !more {
            return page;
        }
    }
    page.next = Some(after);
    page
}

fn common_prefix(key: &str, prefix: &str, delimiter: &str) -> Option<String> {
    let rest = key.strip_prefix(prefix)?;
    rest.find(delimiter)
        .map(|position| key[..prefix.len() + position + delimiter.len()].to_owned())
}

/// The version of an object in a bucket that has no versions.
fn current_version(object: Object) -> ObjectVersion {
    ObjectVersion {
        key: object.key,
        size: object.size,
        e_tag: object.e_tag,
        last_modified: object.last_modified,
        is_latest: Some(true),
        version_id: Some("null".into()),
        ..Default::default()
    }
}

fn listed_object(key: String, entry: &IndexedObject) -> Object {
    Object {
        key: Some(key),
        size: i64::try_from(entry.size).ok(),
        e_tag: Some(ETag::Strong(entry.etag.clone())),
        last_modified: Some(modified_time(entry)),
        ..Default::default()
    }
}
