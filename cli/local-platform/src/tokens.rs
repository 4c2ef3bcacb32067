//! The JWT authoriser for one machine: tokens of the platform's own key, checked as API Gateway
//! checks them.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde_json::Value;

use super::private_files::{protect_key_file, random_bytes, replace_private_file};

/// The issuer of the platform's tokens; a contract's `claims` name it.
pub const ISSUER: &str = "https://issuer.polelake.local";

/// Bytes of the key.
const KEY_BYTES: usize = 32;

/// Makes and checks tokens.
pub struct TokenIssuer {
    key: Vec<u8>,
}

impl TokenIssuer {
    /// Opens the key in the folder, or creates a new one.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let file = folder.join("token-key");
        protect_key_file(&file)?;
        match std::fs::read(&file) {
            Ok(key) if key.len() == KEY_BYTES => return Ok(Self { key }),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }

        let key = random_bytes::<KEY_BYTES>()?.to_vec();
        replace_private_file(&file, &key)?;
        Ok(Self { key })
    }

    /// A token with these claims; `iss` is the platform's.
    ///
    /// # Errors
    /// When the claims are no object.
    pub fn issue_token(&self, mut claims: Value) -> io::Result<String> {
        let Some(object) = claims.as_object_mut() else {
            return Err(io::Error::other("claims are an object"));
        };
        object.insert("iss".to_owned(), ISSUER.into());

        let header = Header::new(Algorithm::HS256);
        let key = EncodingKey::from_secret(&self.key);
        encode(&header, &claims, &key).map_err(io::Error::other)
    }

    /// The claims of a valid token of this key, as API Gateway passes them on: all of them texts.
    #[must_use]
    pub fn verify_token(&self, token: &str) -> Option<HashMap<String, String>> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[ISSUER]);
        rules.validate_aud = false;
        rules.leeway = 0;

        let key = DecodingKey::from_secret(&self.key);
        let decoded = decode::<HashMap<String, Value>>(token, &key, &rules).ok()?;
        let claims = decoded.claims.into_iter();
        Some(
            claims
                .map(|(name, value)| (name, claim_text(&value)))
                .collect(),
        )
    }
}

fn claim_text(claim: &Value) -> String {
    claim
        .as_str()
        .map_or_else(|| claim.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_our_own_tokens_that_last_are_good() {
        let tokens = TokenIssuer {
            key: vec![7; KEY_BYTES],
        };
        let good = tokens
            .issue_token(json!({"client_id": "a", "exp": 99_999_999_999u64}))
            .unwrap();
        assert_eq!(tokens.verify_token(&good).unwrap()["client_id"], "a");
        let old = tokens
            .issue_token(json!({"client_id": "a", "exp": 1_000_000_000}))
            .unwrap();
        assert!(tokens.verify_token(&old).is_none());
        assert!(
            TokenIssuer {
                key: vec![8; KEY_BYTES]
            }
            .verify_token(&good)
            .is_none()
        );
        // {"alg":"none"}, the same claims, no signature.
        let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", good.split('.').nth(1).unwrap());
        assert!(tokens.verify_token(&unsigned).is_none());
    }
}
