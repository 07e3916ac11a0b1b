//! The virtual clock. It starts where the world says, and moves only when told or when something is written.

use std::fmt;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use serde_json::Value;

/// A moment: milliseconds since 1970, the precision ECR's push dates have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time(pub i64);

const DAY: f64 = 86_400_000.0;

impl Time {
    /// Reads RFC 3339 text such as `2026-11-20T09:00:00Z`.
    ///
    /// # Errors
    /// A sentence saying what is wrong with the text.
    pub fn parse(text: &str) -> Result<Time, String> {
        let moment = humantime::parse_rfc3339_weak(text)
            .map_err(|error| format!("{text:?} is not a time: {error}"))?;
        let since = moment
            .duration_since(UNIX_EPOCH)
            .map_err(|_| format!("{text:?} is before 1970"))?;
        i64::try_from(since.as_millis())
            .map(Time)
            .map_err(|_| format!("{text:?} is too far away"))
    }

    /// This many days earlier.
    #[must_use]
    pub fn days_before(self, days: f64) -> Time {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a fraction of a millisecond does not matter"
        )]
        let milliseconds = (days * DAY) as i64;
        Time(self.0.saturating_sub(milliseconds))
    }

    /// How many days this is before `now`; negative in the future.
    pub fn age_in_days(self, now: Time) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "dates are far below 2^52 milliseconds"
        )]
        let milliseconds = (now.0 - self.0) as f64;
        milliseconds / DAY
    }

    /// Later by a duration.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Time {
        Time(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// The form of the AWS JSON protocols: epoch seconds with milliseconds as decimals.
    pub fn json(self) -> Value {
        #[expect(
            clippy::cast_precision_loss,
            reason = "dates are far below 2^52 milliseconds"
        )]
        let seconds = self.0 as f64 / 1000.0;
        Value::from(seconds)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = UNIX_EPOCH + Duration::from_millis(self.0.max(0).unsigned_abs());
        write!(f, "{}", humantime::format_rfc3339_millis(moment))
    }
}

/// The clock of a sandbox.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    now: Time,
}

impl Clock {
    /// A clock that shows this time.
    pub fn at(now: Time) -> Clock {
        Clock { now }
    }

    /// What it shows.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Moves it forward.
    pub fn advance(&mut self, duration: Duration) {
        self.now = self.now.plus(duration);
    }

    /// Moves it by the millisecond that each write takes, so that no two push dates are equal, and shows the new time.
    pub fn tick(&mut self) -> Time {
        self.advance(Duration::from_millis(1));
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_read_and_written() {
        let time = Time::parse("2026-11-20T09:00:00.250Z").unwrap();
        assert_eq!(time.to_string(), "2026-11-20T09:00:00.250Z");
        assert_eq!(
            time.days_before(1.5).to_string(),
            "2026-11-18T21:00:00.250Z"
        );
        assert_eq!(time.json().to_string(), "1795165200.25");
        assert!(Time::parse("yesterday").is_err());
    }
}
