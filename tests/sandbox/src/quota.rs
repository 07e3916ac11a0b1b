//! Request quotas: a token bucket per action, in real time.
//!
//! ECR's numbers are those of UG "Amazon ECR service quotas", ECS's those of ECS DG "Request throttling for the Amazon
//! ECS API". The rates of other operations are not published, so they are not limited here.

use std::collections::BTreeMap;
use std::time::Instant;

/// The buckets that have been used so far.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    buckets: BTreeMap<&'static str, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Quota {
    /// Takes a token; `false` is a throttled request.
    pub(crate) fn take(&mut self, action: &str, now: Instant) -> bool {
        let Some((name, burst, rate)) = limit(action) else {
            return true;
        };
        let bucket = self.buckets.entry(name).or_insert(Bucket {
            tokens: burst,
            filled: now,
        });
        let passed = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * rate).min(burst);
        bucket.filled = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

/// The bucket of an action: its name, burst, and tokens per second.
fn limit(action: &str) -> Option<(&'static str, f64, f64)> {
    Some(match action {
        "ecr:BatchCheckLayerAvailability" => ("ecr:BatchCheckLayerAvailability", 1000.0, 1000.0),
        "ecr:BatchGetImage" => ("ecr:BatchGetImage", 2000.0, 2000.0),
        "ecr:GetDownloadUrlForLayer" => ("ecr:GetDownloadUrlForLayer", 3000.0, 3000.0),
        "ecr:GetAuthorizationToken" => ("ecr:GetAuthorizationToken", 500.0, 500.0),
        "ecr:InitiateLayerUpload" => ("ecr:InitiateLayerUpload", 100.0, 100.0),
        "ecr:UploadLayerPart" => ("ecr:UploadLayerPart", 500.0, 500.0),
        "ecr:CompleteLayerUpload" => ("ecr:CompleteLayerUpload", 100.0, 100.0),
        "ecr:PutImage" => ("ecr:PutImage", 10.0, 10.0),
        "ecs:DescribeClusters" | "ecs:ListClusters" => ("cluster read", 50.0, 20.0),
        "ecs:DescribeTaskDefinition"
        | "ecs:ListTaskDefinitions"
        | "ecs:ListTaskDefinitionFamilies" => ("task definition read", 50.0, 20.0),
        "ecs:RegisterTaskDefinition" | "ecs:DeregisterTaskDefinition" => {
            ("task definition modify", 20.0, 1.0)
        }
        "ecs:DescribeServices" | "ecs:ListServices" => ("service read", 100.0, 20.0),
        "ecs:DescribeTasks" | "ecs:ListTasks" => ("cluster resource read", 100.0, 20.0),
        "ecs:ListServiceDeployments" | "ecs:DescribeServiceDeployments" => {
            ("service deployment", 50.0, 20.0)
        }
        "ecs:DescribeServiceRevisions" => ("service revision", 50.0, 20.0),
        "ecs:CreateService" | "ecs:UpdateService" | "ecs:DeleteService" => {
            ("service modify", 50.0, 5.0)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn put_image_is_ten_a_second() {
        let mut quota = Quota::default();
        let start = Instant::now();
        let taken = (0..15)
            .filter(|_| quota.take("ecr:PutImage", start))
            .count();
        assert_eq!(taken, 10);
        assert!(quota.take("ecr:PutImage", start + Duration::from_millis(150)));
        assert!(!quota.take("ecr:PutImage", start + Duration::from_millis(160)));
        assert!(quota.take("ecr:DescribeImages", start));
    }
}
