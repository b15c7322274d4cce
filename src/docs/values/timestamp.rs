//! Points in time, as RFC 3339 writes them.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::{SignedDuration, civil};

use crate::{Error, Result};

/// Length of `2024-02-29T12:00:00`.
const LOCAL_LEN_BYTES: usize = 19;

/// The digits of a fraction that count.
const FRACTION_DIGITS: usize = 6;

/// A point in time to the microsecond, in the years 0 to 9999 of UTC.
///
/// ```
/// use zerogr::Timestamp;
///
/// let noon: Timestamp = "2024-02-29T13:00:00.5+01:00".parse()?;
/// assert_eq!(noon.to_string(), "2024-02-29T12:00:00.5Z");
/// assert!("2023-02-29T13:00:00Z".parse::<Timestamp>().is_err());
/// # Ok::<(), zerogr::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    unix_us: i64,
}

impl Timestamp {
    /// A number of microseconds since 1970-01-01 in UTC, negative before.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) outside of the years 0 to 9999.
    pub fn from_unix_us(unix_us: i64) -> Result<Self> {
        match Timestamp::bounds().contains(&unix_us) {
            true => Ok(Timestamp { unix_us }),
            false => Err(Error::invalid(format!(
                "{unix_us} microseconds since 1970 are not in the years 0 to 9999"
            ))),
        }
    }

    /// Microseconds since 1970-01-01 in UTC, negative before.
    pub fn unix_us(self) -> i64 {
        self.unix_us
    }

    fn bounds() -> std::ops::RangeInclusive<i64> {
        let first = unix_us(civil::date(0, 1, 1).at(0, 0, 0, 0));
        let last = unix_us(civil::date(9999, 12, 31).at(23, 59, 59, 999_999_000));
        first..=last
    }

    /// Whether a text has the form of a date and time with offset, possible or not. What has it not
    /// is a keyword.
    pub(in crate::docs) fn has_form(text: &str) -> bool {
        Parts::of(text).is_some()
    }

    /// [`Timestamp::from_str`], and a date alone for its first moment in UTC.
    pub(crate) fn of_bound(text: &str) -> Result<Self> {
        match is_shaped(text.as_bytes(), b"dddd-dd-dd") {
            true => format!("{text}T00:00:00Z").parse(),
            false => text.parse(),
        }
    }
}

fn unix_us(local: DateTime) -> i64 {
    let since = local.duration_since(civil::date(1970, 1, 1).at(0, 0, 0, 0));
    // All of ten thousand years are 3.2e17.
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The parts of `2024-02-29T12:00:00.123456789+01:00`.
struct Parts<'t> {
    local: &'t str,
    fraction: &'t str,
    /// `None`: `Z`.
    offset: Option<&'t str>,
}

impl<'t> Parts<'t> {
    fn of(text: &'t str) -> Option<Self> {
        let (local, rest) = text.split_at_checked(LOCAL_LEN_BYTES)?;
        if !is_shaped(local.as_bytes(), b"dddd-dd-ddTdd:dd:dd") {
            return None;
        }
        let (fraction, offset) = match rest.strip_prefix('.') {
            None => ("", rest),
            Some(rest) => {
                let is_digit = |byte: u8| byte.is_ascii_digit();
                let digits = rest.bytes().take_while(|&byte| is_digit(byte)).count();
                if digits == 0 {
                    return None;
                }
                rest.split_at_checked(digits)?
            }
        };
        let offset = match offset {
            "Z" | "z" => None,
            _ if is_shaped(offset.as_bytes(), b"sdd:dd") => Some(offset),
            _ => return None,
        };
        Some(Parts {
            local,
            fraction,
            offset,
        })
    }

    fn unix_us(&self) -> Option<i64> {
        let is_leap_second = self.local.ends_with(":60");
        let local = match is_leap_second {
            true => format!("{}59", self.local.get(..LOCAL_LEN_BYTES - 2)?),
            false => self.local.to_owned(),
        };
        let local: DateTime = local.parse().ok()?;
        let kept = self
            .fraction
            .get(..FRACTION_DIGITS)
            .unwrap_or(self.fraction);
        let fraction_us: i64 = format!("{kept:0<FRACTION_DIGITS$}").parse().ok()?;
        let offset_minutes = match self.offset {
            None => 0,
            Some(offset) => {
                let hours: i64 = offset.get(1..3)?.parse().ok()?;
                let minutes: i64 = offset.get(4..6)?.parse().ok()?;
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let minutes = hours * 60 + minutes;
                if offset.starts_with('-') {
                    -minutes
                } else {
                    minutes
                }
            }
        };
        let utc = unix_us(local) + fraction_us - offset_minutes * 60_000_000;
        Timestamp::bounds().contains(&utc).then_some(utc)
    }
}

