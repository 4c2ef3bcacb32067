//! Secrets of Secrets Manager, kept for a few minutes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use tokio::sync::OnceCell;

/// How long a secret is kept: a rotated one is asked for at once when the API refuses the old.
const CACHE_TTL: Duration = Duration::from_secs(300);

/// The secrets that this sandbox has asked for. The client is made with the first.
#[derive(Default)]
pub(crate) struct SecretCache {
    client: OnceCell<Client>,
    cached: Mutex<HashMap<String, (Instant, String)>>,
}

impl SecretCache {
    /// The text of the secret `name`.
    ///
    /// # Errors
    /// What Secrets Manager said.
    pub(crate) async fn get(&self, name: &str) -> Result<String, String> {
        if let Some((at, text)) = self.lock_cache().get(name)
            && at.elapsed() < CACHE_TTL
        {
            return Ok(text.clone());
        }
        let client = self
            .client
            .get_or_init(|| async { Client::new(&host::load_aws_config().await) })
            .await;
        let answer = client.get_secret_value().secret_id(name).send().await;
        // The code alone: a whole answer, in an error's context, could hold the secret.
        let answer = answer
            .map_err(|error| format!("secret {name}: {}", error.code().unwrap_or("no answer")))?;
        let text = answer
            .secret_string
            .ok_or_else(|| format!("secret {name} is not a text"))?;
        self.lock_cache()
            .insert(name.to_owned(), (Instant::now(), text.clone()));
        Ok(text)
    }

    /// The secret was refused: the next request asks for it anew.
    pub(crate) fn invalidate_secret(&self, name: Option<&str>) {
        self.lock_cache()
            .retain(|known, _| Some(known.as_str()) != name);
    }

    fn lock_cache(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Instant, String)>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
