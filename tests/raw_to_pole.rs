//! Raw to POLE: every sample that ships with a contract gives exactly the rows in `expected.txt`
//! beside it.
//!
//! After a change of a mapping, `polelake contract test --update` writes them again.

use polelake::samples::{EXPECTED_FILE, contract_folders, run_samples};

use crate::lake_under_test::repository_root;

#[test]
fn samples_give_their_golden_rows_and_every_event_type_has_one() {
    let contracts = repository_root().join("contracts");
    let catalogue = host::load_contracts(&contracts.to_string_lossy()).unwrap();
    let folders = contract_folders(&contracts).unwrap();
    assert_eq!(folders.len(), catalogue.mappings.len());
    for plan in &catalogue.mappings {
        let folder = &folders[&plan.contract.name];
        let sampled = run_samples(&catalogue, plan, folder).unwrap();
        let expected = std::fs::read_to_string(folder.join(EXPECTED_FILE)).unwrap_or_default();
        assert!(
            sampled.missing.is_empty(),
            "{}: no sample of {:?}",
            sampled.source,
            sampled.missing
        );
        assert!(
            !sampled.text.contains("quarantined"),
            "{}: a sample is refused",
            sampled.source
        );
        assert_eq!(
            sampled.text, expected,
            "{}: see `polelake contract test {0}`",
            sampled.source
        );
    }
}
