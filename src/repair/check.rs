//! Looking for damage in an index, down to the documents it puts at risk.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use super::condition::{AtRisk, Condition, Remains};
use crate::Result;
use crate::format::SegmentEntry;
use crate::segment::{Expansion, IndexParams};
use crate::store::{Finding, Store, VerifyLevel, VerifyReport};

/// What a check read and found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// Damage found in bytes, and in what they say.
    #[serde(flatten)]
    pub store: VerifyReport,
    /// Live documents according to the newest commit.
    pub documents: u64,
    /// What recovery would lose or bring back, by segment.
    pub at_risk: Vec<AtRisk>,
}

impl CheckReport {
    /// True when no damage was found.
    pub fn is_ok(&self) -> bool {
        self.store.is_ok() && self.at_risk.is_empty()
    }
}

/// Checks the index at `path`: reads only, and goes on after the first damage. At
/// [`VerifyLevel::Headers`] documents are not looked at.
///
/// # Errors
///
/// `NotFound` when nothing is there; `NotAnIndex`, `UnsupportedVersion`, or `Corrupt` when no
/// committed state can be found, where [`recover`](super::recover) may still find one;
/// `PermissionDenied` or `Io` when the file cannot be read.
pub fn check(path: impl AsRef<Path>, level: VerifyLevel) -> Result<CheckReport> {
    Ok(check_store(&Store::open(path.as_ref())?, level))
}

/// [`check`] of what is open already.
pub(super) fn check_store(store: &Store, level: VerifyLevel) -> CheckReport {
    let mut report = CheckReport {
        store: store.verify(level),
        documents: 0,
        at_risk: Vec::new(),
    };
    for reason in store.passed_over() {
        let finding = |finding: &Finding| reason.contains(&finding.message);
        if !report.store.findings.iter().any(finding) {
            report.store.findings.push(Finding {
                place: "superblock".into(),
                off_bytes: 0,
                len_bytes: 0,
                message: reason,
            });
        }
    }
    let manifest = store.manifest();
    let live = manifest
        .segments
        .iter()
        .map(|entry| u64::from(entry.doc_count.saturating_sub(entry.dead_count)));
    report.documents = live.sum();
    if level == VerifyLevel::Headers {
        return report;
    }
    let params = match IndexParams::from_json(&manifest.params) {
        Ok(params) => params,
        Err(error) => {
            report.note("parameters", error.to_string());
            return report;
        }
    };
    let mut segment_of: HashMap<String, u64> = HashMap::new();
    for entry in &manifest.segments {
        let condition = Condition::examine(store, entry, &params, true);
        report.at_risk.extend(condition.at_risk());
        let Remains::Sound(segment) = condition.remains else {
            continue;
        };
        let place = format!("segment {}", entry.id);
        if let Err(error) = check_expansion(store, entry, &params) {
            report.note(
                &format!("{place}: pseudo-queries"),
                error.finding().to_owned(),
            );
        }
        if segment.dead_count() != entry.dead_count {
            report.note(&place, "the number of deleted documents is wrong".into());
        }
        for ordinal in segment.live_ordinals() {
            let id = segment.documents.id(ordinal);
            if let Some(other) = segment_of.insert(id.to_owned(), entry.id) {
                report.note(
                    &place,
                    format!("document {id:?} is in segment {other} as well"),
                );
            }
        }
    }
    report
}

/// Checks the words of written queries, where they are searched (ZF-PQ-04).
pub(super) fn check_expansion(
    store: &Store,
    entry: &SegmentEntry,
    params: &IndexParams,
) -> Result<()> {
    match &entry.pseudo_queries {
        Some(queries) if params.lexicon.expansion().is_some() => {
            let queries = store.extent(queries)?;
            Expansion::open(&queries, entry.doc_count)?.lexicon.check()
        }
        _ => Ok(()),
    }
}

impl CheckReport {
    /// What was found first, in words.
    pub(super) fn first_finding(&self) -> Option<String> {
        let found = self.store.findings.first();
        let found = found.map(|finding| format!("{}: {}", finding.place, finding.message));
        let at_risk = || {
            let risk = self.at_risk.first()?;
            Some(format!(
                "segment {}: {}",
                risk.segment,
                risk.damage.join("; ")
            ))
        };
        found.or_else(at_risk)
    }

    fn note(&mut self, place: &str, message: String) {
        self.store.findings.push(Finding {
            place: place.to_owned(),
            off_bytes: 0,
            len_bytes: 0,
            message,
        });
    }
}
