//! What a properties file says, and what is refused by name.

use krafka::auth::{SaslMechanism, SecurityProtocol};

use super::*;

/// A certificate that is one by its form alone: nothing is parsed before a connection.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";

fn parse(text: &str) -> Result<AuthConfig, String> {
    KafkaProperties::parse(text, Path::new("/no-such-folder")).map(|found| found.auth_config())
}

#[track_caller]
fn assert_refused(text: &str, telling: &[&str]) {
    let error = parse(text).unwrap_err();
    for part in telling {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn an_empty_file_is_an_open_connection() {
    let config = parse("# nothing\n").unwrap();
    assert_eq!(*config.security_protocol(), SecurityProtocol::Plaintext);
}

#[test]
fn a_login_is_read_in_both_of_its_forms() {
    let jaas = "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n\
                sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \\\n  \
                required username=\"ada\" password=\"s3cret\";\n";
    let config = parse(jaas).unwrap();
    assert_eq!(*config.security_protocol(), SecurityProtocol::SaslSsl);
    assert_eq!(config.sasl_mechanism(), Some(&SaslMechanism::Plain));
    let login = config.plain_credentials().unwrap();
    assert_eq!((&*login.username, &*login.password), ("ada", "s3cret"));

    for (mechanism, expected) in [
        ("SCRAM-SHA-256", SaslMechanism::ScramSha256),
        ("SCRAM-SHA-512", SaslMechanism::ScramSha512),
    ] {
        let text = format!(
            "security.protocol=sasl_plaintext\nsasl.mechanism={mechanism}\n\
             sasl.username=ada\nsasl.password=s3cret\n"
        );
        let config = parse(&text).unwrap();
        assert_eq!(*config.security_protocol(), SecurityProtocol::SaslPlaintext);
        assert_eq!(config.sasl_mechanism(), Some(&expected));
        assert_eq!(config.scram_credentials().unwrap().password, "s3cret");
    }
}

#[test]
fn certificates_are_read_beside_the_file_and_from_texts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), CERTIFICATE).unwrap();
    std::fs::write(
        folder.path().join("both.pem"),
        format!("{KEY}{CERTIFICATE}"),
    )
    .unwrap();
    let file = folder.path().join("client.properties");
    for trusted in ["ssl.truststore.location", "ssl.ca.location"] {
        let text = format!(
            "security.protocol=SSL\nssl.truststore.type=PEM\n{trusted}=ca.pem\n\
             ssl.keystore.type=pem\nssl.keystore.location=both.pem\n\
             ssl.endpoint.identification.algorithm=https\n"
        );
        std::fs::write(&file, text).unwrap();
        let config = KafkaProperties::read(&file).unwrap().auth_config();
        assert_eq!(*config.security_protocol(), SecurityProtocol::Ssl);
        assert!(config.tls_config().unwrap().verify_server_cert());
    }

    let escaped = CERTIFICATE.replace('\n', "\\n");
    parse(&format!(
        "security.protocol=SSL\nssl.truststore.certificates={escaped}"
    ))
    .unwrap();
    std::fs::write(&file, "security.protocol=SSL\nssl.ca.location=none.pem\n").unwrap();
    let error = KafkaProperties::read(&file).unwrap_err();
    let named = ["client.properties", "line 2", "none.pem"];
    assert!(named.iter().all(|part| error.contains(part)), "{error}");
}

#[test]
fn what_is_not_supported_is_refused_by_name_and_line() {
    let sasl = "security.protocol=SASL_SSL\nsasl.mechanism=";
    for mechanism in ["OAUTHBEARER", "AWS_MSK_IAM", "GSSAPI", "plain"] {
        assert_refused(
            &format!("{sasl}{mechanism}"),
            &["line 2", mechanism, "SCRAM-SHA-512"],
        );
    }
    assert_refused("security.protocol=SASL_SSL", &["sasl.mechanism", "GSSAPI"]);
    assert_refused("security.protocol=TLS", &["line 1", "SASL_PLAINTEXT"]);
    assert_refused("acks=all", &["line 1", "`acks`", "take it out"]);
    assert_refused("\nbootstrap.servers=x:9092", &["line 2", "--kafka"]);
    let ssl = "security.protocol=SSL\n";
    for (line, telling) in [
        ("ssl.truststore.type=JKS", "PEM"),
        ("ssl.keystore.type=PKCS12", "PEM"),
        ("ssl.truststore.password=s3cret", "keytool"),
        ("ssl.key.password=s3cret", "openssl"),
        ("ssl.endpoint.identification.algorithm=", "https"),
        ("ssl.truststore.certificates=s3cret", "BEGIN CERTIFICATE"),
        ("ssl.enabled.protocols=TLSv1.3", "not supported"),
    ] {
        assert_refused(&format!("{ssl}{line}"), &["line 2", telling]);
    }
}

#[test]
fn what_would_have_no_effect_is_refused() {
    assert_refused("sasl.mechanism=PLAIN", &["line 1", "SASL_SSL"]);
    assert_refused("ssl.ca.location=x", &["line 1", "SSL"]);
    let scram = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n";
    assert_refused(&format!("{scram}ssl.ca.location=x"), &["ssl.ca.location"]);
    assert_refused(scram, &["sasl.jaas.config", "sasl.username"]);
    assert_refused(&format!("{scram}sasl.username=ada"), &["sasl.password"]);
    let twice = "sasl.username=a\nsasl.password=s3cret\nsasl.jaas.config=x";
    assert_refused(&format!("{scram}{twice}"), &["two logins"]);

    let text = CERTIFICATE.replace('\n', "\\n");
    let chain = format!("security.protocol=SSL\nssl.keystore.certificate.chain={text}");
    assert_refused(&chain, &["needs its key"]);
    let both =
        format!("security.protocol=SSL\nssl.truststore.certificates={text}\nssl.ca.location=x");
    assert_refused(&both, &["keep one"]);
}

#[test]
fn a_login_is_never_printed() {
    let text = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n\
                sasl.username=ada\nsasl.password=s3cret\n";
    let properties = KafkaProperties::parse(text, Path::new(".")).unwrap();
    let printed = format!("{properties:?}");
    assert!(
        !printed.contains("s3cret") && !printed.contains("ada"),
        "{printed}"
    );
}
