//! How to sign in to Kafka, as the properties file of a Java client says it.
//!
//! A property that would be passed over could leave a connection open that its owner believes
//! closed: what is not supported is refused by name. No message holds a value of a login.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use krafka::auth::{AuthConfig, TlsConfig};

use super::jaas::read_jaas_login;
use super::properties_text::{FileProperty, parse_properties};

/// The largest file that is read, of properties and of certificates.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

const PROTOCOL: &str = "security.protocol";
const MECHANISM: &str = "sasl.mechanism";
const JAAS: &str = "sasl.jaas.config";
const USERNAME: &str = "sasl.username";
const PASSWORD: &str = "sasl.password";
const TRUSTSTORE: &str = "ssl.truststore.location";
const TRUSTSTORE_TYPE: &str = "ssl.truststore.type";
const CA_FILE: &str = "ssl.ca.location";
const CA_TEXT: &str = "ssl.truststore.certificates";
const KEYSTORE: &str = "ssl.keystore.location";
const KEYSTORE_TYPE: &str = "ssl.keystore.type";
const CERTIFICATE_FILE: &str = "ssl.certificate.location";
const KEY_FILE: &str = "ssl.key.location";
const CERTIFICATE_TEXT: &str = "ssl.keystore.certificate.chain";
const KEY_TEXT: &str = "ssl.keystore.key";
const HOST_CHECK: &str = "ssl.endpoint.identification.algorithm";

/// The properties that are used.
const KNOWN: [&str; 16] = [
    PROTOCOL,
    MECHANISM,
    JAAS,
    USERNAME,
    PASSWORD,
    TRUSTSTORE,
    TRUSTSTORE_TYPE,
    CA_FILE,
    CA_TEXT,
    KEYSTORE,
    KEYSTORE_TYPE,
    CERTIFICATE_FILE,
    KEY_FILE,
    CERTIFICATE_TEXT,
    KEY_TEXT,
    HOST_CHECK,
];

/// What is said of properties that many files have, and that are not used.
const REFUSED: [(&str, &str); 5] = [
    ("bootstrap.servers", "the option --kafka names the brokers"),
    (
        "ssl.key.password",
        "keys with a password are not read; `openssl pkcs8 -in KEY -out PLAIN` writes one without",
    ),
    (
        "ssl.keystore.password",
        "keystores with a password are not read; PEM has the certificate and its key as texts",
    ),
    (
        "ssl.truststore.password",
        "truststores with a password are not read; `keytool -exportcert -rfc` writes PEM",
    ),
    (
        "sasl.client.callback.handler.class",
        "classes of Java cannot run here",
    ),
];

/// How to sign in, as a properties file says it.
#[derive(Clone)]
pub struct KafkaProperties(Box<AuthConfig>);

impl fmt::Debug for KafkaProperties {
    /// Without what it holds: that is a login.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaProperties").finish_non_exhaustive()
    }
}

impl KafkaProperties {
    /// Reads a file, and the certificates that it names; their paths are relative to its folder.
    ///
    /// # Errors
    /// When a file cannot be read, a property is not supported, or one lacks another that it needs.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = read_text(file)?;
        let folder = file.parent().unwrap_or(Path::new("."));
        Self::parse(&text, folder).map_err(|why| format!("{}: {why}", file.display()))
    }

    fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let file = SecurityFile::parse(text, folder)?;
        file.auth_config().map(|config| Self(Box::new(config)))
    }

    pub(crate) fn auth_config(&self) -> AuthConfig {
        (*self.0).clone()
    }
}

/// The properties of a file, all of them known.
struct SecurityFile<'f> {
    properties: BTreeMap<String, FileProperty>,
    folder: &'f Path,
}

impl<'f> SecurityFile<'f> {
    fn parse(text: &str, folder: &'f Path) -> Result<Self, String> {
        let mut properties = BTreeMap::new();
        for property in parse_properties(text)? {
            refuse_unknown(&property)?;
            // As in Java, the last of several counts.
            properties.insert(property.key.clone(), property);
        }
        Ok(Self { properties, folder })
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.properties.get(key).map(|found| found.value.trim())
    }

    /// A fault with the line of the property that it is about.
    fn fault(&self, key: &str, why: &str) -> String {
        match self.properties.get(key) {
            Some(found) => format!("line {}: `{key}` {why}", found.line),
            None => format!("`{key}` {why}"),
        }
    }

    fn auth_config(&self) -> Result<AuthConfig, String> {
        let protocol = self.value(PROTOCOL).unwrap_or("PLAINTEXT");
        let (has_tls, has_login) = match protocol.to_ascii_uppercase().as_str() {
            "PLAINTEXT" => (false, false),
            "SSL" => (true, false),
            "SASL_PLAINTEXT" => (false, true),
            "SASL_SSL" => (true, true),
            _ => {
                let known = "is not one of PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL";
                return Err(self.fault(PROTOCOL, known));
            }
        };
        self.refuse_without_effect("ssl.", has_tls, "SSL or SASL_SSL")?;
        self.refuse_without_effect("sasl.", has_login, "SASL_SSL or SASL_PLAINTEXT")?;

        let login = match has_login {
            true => self.login()?,
            false => AuthConfig::plaintext(),
        };
        match has_tls {
            true => Ok(login.with_tls(self.tls_config()?)),
            false => Ok(login),
        }
    }

    /// Refuses properties that the protocol does not use: their owner believes that it does.
    fn refuse_without_effect(
        &self,
        prefix: &str,
        has_effect: bool,
        protocols: &str,
    ) -> Result<(), String> {
        let found = self.properties.keys().find(|key| key.starts_with(prefix));
        match found.filter(|_| !has_effect) {
            Some(key) => {
                let why = format!("has an effect with {PROTOCOL}={protocols} alone");
                Err(self.fault(key, &why))
            }
            None => Ok(()),
        }
    }

