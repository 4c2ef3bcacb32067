//! Secrets of Secrets Manager, cached for a few minutes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use tokio::sync::OnceCell;

/// How long a secret is cached. When an API refuses a secret, the cache drops it at once: it may
/// have been rotated.
const CACHE_TTL: Duration = Duration::from_secs(300);

/// The secrets that this sandbox has read. The first read builds the client.
#[derive(Default)]
pub(crate) struct SecretCache {
    client: OnceCell<Client>,
    cached: Mutex<HashMap<String, (Instant, String)>>,
}

impl SecretCache {
    /// The text of the secret `name`.
    ///
    /// # Errors
    /// The error code of Secrets Manager, or a secret that is not a text.
    pub(crate) async fn get(&self, name: &str) -> Result<String, String> {
        if let Some((read_at, text)) = self.lock_cache().get(name)
            && read_at.elapsed() < CACHE_TTL
        {
            return Ok(text.clone());
        }

        let text = self.read_secret(name).await?;
        self.lock_cache()
            .insert(name.to_owned(), (Instant::now(), text.clone()));
        Ok(text)
    }

    async fn read_secret(&self, name: &str) -> Result<String, String> {
        let client = self
            .client
            .get_or_init(|| async { Client::new(&host::load_aws_config().await) })
            .await;
        let answer = client.get_secret_value().secret_id(name).send().await;

        // The code alone: a full answer, in an error's context, could hold the secret.
        let secret = answer
            .map_err(|error| format!("secret {name}: {}", error.code().unwrap_or("no answer")))?;
        secret
            .secret_string
            .ok_or_else(|| format!("secret {name} is not a text"))
    }

    /// Drops a secret that an API refused: the next request reads it again.
    pub(crate) fn invalidate_secret(&self, name: Option<&str>) {
        self.lock_cache()
            .retain(|cached, _| Some(cached.as_str()) != name);
    }

    fn lock_cache(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Instant, String)>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
