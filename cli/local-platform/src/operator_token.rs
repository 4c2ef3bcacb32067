//! The folder's secret, which requests to `/_local/…` carry: whoever can read the folder may
//! operate its platform.

use std::io;
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq;

use super::private_files::{protect_key_file, random_hex_text, replace_private_file};

/// The name of its file in the platform's folder.
pub const OPERATOR_TOKEN_FILE: &str = "operator-token";

/// Random bytes of a token; its text has two hexadecimal digits for each.
const TOKEN_BYTES: usize = 32;

/// The token of one folder, and where it is stored.
pub struct OperatorToken {
    text: String,
    file: PathBuf,
}

impl OperatorToken {
    /// Opens the folder's token, or makes one.
    ///
    /// # Errors
    /// When its file cannot be read or written.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        protect_key_file(&folder.join(OPERATOR_TOKEN_FILE))?;
        match Self::read(folder) {
            Ok(token) => return Ok(token),
            // A crash left none, or a part of one.
            Err(error) if is_without_token(&error) => {}
            Err(error) => return Err(error),
        }

        let text = random_hex_text::<TOKEN_BYTES>()?;
        let file = folder.join(OPERATOR_TOKEN_FILE);
        replace_private_file(&file, text.as_bytes())?;
        Ok(Self { text, file })
    }

    /// Reads the token of a folder.
    ///
    /// # Errors
    /// When the folder has none, or it cannot be read.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let file = folder.join(OPERATOR_TOKEN_FILE);
        let text = std::fs::read_to_string(&file)?.trim().to_owned();
        let is_token = text.len() == 2 * TOKEN_BYTES && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_token {
            let message = format!(
                "{} holds no token; start the platform again",
                file.display()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(Self { text, file })
    }

    /// Its text, as requests carry it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where it is stored.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Whether a text is the token. The time that this takes says nothing of how much of it is
    /// right.
    #[must_use]
    pub(crate) fn equals(&self, text: &str) -> bool {
        self.text.as_bytes().ct_eq(text.as_bytes()).into()
    }
}

fn is_without_token(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::InvalidData
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::private_files::{create_private_folder, write_private_file};

    #[test]
    fn a_folder_keeps_its_token_and_a_damaged_one_is_replaced() {
        let folder =
            std::env::temp_dir().join(format!("polelake-operator-token-{}", std::process::id()));
        create_private_folder(&folder).unwrap();
        assert!(OperatorToken::read(&folder).is_err());
        let token = OperatorToken::open(&folder).unwrap();
        let again = OperatorToken::open(&folder).unwrap();
        assert!(token.equals(again.text()) && token.text().len() == 64);

        for wrong in [
            "",
            &token.text()[1..],
            &"0".repeat(64),
            &format!("{} ", token.text()),
        ] {
            assert!(!token.equals(wrong), "{wrong:?}");
        }
        write_private_file(token.file(), &token.text().as_bytes()[..7]).unwrap();
        let new = OperatorToken::open(&folder).unwrap();
        assert!(!token.equals(new.text()) && new.text().len() == 64);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
