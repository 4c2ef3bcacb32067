//! A damaged lake: whatever is done to an object, in whatever zone, the audit that reads every
//! object finds it.
//!
//! CI runs a share. `POLELAKE_DAMAGE_SEEDS=500` runs all, `POLELAKE_DAMAGE_FROM` begins elsewhere.

mod damage;
mod declared_losses;
mod kept_lake;
mod lost_beginning;
mod next_day;
mod published_again;
mod repaired;

use damage::{DamageKind, ObjectDamage};
use kept_lake::KeptLake;
use operations::audit::{AuditScope, LakeAudit, audit_lake};

use crate::erasure::people::zones;

/// Seeds that CI runs: each is one damage of each kind.
const SEEDS: u64 = 24;

fn read_number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

async fn audit(lake: &KeptLake) -> LakeAudit {
    let scope = AuditScope {
        deep: true,
        ..AuditScope::default()
    };
    audit_lake(&zones(&lake.days), scope).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damage_is_found() {
    let lake = KeptLake::build().await;
    let whole = audit(&lake).await;
    assert_eq!(whole.findings, [], "nothing is damaged yet");

    let from = read_number("POLELAKE_DAMAGE_FROM", 0);
    let seeds = from..from + read_number("POLELAKE_DAMAGE_SEEDS", SEEDS);
    let mut missed = Vec::new();
    for seed in seeds {
        for kind in DamageKind::ALL {
            let Some(damage) = ObjectDamage::choose(&lake, kind, seed) else {
                continue;
            };
            damage.apply(&lake).await;
            let audit = audit(&lake).await;
            if !damage.is_found_in(&audit) {
                missed.push(format!("seed {seed}: {damage:?}: {:?}", audit.findings));
            }
            lake.restore().await;
        }
    }
    assert_eq!(missed, [] as [String; 0], "{} missed", missed.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_lake_has_the_same_roots() {
    let roots = audit(&KeptLake::build().await).await.roots;
    assert!(roots.len() > 2, "{roots:?}");
    assert_eq!(audit(&KeptLake::build().await).await.roots, roots);
}
