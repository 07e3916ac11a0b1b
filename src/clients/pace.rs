//! When a request may go out, and when it is tried again: one token bucket for each API with ECR's default quota, halved
//! on a throttle; retries for what may pass by itself, until the deadline. A throttle is never a failure before that.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use crate::model::failure::{Failure, FailureKind};
use crate::model::settings::Quota;

/// APIs with a quota of their own (Amazon ECR User Guide, "Amazon ECR service quotas"). Mounts count as starts of uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    /// `GetAuthorizationToken`: 500/s. It takes no slot: whoever waits for the token may hold one.
    GetAuthorizationToken,
    /// `PutImage`: 10/s.
    PutImage,
    /// `InitiateLayerUpload`, and with it every mount: 100/s.
    InitiateLayerUpload,
    /// `UploadLayerPart`: 500/s.
    UploadLayerPart,
    /// `CompleteLayerUpload`: 100/s.
    CompleteLayerUpload,
    /// `BatchGetImage`: 2,000/s.
    BatchGetImage,
    /// `BatchCheckLayerAvailability`: 1,000/s.
    BatchCheckLayerAvailability,
    /// `GetDownloadUrlForLayer` and blob downloads: 3,000/s.
    GetDownloadUrlForLayer,
    /// `BatchDeleteImage` and `UpdateImageStorageClass`, whose quotas are not published.
    Deletion,
    /// Reads of ECS: 20/s, of which half is left to deployments (Amazon ECS Developer Guide, "Request throttling").
    Ecs,
    /// Reads of EventBridge and EventBridge Scheduler, whose quotas are higher and shared with whatever else runs.
    Schedules,
    /// Requests to upstreams, whose limits are their own: a bound for our politeness.
    Upstream,
    /// Everything without a published quota.
    Other,
}

impl Api {
    /// The default quota, in requests per second. The one for unpublished rates is a bound for our own politeness.
    fn per_second(self) -> f64 {
        match self {
            Self::PutImage | Self::Deletion | Self::Ecs | Self::Schedules => 10.0,
            Self::Upstream => 50.0,
            Self::InitiateLayerUpload | Self::CompleteLayerUpload => 100.0,
            Self::BatchGetImage => 2000.0,
            Self::BatchCheckLayerAvailability => 1000.0,
            Self::GetDownloadUrlForLayer => 3000.0,
            Self::GetAuthorizationToken | Self::UploadLayerPart | Self::Other => 500.0,
        }
    }
}

impl From<Quota> for Api {
    fn from(quota: Quota) -> Self {
        match quota {
            Quota::BatchCheckLayerAvailability => Self::BatchCheckLayerAvailability,
            Quota::BatchDeleteImage => Self::Deletion,
            Quota::BatchGetImage => Self::BatchGetImage,
            Quota::CompleteLayerUpload => Self::CompleteLayerUpload,
            Quota::GetDownloadUrlForLayer => Self::GetDownloadUrlForLayer,
            Quota::InitiateLayerUpload => Self::InitiateLayerUpload,
            Quota::PutImage => Self::PutImage,
            Quota::UploadLayerPart => Self::UploadLayerPart,
        }
    }
}

/// How often trouble that may pass by itself is tried again.
const RETRIES: u32 = 5;
/// The first pause before a retry.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause, unless `Retry-After` asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What is left of the time when nothing is tried again.
const LAST_MOMENT: Duration = Duration::from_millis(500);
/// How much of its quota an API that was slowed down gets back each second.
const RECOVERY: f64 = 0.1;
/// Throttles this close together are one event: a burst that was sent before the first answer came.
const EPOCH: Duration = Duration::from_millis(100);

/// Paces every request of the process.
#[derive(Debug)]
pub struct Pace {
    deadline: Instant,
    /// For the reads of usage, in the place of the default.
    rate: Option<f64>,
    /// The quotas that are not the default.
    quotas: BTreeMap<Api, f64>,
    slots: Semaphore,
    buckets: Mutex<BTreeMap<Api, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    per_second: f64,
    tokens: f64,
    filled: Instant,
    halved: Option<Instant>,
}

