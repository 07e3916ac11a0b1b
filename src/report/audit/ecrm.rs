//! What is in use as ecrm's list: a JSON array of image references, which `ecrm delete --scanned-files` and our own
//! `--in-use-file` take.

use std::collections::BTreeSet;

use crate::plan::audit::Audit;
use crate::plan::protect::InUse;

/// The array, sorted: every reference that was asked for, and every protected digest.
pub fn ecrm(in_use: &InUse, audit: &Audit) -> String {
    let mut references = BTreeSet::new();
    for place in in_use.places.keys() {
        let uri = place.repository.uri();
        if let Some(tag) = &place.tag {
            references.insert(format!("{uri}:{tag}"));
        }
        if let Some(digest) = &place.digest {
            references.insert(format!("{uri}@{digest}"));
        }
    }
    for image in &audit.images {
        let uri = image.repository.uri();
        references.insert(format!("{uri}@{}", image.digest));
    }
    crate::report::json::text(&references)
}
