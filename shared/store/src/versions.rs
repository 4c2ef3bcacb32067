//! The versions that a versioned bucket keeps of an object beside the present one.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;

use crate::StoreError;
use crate::s3_error::s3_error;

/// The ids of every version of exactly this key that is not the present one: those with content
/// first, then the markers of deletions. Deleted in this order, no old content becomes the present
/// version half way.
pub(crate) async fn list_noncurrent_versions(
    client: &Client,
    bucket: &str,
    key: &str,
) -> Result<Vec<String>, StoreError> {
    let mut contents = Vec::new();
    let mut markers = Vec::new();
    let mut key_marker = None;
    let mut version_marker = None;
    loop {
        let request = client
            .list_object_versions()
            .bucket(bucket)
            .prefix(key)
            .set_key_marker(key_marker)
            .set_version_id_marker(version_marker);
        let page = request
            .send()
            .await
            .map_err(|error| s3_error("list versions of", key, &error))?;
        contents.extend(noncurrent_version_ids(&page, key));
        markers.extend(delete_marker_ids(&page, key));

        // Keys are listed in their order: longer keys that begin with this one come after it.
        let has_more =
            page.is_truncated == Some(true) && page.next_key_marker.as_deref() == Some(key);
        if !has_more {
            contents.append(&mut markers);
            return Ok(contents);
        }
        key_marker = page.next_key_marker;
        version_marker = page.next_version_id_marker;
    }
}

fn noncurrent_version_ids(page: &ListObjectVersionsOutput, key: &str) -> Vec<String> {
    let noncurrent = page
        .versions()
        .iter()
        .filter(|version| version.key() == Some(key) && version.is_latest() != Some(true));
    noncurrent
        .filter_map(|version| version.version_id().map(str::to_owned))
        .collect()
}

fn delete_marker_ids(page: &ListObjectVersionsOutput, key: &str) -> Vec<String> {
    let markers = page
        .delete_markers()
        .iter()
        .filter(|marker| marker.key() == Some(key));
    markers
        .filter_map(|marker| marker.version_id().map(str::to_owned))
        .collect()
}