impl Pace {
    /// For a run that may take so long, with so many requests at once.
    pub fn new(timeout: Duration, jobs: usize) -> Self {
        Self {
            deadline: Instant::now() + timeout,
            rate: None,
            quotas: BTreeMap::new(),
            slots: Semaphore::new(jobs.max(1)),
            buckets: Mutex::default(),
        }
    }

    /// The same, with another rate for the reads of ECS, EventBridge and Scheduler, in requests per second.
    #[must_use]
    pub fn with_rate(self, rate: Option<u32>) -> Self {
        let rate = rate.map(f64::from);
        Self { rate, ..self }
    }

    /// The same, with these quotas of ECR in the place of the defaults.
    #[must_use]
    pub fn with_quotas(self, quotas: &BTreeMap<Quota, u32>) -> Self {
        let quotas = quotas.iter();
        let quotas = quotas.map(|(&quota, &rate)| (Api::from(quota), f64::from(rate)));
        let quotas = quotas.collect();
        Self { quotas, ..self }
    }

    fn per_second(&self, api: Api) -> f64 {
        match (api, self.rate) {
            (Api::Ecs | Api::Schedules, Some(rate)) => rate,
            _ => self.quotas.get(&api).copied().unwrap_or(api.per_second()),
        }
    }

    /// When the run is over, whatever is still under way. Nothing is tried again for a moment before that, so that the last
    /// failure is told and not only that time ran out.
    pub fn end(&self) -> Instant {
        self.deadline + LAST_MOMENT
    }

    /// Sends a request when it may go out, and again while its failure may pass by itself.
    ///
    /// # Errors
    /// The last failure.
    pub async fn run<T>(
        &self,
        api: Api,
        mut attempt: impl AsyncFnMut() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut tries = 0;
        let mut last = None;
        loop {
            let ready = self.take(api);
            if ready > self.deadline
                && let Some(failure) = last
            {
                return Err(failure);
            }
            sleep_until(ready).await;
            let failure = {
                let _slot = match api {
                    Api::GetAuthorizationToken => None,
                    _ => self.slots.acquire().await.ok(),
                };
                match attempt().await {
                    Ok(value) => return Ok(value),
                    Err(failure) => failure,
                }
            };
            self.wait_to_retry(api, &failure, tries).await?;
            tries = tries.saturating_add(1);
            last = Some(failure);
        }
    }

    /// Sends a request when it may go out, and not again. A throttle slows its API down.
    ///
    /// # Errors
    /// Its failure.
    pub async fn once<T>(
        &self,
        api: Api,
        attempt: impl AsyncFnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        sleep_until(self.take(api)).await;
        let _slot = self.slots.acquire().await.ok();
        let done = attempt().await;
        if let Err(failure) = &done
            && matches!(failure.kind, FailureKind::Throttled { .. })
        {
            self.halve(api);
        }
        done
    }

    /// Waits until a failed request may be tried again; `tries` is how often it was. A throttle slows its API down.
    ///
    /// # Errors
    /// The failure itself, where it does not pass by waiting, or not before the deadline.
    pub async fn wait_to_retry(
        &self,
        api: Api,
        failure: &Failure,
        tries: u32,
    ) -> Result<(), Failure> {
        let pause = match &failure.kind {
            FailureKind::Throttled { retry_after } => {
                self.halve(api);
                retry_after.unwrap_or_else(|| pause(tries, failure))
            }
            FailureKind::Broken | FailureKind::Unreachable if tries < RETRIES => {
                pause(tries, failure)
            }
            _ => return Err(failure.clone()),
        };
        let until = Instant::now().checked_add(pause);
        match until.filter(|&until| until <= self.deadline) {
            Some(until) => {
                sleep_until(until).await;
                Ok(())
            }
            None => Err(failure.clone()),
        }
    }

