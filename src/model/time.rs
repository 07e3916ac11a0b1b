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

impl std::fmt::Display for Timestamp {
    /// RFC 3339, in UTC, to the second. A moment before 1970 is shown as 1970 began.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let since = std::time::Duration::from_millis(u64::try_from(self.0).unwrap_or(0));
        let start = std::time::SystemTime::UNIX_EPOCH;
        let time = start.checked_add(since).unwrap_or(start);
        write!(f, "{}", humantime::format_rfc3339_seconds(time))
    }
}

/// Why a text is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a time: write 2026-11-20T09:00:00Z, an offset such as +09:00 in the place of Z, or seconds since 1970"
)]
pub struct TimeError(String);

impl std::str::FromStr for Timestamp {
    type Err = TimeError;

    /// Reads RFC 3339, also with a space for the `T` and without a zone (UTC), and seconds since 1970: the two forms in which the AWS CLI prints times
    /// (`cli_timestamp_format`).
    fn from_str(text: &str) -> Result<Timestamp, TimeError> {
        let wrong = || TimeError(text.to_owned());
        if let Ok(seconds) = text.parse::<f64>() {
            return Timestamp::from_seconds(seconds).ok_or_else(wrong);
        }
        let (moment, offset) = split_zone(text).ok_or_else(wrong)?;
        let moment = humantime::parse_rfc3339_weak(moment).map_err(|_| wrong())?;
        let since = moment.duration_since(std::time::SystemTime::UNIX_EPOCH);
        let since = since.map_err(|_| wrong())?.as_millis();
        let local = i64::try_from(since).map_err(|_| wrong())?;
        Ok(Timestamp(local).plus_milliseconds(-offset))
    }
}

impl Timestamp {
    /// From seconds since 1970 with decimals; `None` beyond the year 9999.
    pub fn from_seconds(seconds: f64) -> Option<Timestamp> {
        const YEAR_10000: f64 = 253_402_300_800.0;
        if !(0.0..YEAR_10000).contains(&seconds) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        let milliseconds = (seconds * 1000.0).round() as i64;
        Some(Timestamp(milliseconds))
    }
}

/// The text without its zone, and the zone's distance from UTC in milliseconds.
fn split_zone(text: &str) -> Option<(&str, i64)> {
    // Before that `-` stands between the parts of the date.
    let time = text.get("2026-11-20".len()..)?;
    let Some(at) = time.find(['+', '-']) else {
        return Some((text, 0));
    };
    let (moment, zone) = text.split_at_checked("2026-11-20".len() + at)?;
    let digits: String = zone.chars().skip(1).filter(|c| *c != ':').collect();
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i64>().ok();
    let minutes = match digits.len() {
        2 => 0,
        4 => number(2..4)?,
        _ => return None,
    };
    let hours = number(0..2)?;
    if hours > 23 || minutes > 59 || zone.len() > "+09:00".len() {
        return None;
    }
    let distance = (hours * 60 + minutes) * 60 * 1000;
    Some((
        moment,
        if zone.starts_with('-') {
            -distance
        } else {
            distance
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn times_are_read_as_the_aws_cli_prints_them() {
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(
                text.parse::<Timestamp>().ok(),
                expected.map(Timestamp),
                "{text}"
            );
        };
        check("2026-11-20T09:00:00Z", Some(1_795_165_200_000));
        check("2026-11-20T09:00:00.250Z", Some(1_795_165_200_250));
        check("2026-11-20T18:00:00.123456+09:00", Some(1_795_165_200_123));
        check("2026-11-20T18:00:00+0900", Some(1_795_165_200_000));
        check("2026-11-20T04:30:00-04:30", Some(1_795_165_200_000));
        check("2026-11-20 09:00:00", Some(1_795_165_200_000));
        check("1795165200.25", Some(1_795_165_200_250));
        check("1795165200", Some(1_795_165_200_000));
        for wrong in [
            "",
            "yesterday",
            "2026-11-20",
            "2026-13-20T09:00:00Z",
            "NaN",
            "-1",
            "1e300",
            "2026-11-20T09:00:00+9",
            "2026-11-20T09:00:00+99:00",
            "2026-11-20T09:00:00Z+",
            "２０２６-11-20T09:00:00+09:00",
        ] {
            check(wrong, None);
        }
    }

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
