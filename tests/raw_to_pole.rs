//! Raw to POLE: every sample that ships with a contract gives exactly these rows.
//!
//! After a change of a mapping, `UPDATE_EXPECT=1 cargo test -p pipeline-tests` writes the golden file anew.

use std::fmt::Write;

use bytes::Bytes;
use expect_test::expect_file;
use lake::{Chunk, RawRecord, decode_raw, encode_raw};

use crate::lake_under_test::{collect, root, rows};

/// Columns that are the same in every row of a sample, or tell nothing of the mapping.
const SKIPPED: [&str; 8] = [
    "contract_version",
    "mapping_version",
    "topic",
    "partition",
    "offset",
    "ingested_at",
    "source",
    "source_event_id",
];

#[test]
fn samples_give_their_golden_rows() {
    let catalogue = host::load_contracts(&root().join("contracts").to_string_lossy()).unwrap();
    let mut samples = Vec::new();
    collect(&root().join("contracts/sources"), &mut |path| {
        if path.extension().is_some_and(|extension| extension == "json") {
            samples.push(path.to_owned());
        }
    });
    samples.sort();
    assert!(samples.len() >= 13);
    let mut golden = String::new();
    for sample in samples {
        let contract = sample.parent().unwrap().with_file_name("contract.odcs.yaml");
        let text = std::fs::read_to_string(contract).unwrap();
        let source = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
        let plan = catalogue.source(source).unwrap();
        let chunk = Chunk { topic: plan.contract.topic.clone(), epoch: 1, partition: 0, offset: 0 };
        let value = Some(Bytes::from(std::fs::read(&sample).unwrap()));
        let record = RawRecord {
            offset: 0,
            timestamp: 1_772_409_600_000,
            timestamp_type: None,
            key: None,
            value,
            headers: None,
        };
        let raw = decode_raw(encode_raw(&chunk, &[record], 1).unwrap()).unwrap();
        let done = pole_transform::transform(&catalogue, plan, &chunk, 1, &raw).unwrap();
        assert_eq!(
            done.receipt.quarantined_total(),
            0,
            "{}: {:?}",
            sample.display(),
            done.receipt.quarantined
        );
        writeln!(golden, "# {source}: {}", sample.file_stem().unwrap().to_string_lossy()).unwrap();
        for (key, bytes) in done.objects {
            for row in rows(bytes) {
                writeln!(golden, "{}", key.split('/').nth(1).unwrap()).unwrap();
                for (name, value) in row.iter().filter(|(name, _)| !SKIPPED.contains(&name.as_str())) {
                    writeln!(golden, "    {name}: {value}").unwrap();
                }
            }
        }
        golden.push('\n');
    }
    expect_file!["golden/samples.txt"].assert_eq(&golden);
}
