//! The rules of parts: addresses, this machine or another, what a used folder takes.

use std::path::Path;

use super::*;
use crate::identity_key::create_identity_key;

fn kafka(bootstrap: &str) -> ExternalParts {
    ExternalParts {
        kafka: Some(ExternalKafka {
            bootstrap: bootstrap.to_owned(),
            config: None,
        }),
        ..ExternalParts::default()
    }
}

fn s3(endpoint: &str, bucket: Option<&str>) -> ExternalParts {
    ExternalParts {
        s3: Some(ExternalS3 {
            endpoint: endpoint.to_owned(),
            bucket: bucket.map(str::to_owned),
        }),
        ..ExternalParts::default()
    }
}

fn glue(endpoint: &str) -> ExternalParts {
    ExternalParts {
        glue: Some(endpoint.to_owned()),
        ..ExternalParts::default()
    }
}

#[test]
fn an_address_is_of_this_machine_or_named() {
    for here in [
        kafka("127.0.0.1:9092"),
        kafka("localhost:1,127.8.9.1:2, [::1]:3"),
        s3("http://localhost:9000", None),
        s3("https://[::ffff:127.0.0.1]:9000/", None),
        glue("http://127.0.0.1:5000"),
        ExternalParts::default(),
    ] {
        here.check().unwrap();
        assert_eq!(here.remote_hosts().unwrap(), [""; 0], "{here:?}");
    }
    for (there, host) in [
        (kafka("127.0.0.1:1,broker:2"), "broker (--kafka)"),
        (
            kafka("localhost.example.org:1"),
            "localhost.example.org (--kafka)",
        ),
        (kafka("0.0.0.0:1"), "0.0.0.0 (--kafka)"),
        (
            s3("https://s3.eu-west-2.amazonaws.com", None),
            "s3.eu-west-2.amazonaws.com (--s3)",
        ),
        (glue("http://10.0.0.7:5000"), "10.0.0.7 (--glue)"),
    ] {
        there.check().unwrap();
        assert_eq!(there.remote_hosts().unwrap(), [host]);
    }
}

#[test]
fn what_is_no_address_is_refused_with_its_option_and_without_its_login() {
    for wrong in [
        "",
        "broker",
        "broker:",
        ":9092",
        "b:0",
        "b:70000",
        "http://b:1",
        "a:1,,b:2",
        "::1:9",
    ] {
        let error = kafka(wrong).check().unwrap_err();
        assert!(error.starts_with("--kafka: "), "{wrong}: {error}");
    }
    for wrong in [
        "127.0.0.1:9000",
        "s3://bucket",
        "http://h/path",
        "http://h?x",
        "http://k:s3cret@h",
    ] {
        for (option, parts) in [("--s3: ", s3(wrong, None)), ("--glue: ", glue(wrong))] {
            let error = parts.check().unwrap_err();
            assert!(error.starts_with(option), "{wrong}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
    for wrong in ["", "Lake", "-a", "a_b", &"a".repeat(56)] {
        let error = s3("http://localhost:1", Some(wrong)).check().unwrap_err();
        assert!(error.starts_with("--bucket"), "{wrong}: {error}");
    }
}

#[test]
fn buckets_are_called_as_the_embedded_ones_or_after_their_prefix() {
    assert_eq!(ExternalParts::default().bucket_of("raw"), "raw");
    let named = s3("http://localhost:1", Some("lake"));
    let buckets = named.zone_buckets();
    assert_eq!(
        [
            buckets.raw,
            buckets.refined,
            buckets.curated,
            named.site_bucket()
        ],
        ["lake-raw", "lake-refined", "lake-curated", "lake-site"]
    );
}

#[test]
fn a_used_folder_keeps_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let own = ExternalParts {
        s3: s3("http://localhost:9000", Some("lake")).s3,
        ..kafka("localhost:9092")
    };
    let refused = |asked: &ExternalParts| settle_parts(folder, asked).unwrap_err().to_string();

    // A start that failed before it recorded its parts leaves the choice open.
    assert_eq!(settle_parts(folder, &own).unwrap(), own);
    assert_eq!(
        settle_parts(folder, &kafka("localhost:1")).unwrap(),
        kafka("localhost:1")
    );
    write_parts(folder, &own).unwrap();
    for same in [own.clone(), ExternalParts::default()] {
        assert_eq!(settle_parts(folder, &same).unwrap(), own);
    }
    for other in [
        kafka("localhost:9092"),
        kafka("localhost:1"),
        glue("http://localhost:1"),
    ] {
        let error = refused(&other);
        let recorded = "`--kafka localhost:9092 --s3 http://localhost:9000 --bucket lake`";
        for part in [recorded, "another --dir", &other.describe()] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    std::fs::write(folder.join("parts.json"), b"{").unwrap();
    assert!(refused(&own).contains("is damaged"));
    std::fs::write(folder.join("parts.json"), br#"{"queue": "x"}"#).unwrap();
    assert!(
        refused(&own).contains("is damaged"),
        "a later build's part is not passed over"
    );
}

#[test]
fn a_folder_of_embedded_parts_takes_no_other() {
    let folder = tempfile::tempdir().unwrap();
    create_identity_key(folder.path()).unwrap();
    let asked = glue("http://localhost:1");
    assert_eq!(
        settle_parts(folder.path(), &asked).unwrap(),
        asked,
        "a key is no use yet"
    );
    std::fs::create_dir(folder.path().join("s3")).unwrap();
    let embedded = ExternalParts::default();
    assert_eq!(settle_parts(folder.path(), &embedded).unwrap(), embedded);
    write_parts(folder.path(), &embedded).unwrap();
    let error = settle_parts(folder.path(), &glue("http://localhost:1")).unwrap_err();
    assert!(
        error.to_string().contains("embedded parts alone"),
        "{error}"
    );
}

#[test]
fn a_properties_file_is_read_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.properties");
    let with = |config: &Path| ExternalParts {
        kafka: Some(ExternalKafka {
            bootstrap: "localhost:1".to_owned(),
            config: Some(config.to_owned()),
        }),
        ..ExternalParts::default()
    };
    let missing = with(&file).check().unwrap_err();
    assert!(missing.contains("client.properties"), "{missing}");
    std::fs::write(&file, "security.protocol=SASL_SSL\nsasl.mechanism=GSSAPI\n").unwrap();
    let refused = with(&file).check().unwrap_err();
    assert!(refused.contains("client.properties: line 2"), "{refused}");
    std::fs::write(&file, "security.protocol=PLAINTEXT\n").unwrap();
    with(&file).check().unwrap();
}

#[test]
fn functions_get_the_credentials_of_the_command_and_no_endpoint() {
    let variables = [
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_PROFILE", "p"),
        ("AWS_ENDPOINT_URL", "x"),
        ("AWS_ENDPOINT_URL_S3", "x"),
        ("AWS_LAMBDA_RUNTIME_API", "x"),
        ("HOME", "/home/ada"),
        ("SECRET", "x"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let given = function_credentials(variables.into_iter());
    let names: Vec<&str> = given.keys().map(String::as_str).collect();
    assert_eq!(names, ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "HOME"]);
}
