//! A moment as the AWS APIs report it. Nothing below `clients` asks the clock: "now" is always a `Timestamp` passed in.

const MILLISECONDS_PER_DAY: i64 = 24 * 60 * 60 * 1000;

/// Milliseconds since 1970-01-01T00:00:00Z. ECR reports seconds or milliseconds, depending on the API (`imagePushedAt`, CloudTrail's `pushedAt`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The moment `days` days of 24 hours later. Stays at the last representable moment instead of wrapping.
    pub fn plus_days(self, days: u32) -> Timestamp {
        Timestamp(
            self.0
                .saturating_add(i64::from(days).saturating_mul(MILLISECONDS_PER_DAY)),
        )
    }

    /// The moment `milliseconds` later (earlier if negative). Stays in range instead of wrapping.
    pub fn plus_milliseconds(self, milliseconds: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(milliseconds))
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn a_day_has_24_hours() {
        assert_eq!(Timestamp(5).plus_days(2), Timestamp(172_800_005));
    }

    #[test]
    fn nothing_wraps() {
        assert_eq!(Timestamp(i64::MAX).plus_days(u32::MAX), Timestamp(i64::MAX));
        assert_eq!(
            Timestamp(i64::MIN).plus_milliseconds(-1),
            Timestamp(i64::MIN)
        );
    }
}
