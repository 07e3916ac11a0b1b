//! When an image that looks unused may not be taken for unused. Whatever takes images or pins away, or puts a policy that would, asks here.

use std::collections::BTreeSet;

use crate::model::usage::{Source, Usage};
use crate::plan::finding::Finding;
use crate::plan::protect::whole::running;

/// A reason to doubt that what was read is the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt<'f> {
    /// Something could not be told; this is the first such finding.
    Incomplete(&'f Finding),
    /// No service was found: the wrong account or Region is the likeliest cause.
    NoServices,
    /// These sources were left out, by a flag and not by `demitasse.yml`, where everybody sees it.
    LeftOut(BTreeSet<Source>),
}

/// Every reason to doubt, the gravest first.
pub fn doubts<'f>(
    usages: &[Usage],
    findings: impl IntoIterator<Item = &'f Finding>,
    left_out_by_flag: bool,
) -> Vec<Doubt<'f>> {
    let mut doubts = Vec::new();
    let mut findings = findings.into_iter();
    let unknown = findings.find(|finding| finding.kind.is_incomplete());
    doubts.extend(unknown.map(Doubt::Incomplete));
    if running(usages).0 == 0 {
        doubts.push(Doubt::NoServices);
    }
    if left_out_by_flag {
        let left_out = usages.iter().flat_map(|usage| &usage.left_out);
        doubts.push(Doubt::LeftOut(left_out.copied().collect()));
    }
    doubts
}