/// Whether `text` has the letters of `shape`, with a digit for `d`, a sign for `s`, and for `T`
/// either case.
fn is_shaped(text: &[u8], shape: &[u8]) -> bool {
    let fits = |(byte, wanted): (&u8, &u8)| match wanted {
        b'd' => byte.is_ascii_digit(),
        b's' => matches!(byte, b'+' | b'-'),
        b'T' => matches!(byte, b'T' | b't'),
        _ => byte == wanted,
    };
    text.len() == shape.len() && text.iter().zip(shape).all(fits)
}

impl FromStr for Timestamp {
    type Err = Error;

    /// Reads a date and time of RFC 3339 with its offset. Digits behind the microseconds are cut
    /// off, and a leap second is the second before it.
    fn from_str(text: &str) -> Result<Self> {
        let parts = Parts::of(text).ok_or_else(|| {
            Error::invalid(format!(
                "{text:?} is no date and time of RFC 3339 with offset, like 2024-02-29T12:00:00Z"
            ))
        })?;
        let unix_us = parts.unix_us();
        let unix_us =
            unix_us.ok_or_else(|| Error::invalid(format!("there is no such time as {text:?}")))?;
        Ok(Timestamp { unix_us })
    }
}

impl fmt::Display for Timestamp {
    /// In UTC, as RFC 3339 has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = SignedDuration::from_micros(self.unix_us);
        let epoch = civil::date(1970, 1, 1).at(0, 0, 0, 0);
        let local = epoch.checked_add(since).map_err(|_| fmt::Error)?;
        write!(f, "{local}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_to_the_microsecond() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01t00:00:00.000001z", Some(1)),
            ("1969-12-31T23:59:59.999999Z", Some(-1)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("1969-12-31T19:30:00-04:30", Some(0)),
            ("1970-01-01T00:00:00-00:00", Some(0)),
            ("1970-01-01T00:00:00.1234567899999Z", Some(123_456)),
            ("2016-12-31T23:59:60Z", Some(1_483_228_799_000_000)),
            ("2024-02-29T12:00:00Z", Some(1_709_208_000_000_000)),
            ("9999-12-31T23:59:59.999999Z", Some(253_402_300_799_999_999)),
            ("0000-01-01T00:00:00Z", Some(-62_167_219_200_000_000)),
            // There are none.
            ("2023-02-29T12:00:00Z", None),
            ("2024-13-01T12:00:00Z", None),
            ("2024-00-01T12:00:00Z", None),
            ("2024-04-31T12:00:00Z", None),
            ("2024-01-01T24:00:00Z", None),
            ("2024-01-01T12:60:00Z", None),
            ("2024-01-01T12:00:61Z", None),
            ("2024-01-01T12:00:00+24:00", None),
            ("2024-01-01T12:00:00+01:60", None),
            ("9999-12-31T23:59:59-00:01", None),
            ("0000-01-01T00:00:00+00:01", None),
        ] {
            assert!(Timestamp::has_form(text), "{text}");
            let found = text.parse::<Timestamp>().ok();
            assert_eq!(found.map(Timestamp::unix_us), expected, "{text}");
        }
        for text in [
            "",
            "2024-01-01",
            "2024-01-01T12:00:00",
            "2024-01-01 12:00:00Z",
            "2024-01-01T12:00Z",
            "2024-01-01T12:00:00.Z",
            "2024-01-01T12:00:00+0100",
            "+2024-01-01T12:00:00Z",
            "20240-01-01T12:00:00Z",
            "2024-01-01T12:00:00Zü",
            "２024-01-01T12:00:00Z",
        ] {
            assert!(!Timestamp::has_form(text), "{text}");
            assert!(text.parse::<Timestamp>().unwrap_err().is_invalid_input());
        }
        let noon = Timestamp::of_bound("2024-02-29").unwrap();
        assert_eq!(noon.to_string(), "2024-02-29T00:00:00Z");
        assert!(Timestamp::of_bound("2023-02-29").is_err());
    }

    proptest! {
        #[test]
        fn every_time_reads_as_it_is_written(unix_us in Timestamp::bounds()) {
            let time = Timestamp::from_unix_us(unix_us).unwrap();
            prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }
    }
}