    fn login(&self) -> Result<AuthConfig, String> {
        let mechanism = self.value(MECHANISM).unwrap_or("GSSAPI");
        let (module, build): (&str, fn(String, String) -> AuthConfig) = match mechanism {
            "PLAIN" => ("PlainLoginModule", AuthConfig::sasl_plain),
            "SCRAM-SHA-256" => ("ScramLoginModule", AuthConfig::sasl_scram_sha256),
            "SCRAM-SHA-512" => ("ScramLoginModule", AuthConfig::sasl_scram_sha512),
            _ => {
                let why = format!(
                    "is `{mechanism}`, which is not supported: PLAIN, SCRAM-SHA-256 and \
                     SCRAM-SHA-512 are"
                );
                return Err(self.fault(MECHANISM, &why));
            }
        };

        let (name, password) = self.name_and_password(module)?;
        Ok(build(name, password))
    }

    /// The login of `sasl.jaas.config`, or of `sasl.username` and `sasl.password`.
    fn name_and_password(&self, module: &str) -> Result<(String, String), String> {
        let apart = (self.value(USERNAME), self.value(PASSWORD));
        match (self.value(JAAS), apart) {
            (Some(jaas), (None, None)) => {
                read_jaas_login(jaas, module).map_err(|why| self.fault(JAAS, &why))
            }
            (None, (Some(name), Some(password))) => Ok((name.to_owned(), password.to_owned())),
            (Some(_), _) => Err(self.fault(JAAS, "and `sasl.username` are two logins; keep one")),
            (None, _) => {
                let why = format!("needs a login: `{JAAS}`, or `{USERNAME}` and `{PASSWORD}`");
                Err(self.fault(MECHANISM, &why))
            }
        }
    }

    fn tls_config(&self) -> Result<TlsConfig, String> {
        for store_type in [TRUSTSTORE_TYPE, KEYSTORE_TYPE] {
            if self
                .value(store_type)
                .is_some_and(|kind| !kind.eq_ignore_ascii_case("PEM"))
            {
                return Err(self.fault(store_type, "is not PEM, the one type that is read"));
            }
        }
        if self
            .value(HOST_CHECK)
            .is_some_and(|check| !check.eq_ignore_ascii_case("https"))
        {
            let why = "is not `https`: a broker whose name is not in its certificate is refused";
            return Err(self.fault(HOST_CHECK, why));
        }

        let mut tls = TlsConfig::new();
        if let Some(trusted) = self.pem_of(&[TRUSTSTORE, CA_FILE], CA_TEXT, "CERTIFICATE")? {
            tls = tls.with_ca_cert_pem(trusted);
        }
        let certificate = self.pem_of(
            &[KEYSTORE, CERTIFICATE_FILE],
            CERTIFICATE_TEXT,
            "CERTIFICATE",
        )?;
        let key = self.pem_of(&[KEYSTORE, KEY_FILE], KEY_TEXT, "PRIVATE KEY")?;
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(tls.with_client_cert_pem(certificate, key)),
            (None, None) => Ok(tls),
            (Some(_), None) => Err(format!(
                "a client's certificate needs its key: `{KEY_FILE}`"
            )),
            (None, Some(_)) => Err(format!(
                "a client's key needs its certificate: `{CERTIFICATE_FILE}`"
            )),
        }
    }

    /// The PEM of the one property of these that is there: a file's, or a text's.
    fn pem_of(&self, files: &[&str], text: &str, section: &str) -> Result<Option<Vec<u8>>, String> {
        let mut found = files
            .iter()
            .chain([&text])
            .filter(|key| self.value(key).is_some());
        let Some(key) = found.next() else {
            return Ok(None);
        };
        if let Some(other) = found.next() {
            return Err(self.fault(key, &format!("and `{other}` say the same; keep one")));
        }

        let value = self.value(key).unwrap_or_default();
        let pem = match *key == text {
            true => value.to_owned(),
            false => read_text(&self.path_of(value)).map_err(|why| self.fault(key, &why))?,
        };
        let is_encrypted = pem.contains("ENCRYPTED PRIVATE KEY-----");
        if pem.contains(&format!("{section}-----")) && !is_encrypted {
            return Ok(Some(pem.into_bytes()));
        }
        let why = format!(
            "holds no PEM with `-----BEGIN {section}-----` and no key with a password: nothing \
             else is read"
        );
        Err(self.fault(key, &why))
    }

    fn path_of(&self, value: &str) -> PathBuf {
        self.folder.join(value)
    }
}

fn refuse_unknown(property: &FileProperty) -> Result<(), String> {
    if KNOWN.contains(&property.key.as_str()) {
        return Ok(());
    }
    let refused = REFUSED.iter().find(|(key, _)| *key == property.key);
    let why = match refused {
        Some((_, why)) => (*why).to_owned(),
        None => "it is not supported; take it out if the connection does without it".to_owned(),
    };
    Err(format!("line {}: `{}`: {why}", property.line, property.key))
}

/// The text of a file, which is not larger than any file of its kind is.
fn read_text(file: &Path) -> Result<String, String> {
    let named = |why: std::io::Error| format!("{} cannot be read: {why}", file.display());
    let size = std::fs::metadata(file).map_err(named)?.len();
    if size > FILE_BYTES_MAX {
        let file = file.display();
        return Err(format!(
            "{file} has {size} bytes, more than {FILE_BYTES_MAX}"
        ));
    }
    // A keystore of Java is no text; what it is instead is said where PEM is looked for.
    let bytes = std::fs::read(file).map_err(named)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
