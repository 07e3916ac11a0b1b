//! Numbers of bytes, as people write and read them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes. Shown and read with decimal units: `2.1 MB`, `500MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
        if self.0 < 1000 {
            return write!(f, "{} B", self.0);
        }
        let mut scaled = self.0 as f64 / 1000.0;
        let mut unit = 0;
        while scaled >= 999.95 && unit + 1 < UNITS.len() {
            scaled /= 1000.0;
            unit += 1;
        }
        write!(f, "{scaled:.1} {}", UNITS[unit])
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let number: u64 = digits
            .trim()
            .parse()
            .map_err(|_| format!("`{text}` is not a size such as 500MB"))?;
        let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
            "" | "B" => 1,
            "K" | "KB" => 1000,
            "M" | "MB" => 1000 * 1000,
            "G" | "GB" => 1000 * 1000 * 1000,
            "T" | "TB" => 1000_u64.pow(4),
            other => return Err(format!("`{other}` is not a unit: B, kB, MB, GB or TB")),
        };
        let bytes = number.checked_mul(unit);
        bytes
            .map(Self)
            .ok_or_else(|| format!("`{text}` is too large"))
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn sizes_are_said_shortly() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (2_100_000, "2.1 MB"),
            (999_999, "1.0 MB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    #[test]
    fn sizes_are_read_with_decimal_units() {
        let cases = [
            ("500MB", 500_000_000),
            ("2g", 2_000_000_000),
            ("7", 7),
            ("0", 0),
        ];
        for (text, bytes) in cases {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "MB", "1.5GB", "5 parsecs", "99999999999TB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
