//! The key of a lake's ids: read from Secrets Manager, and compared with the lake's own.

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use lake::{IDENTITY_RECORD_KEY, IdentityRecord};
use pole::IdentityKey;
use store::{ObjectMetadata, ObjectStore};

use crate::{Failure, FailureKind};

/// Reads the key from the secret of this name.
///
/// # Errors
/// A configuration failure when the secret is missing, may not be read or is too short; Secrets
/// Manager's failure otherwise. None of them holds the secret.
pub async fn read_identity_secret(config: &SdkConfig, name: &str) -> Result<IdentityKey, Failure> {
    let answer = Client::new(config)
        .get_secret_value()
        .secret_id(name)
        .send()
        .await;

    // The code alone: a full answer, in an error's context, could hold the secret.
    let secret = answer.map_err(|error| {
        let code = error.code().unwrap_or("no answer").to_owned();
        unreadable_secret(name, &code)
    })?;
    let text = secret
        .secret_string
        .ok_or_else(|| unreadable_secret(name, "the secret is not a text"))?;
    IdentityKey::from_secret(text.as_bytes()).map_err(|why| unreadable_secret(name, &why))
}

fn unreadable_secret(name: &str, why: &str) -> Failure {
    let message = format!(
        "the identity key in the secret `{name}` cannot be read: {why}; docs/runbook.md, \
         \"The identity key\", says how it is made and restored"
    );
    Failure::new(FailureKind::Configuration, message)
}

/// Refuses a key that is not the lake's: under another key every person would get a second id. The
/// first key that is used with a lake becomes the lake's.
///
/// # Errors
/// A configuration failure for another key or another identity format; the storage's failure.
pub async fn check_identity_key(
    refined: &dyn ObjectStore,
    key: &IdentityKey,
) -> Result<(), Failure> {
    let own = IdentityRecord::of_key(key);
    if let Some(object) = refined.get_if_present(IDENTITY_RECORD_KEY).await? {
        return check_record(&decode_record(&object.body)?, &own);
    }

    let body = own.to_json()?.into();
    refined
        .put_if_absent(IDENTITY_RECORD_KEY, body, ObjectMetadata::default())
        .await?;
    // Another function may have been first, with another key.
    let object = refined.get(IDENTITY_RECORD_KEY).await?;
    check_record(&decode_record(&object.body)?, &own)
}

/// Refuses a key that is not the lake's, for functions that make no ids before the transform does.
///
/// # Errors
/// As [`check_identity_key`].
pub async fn check_known_identity_key(
    refined: &dyn ObjectStore,
    key: &IdentityKey,
) -> Result<(), Failure> {
    match refined.get_if_present(IDENTITY_RECORD_KEY).await? {
        Some(object) => check_record(&decode_record(&object.body)?, &IdentityRecord::of_key(key)),
        None => Ok(()),
    }
}

fn decode_record(body: &[u8]) -> Result<IdentityRecord, Failure> {
    IdentityRecord::from_json(body)
        .map_err(|error| Failure::damaged_object(IDENTITY_RECORD_KEY, &error))
}

fn check_record(known: &IdentityRecord, own: &IdentityRecord) -> Result<(), Failure> {
    if known == own {
        return Ok(());
    }
    let message = format!(
        "the lake's ids were derived under identity format {} and the key {}, this function has \
         format {} and the key {}: restore the lake's own key (docs/runbook.md, \
         \"The identity key\")",
        known.identity_format, known.key_fingerprint, own.identity_format, own.key_fingerprint
    );
    Err(Failure::new(FailureKind::Configuration, message))
}

#[cfg(test)]
mod tests {
    use store::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn the_first_key_is_the_lakes_and_another_is_refused() {
        let refined = MemoryStore::default();
        let key = IdentityKey::from_secret(&[1; 32]).unwrap();
        check_identity_key(&refined, &key).await.unwrap();
        check_identity_key(&refined, &key).await.unwrap();

        let other = IdentityKey::from_secret(&[2; 32]).unwrap();
        let failure = check_identity_key(&refined, &other).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Configuration);
        assert!(failure.message.contains(other.fingerprint()), "{failure}");
    }
}
