//! The versions that a versioned bucket keeps of an object beside the present one.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;

use crate::StoreError;
use crate::s3_error::s3_error;

/// The ids of every version of exactly this key that is not the present one: those with content first, then the markers of
/// deletions. Taken in this order, nothing of the object comes back to light half way.
pub(crate) async fn list_noncurrent_versions(
    client: &Client,
    bucket: &str,
    key: &str,
) -> Result<Vec<String>, StoreError> {
    let (mut contents, mut markers) = (Vec::new(), Vec::new());
    let (mut key_marker, mut version_marker) = (None, None);
    loop {
        let request = client.list_object_versions().bucket(bucket).prefix(key);
        let request = request
            .set_key_marker(key_marker)
            .set_version_id_marker(version_marker);
        let page = request
            .send()
            .await
            .map_err(|error| s3_error("list versions of", key, &error))?;
        contents.extend(noncurrent_version_ids(&page, key));
        markers.extend(delete_marker_ids(&page, key));
        // Keys come in their order: those that only begin with this one are behind it.
        let more = page.is_truncated == Some(true) && page.next_key_marker.as_deref() == Some(key);
        if !more {
            contents.append(&mut markers);
            return Ok(contents);
        }
        (key_marker, version_marker) = (page.next_key_marker, page.next_version_id_marker);
    }
}

fn noncurrent_version_ids(page: &ListObjectVersionsOutput, key: &str) -> Vec<String> {
    let old = page
        .versions()
        .iter()
        .filter(|one| one.key() == Some(key) && one.is_latest() != Some(true));
    old.filter_map(|version| version.version_id().map(str::to_owned))
        .collect()
}

fn delete_marker_ids(page: &ListObjectVersionsOutput, key: &str) -> Vec<String> {
    let mine = page
        .delete_markers()
        .iter()
        .filter(|marker| marker.key() == Some(key));
    mine.filter_map(|marker| marker.version_id().map(str::to_owned))
        .collect()
}
