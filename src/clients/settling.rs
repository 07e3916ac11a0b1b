//! CreateRepository is not synchronous: for a while ECR goes on answering that a repository does not exist which it gave somebody already.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long ECR may go on like that.
const SETTLING: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The wait until ECR knows a repository everywhere.
#[derive(Debug)]
pub struct Settling {
    end: Instant,
    pause: Duration,
}

impl Settling {
    /// It begins now.
    pub fn begin() -> Self {
        Self {
            end: Instant::now() + SETTLING,
            pause: FIRST_PAUSE,
        }
    }

    /// Waits a while, then a longer one. Gives whether asking again still makes sense.
    pub async fn wait(&mut self) -> bool {
        if Instant::now() + self.pause >= self.end {
            return false;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}
