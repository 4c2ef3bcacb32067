//! The zones of a seed's world: behind the S3 endpoint and its proxy, or in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_sdk_s3::config::{Credentials, Region};
use bytes::Bytes;
use futures_util::FutureExt;
use local_platform::s3::{self, ACCESS_KEY, BucketFiles, SECRET_KEY};
use store::{
    ListedObject, MemoryStore, ObjectHead, ObjectMetadata, ObjectStore, S3Store, StoreError,
    StoreErrorKind, StoredObject,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::fault_injector::FaultInjector;
use crate::proxy::FaultProxy;

const BUCKETS: [&str; 3] = ["raw", "refined", "curated"];

/// Keys of raw objects, as S3's notifications tell of them: at least once, in no order.
pub(crate) type NotifiedKeys = Arc<Mutex<Vec<String>>>;

pub(crate) enum Zones {
    /// The local platform's S3 over HTTP, behind a proxy that fails.
    Served {
        client: aws_sdk_s3::Client,
        folder: PathBuf,
        proxy: JoinHandle<()>,
    },
    /// Stores in memory that fail: no byte of HTTP, so that many more seeds run.
    Memory(BTreeMap<&'static str, Arc<FaultyStore>>),
}

impl Drop for Zones {
    fn drop(&mut self) {
        if let Self::Served { proxy, .. } = self {
            proxy.abort();
        }
    }
}

impl Zones {
    pub(crate) async fn serve(
        folder: &Path,
        injector: Arc<FaultInjector>,
        notified: NotifiedKeys,
    ) -> Self {
        let watch: s3::ObjectWatcher = Arc::new(move |bucket: &str, key: &str| {
            notify_of(&notified, bucket, key);
            Ok(())
        });
        let folder = folder.join("s3");
        let files = Arc::new(BucketFiles::open(&folder, &BUCKETS, watch).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let proxy = FaultProxy::new(s3::endpoint_router(files), injector);
        Self::Served {
            client: s3_client(&endpoint),
            folder,
            proxy: tokio::spawn(proxy.serve(listener)),
        }
    }

    pub(crate) fn in_memory(injector: &Arc<FaultInjector>, notified: &NotifiedKeys) -> Self {
        let stores = BUCKETS.map(|bucket| {
            let store = FaultyStore {
                bucket,
                inner: MemoryStore::default(),
                injector: Arc::clone(injector),
                notified: Arc::clone(notified),
            };
            (bucket, Arc::new(store))
        });
        Self::Memory(stores.into())
    }

    pub(crate) fn store(&self, bucket: &str) -> Arc<dyn ObjectStore> {
        match self {
            Self::Served { client, .. } => Arc::new(S3Store::new(client.clone(), bucket)),
            Self::Memory(stores) => Arc::clone(&stores[bucket]) as _,
        }
    }

    /// Every object but the chains' hints and the lanes' states, by bucket and key.
    pub(crate) fn read_objects(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        for bucket in BUCKETS {
            match self {
                Self::Served { folder, .. } => read_folder(folder, bucket, &mut found),
                Self::Memory(stores) => stores[bucket].read_objects(&mut found),
            }
        }
        found.retain(|key, _| !key.contains("/_log/"));
        found
    }
}

fn notify_of(notified: &NotifiedKeys, bucket: &str, key: &str) {
    if bucket == "raw" && key.ends_with(".parquet") {
        notified.lock().unwrap().push(key.to_owned());
    }
}

/// A store in memory whose operations fail, before they are done or after.
pub(crate) struct FaultyStore {
    bucket: &'static str,
    inner: MemoryStore,
    injector: Arc<FaultInjector>,
    notified: NotifiedKeys,
}

impl FaultyStore {
    /// Lets others go on, as a request over the network does, and fails perhaps.
    async fn reach(&self, key: &str) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        self.fail_perhaps("storage unavailable", 6, key)
    }

    fn fail_perhaps(
        &self,
        fault: &'static str,
        per_mille: usize,
        key: &str,
    ) -> Result<(), StoreError> {
        if self.injector.inject_fault(fault, per_mille) {
            let kind = StoreErrorKind::Unavailable;
            return Err(StoreError::new(kind, "reach", key, fault));
        }
        Ok(())
    }

    /// The answer of a write that is done, if it is not lost.
    fn answer<T>(&self, key: &str, answer: T) -> Result<T, StoreError> {
        self.fail_perhaps("storage answer lost after the write", 10, key)?;
        Ok(answer)
    }

    fn read_objects(&self, found: &mut BTreeMap<String, Vec<u8>>) {
        // A store in memory waits for nothing.
        let listed = self.inner.list("", None).now_or_never();
        for entry in listed.unwrap().unwrap() {
            let object = self.inner.get(&entry.key).now_or_never().unwrap().unwrap();
            found.insert(
                format!("{}/{}", self.bucket, entry.key),
                object.body.to_vec(),
            );
        }
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        self.reach(key).await?;
        self.inner.get(key).await
    }

    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        self.reach(key).await?;
        self.inner.head(key).await
    }

    async fn put(&self, key: &str, body: Bytes, content_type: &str) -> Result<(), StoreError> {
        self.reach(key).await?;
        self.inner.put(key, body, content_type).await?;
        notify_of(&self.notified, self.bucket, key);
        self.answer(key, ())
    }

    async fn put_if_absent(
        &self,
        key: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        self.reach(key).await?;
        let was_free = self.inner.put_if_absent(key, body, metadata).await?;
        if was_free {
            notify_of(&self.notified, self.bucket, key);
        }
        self.answer(key, was_free)
    }

    async fn put_if_match(&self, key: &str, etag: &str, body: Bytes) -> Result<bool, StoreError> {
        self.reach(key).await?;
        let matched = self.inner.put_if_match(key, etag, body).await?;
        self.answer(key, matched)
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<ListedObject>, StoreError> {
        self.reach(prefix).await?;
        self.inner.list(prefix, after).await
    }

    async fn find_first(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Option<ListedObject>, StoreError> {
        self.reach(prefix).await?;
        self.inner.find_first(prefix, after).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.reach(key).await?;
        self.inner.delete(key).await
    }
}

fn s3_client(endpoint: &str) -> aws_sdk_s3::Client {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "suite");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(Region::new("eu-west-2"))
        .credentials_provider(credentials)
        .force_path_style(true)
        .endpoint_url(endpoint)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

fn read_folder(base: &Path, bucket: &str, found: &mut BTreeMap<String, Vec<u8>>) {
    visit_files(&base.join(bucket), &mut |path| {
        let key = path.strip_prefix(base).unwrap().to_string_lossy();
        found.insert(key.into_owned(), std::fs::read(path).unwrap());
    });
}

fn visit_files(folder: &Path, found: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            visit_files(&entry.path(), found);
        } else {
            found(&entry.path());
        }
    }
}
