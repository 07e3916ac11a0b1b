//! The asynchronous runtime that a command runs on.

use crate::commands::wrong::Wrong;

/// Runs a command to its end, on this thread.
///
/// # Errors
/// The command's, and a runtime that the system does not give.
pub(super) fn run<T>(
    command: impl Future<Output = Result<T, Vec<Wrong>>>,
) -> Result<T, Vec<Wrong>> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    match builder.enable_all().build() {
        Ok(runtime) => {
            let ended = runtime.block_on(command);
            // What nobody waits for any more, such as a question without an answer, must not keep the process.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(vec![Wrong::from(format!("no runtime: {error}"))]),
    }
}
