//! The GitHub Action: `action.yml` and its scripts, played step by step as a runner would.

#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "a test makes its own runner directories and reads the action's files"
)]

mod arguments;
mod install;
mod metadata;
mod promote;
mod runner;