    /// Takes a token, and says from when on it may be used.
    fn take(&self, api: Api) -> Instant {
        let now = Instant::now();
        let quota = self.per_second(api);
        let mut buckets = self.buckets.lock().unwrap_or_else(|held| held.into_inner());
        let bucket = buckets.entry(api).or_insert_with(|| Bucket {
            per_second: quota,
            tokens: burst(quota),
            filled: now,
            halved: None,
        });
        let waited = now.duration_since(bucket.filled).as_secs_f64();
        let recovered = bucket.per_second + waited * quota * RECOVERY;
        bucket.per_second = recovered.min(quota);
        let most = burst(bucket.per_second);
        bucket.tokens = (bucket.tokens + waited * bucket.per_second).min(most);
        bucket.filled = now;
        bucket.tokens -= 1.0;
        if bucket.tokens >= 0.0 {
            now
        } else {
            now + Duration::from_secs_f64(-bucket.tokens / bucket.per_second)
        }
    }

    fn halve(&self, api: Api) {
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(|held| held.into_inner());
        if let Some(bucket) = buckets.get_mut(&api)
            && bucket
                .halved
                .is_none_or(|halved| now.duration_since(halved) > EPOCH)
        {
            bucket.per_second = (bucket.per_second / 2.0).max(1.0);
            bucket.tokens = bucket.tokens.min(0.0);
            bucket.halved = Some(now);
        }
    }
}

/// How many requests may go out at once. AWS counts from when they arrive: its own bucket was full until then, so one as deep as
/// that would be ahead of it by what went out on the way.
fn burst(per_second: f64) -> f64 {
    (per_second * 0.9).max(1.0)
}

/// Doubles with every try. Spread by what the request is about, so that requests that failed together do not come back
/// together; the same run always pauses the same.
fn pause(tries: u32, failure: &Failure) -> Duration {
    let doubled = FIRST_PAUSE
        .saturating_mul(1 << tries.min(16))
        .min(LONGEST_PAUSE);
    let spread = failure.object.bytes().fold(7_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    doubled.mul_f64(0.75 + f64::from(spread % 512) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: FailureKind) -> Failure {
        Failure::new("PutImage", "fluentd/app", kind, "")
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().build().expect("a runtime");
        runtime.block_on(future)
    }

    async fn tries(kind: FailureKind, timeout: Duration) -> u32 {
        let pace = Pace::new(timeout, 4);
        let mut tries = 0;
        let result = pace
            .run(Api::Other, async || {
                tries += 1;
                Err::<(), _>(failure(kind.clone()))
            })
            .await;
        assert!(result.is_err());
        tries
    }

    #[test]
    fn what_may_pass_is_tried_again_and_nothing_else() {
        block_on(async {
            let long = Duration::from_secs(60);
            assert_eq!(tries(FailureKind::Broken, long).await, 1 + RETRIES);
            assert_eq!(tries(FailureKind::Quota, long).await, 1);
            let short = Duration::from_millis(20);
            assert_eq!(
                tries(FailureKind::Broken, short).await,
                1,
                "nothing after the deadline"
            );
        });
    }

    #[test]
    fn a_throttle_is_waited_for_as_long_as_there_is_time() {
        block_on(async {
            let retry_after = Some(Duration::from_millis(5));
            let throttled = FailureKind::Throttled { retry_after };
            let tries = tries(throttled, Duration::from_millis(200)).await;
            assert!(tries > RETRIES + 1, "{tries}");
        });
    }

    #[test]
    fn a_quota_that_was_raised_counts_and_no_other() {
        let quotas = BTreeMap::from([(Quota::PutImage, 50), (Quota::BatchDeleteImage, 3)]);
        let pace = Pace::new(Duration::from_secs(60), 4).with_quotas(&quotas);
        let rates = [Api::PutImage, Api::Deletion, Api::InitiateLayerUpload];
        let rates = rates.map(|api| pace.per_second(api));
        assert_eq!(rates, [50.0, 3.0, 100.0]);
    }

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
        block_on(async {
            let pace = Pace::new(Duration::from_secs(60), 4);
            let start = Instant::now();
            let times: Vec<_> = (0..12).map(|_| pace.take(Api::PutImage)).collect();
            let late = |time: &&Instant| time.duration_since(start) > Duration::from_millis(50);
            assert_eq!(times.iter().filter(late).count(), 3);
            pace.halve(Api::PutImage);
            pace.halve(Api::PutImage);
            let buckets = pace.buckets.lock().expect("a lock");
            assert_eq!(
                buckets[&Api::PutImage].per_second,
                5.0,
                "halved once in an epoch"
            );
        });
    }
}
