//! What a registry does, whichever protocol asked for it: the JSON API and `/v2/` share these.

pub(crate) mod blobs;
pub(crate) mod delete;
pub(crate) mod put;
