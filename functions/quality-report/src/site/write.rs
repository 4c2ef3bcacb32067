//! Writing an edition: only pages that changed, and none that has no table or source any more.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use host::Failure;
use lake::is_contract_page_key;
use pole::content_id;
use serde::{Deserialize, Serialize};
use store::ObjectStore;

use super::SitePage;

/// The pages that are there, with ids of their content.
const PAGE_IDS_KEY: &str = "pages.json";

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SiteWriteCounts {
    /// Pages of the edition.
    pub(crate) pages: usize,
    /// Pages that were written, because they changed.
    pub(crate) changed: usize,
    /// Pages that were deleted, because nothing has them any more.
    pub(crate) deleted: usize,
}

/// Writes what changed. The list of pages goes last: after a broken-off run they are written once
/// more.
///
/// # Errors
/// When the storage does not answer.
pub(crate) async fn write_changed_pages(
    pages: Vec<SitePage>,
    whole: bool,
    site: &dyn ObjectStore,
) -> Result<SiteWriteCounts, Failure> {
    let mut known = read_page_ids(site).await?;
    let mut written = SiteWriteCounts {
        pages: pages.len(),
        ..SiteWriteCounts::default()
    };
    let keys: BTreeSet<String> = pages.iter().map(|page| page.key.clone()).collect();
    for page in pages {
        let id = content_id(&page.body).to_string();
        if known.get(&page.key) != Some(&id) {
            let put = site
                .put(&page.key, Bytes::from(page.body), page.content_type)
                .await;
            put.map_err(|error| Failure::unavailable(&error))?;
            known.insert(page.key, id);
            written.changed += 1;
        }
    }
    if whole {
        let gone: Vec<String> = known
            .keys()
            .filter(|key| !keys.contains(*key) && is_contract_page_key(key))
            .cloned()
            .collect();
        for key in gone {
            site.delete(&key)
                .await
                .map_err(|error| Failure::unavailable(&error))?;
            known.remove(&key);
            written.deleted += 1;
        }
    }
    if written.changed + written.deleted > 0 {
        let json = serde_json::to_vec_pretty(&known).map_err(|error| Failure::corrupt(&error))?;
        let put = site
            .put(PAGE_IDS_KEY, Bytes::from(json), super::JSON_TYPE)
            .await;
        put.map_err(|error| Failure::unavailable(&error))?;
    }
    Ok(written)
}

async fn read_page_ids(site: &dyn ObjectStore) -> Result<BTreeMap<String, String>, Failure> {
    // When the list is missing or cannot be read, all pages are written once more.
    let ids = store::read_json_if_valid(site, PAGE_IDS_KEY).await?;

    Ok(ids.unwrap_or_default())
}
