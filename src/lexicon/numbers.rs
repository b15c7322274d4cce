//! Numbers and versions, of which people write the same one in several ways.

/// A number without the commas, points or apostrophes between its groups of digits, and with a
/// point before its fraction; `None` for what is no grouped number.
///
/// Groups have three digits, or two before the last three (`12,34,567`). Points are taken for
/// marks of groups only where nothing else can be meant: before a comma (`1.299,00`), or when
/// there are two or more of them that are no network address.
pub(super) fn ungrouped(word: &str) -> Option<String> {
    let is_digit_or_mark = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'\'');
    if !word.bytes().all(is_digit_or_mark) {
        return None;
    }
    let mark = word.chars().find(|character| !character.is_ascii_digit())?;
    let other = word
        .chars()
        .find(|&character| !character.is_ascii_digit() && character != mark);
    let (whole, fraction) = match (mark, other) {
        (_, None) => (word, ""),
        (',' | '\'', Some('.')) | ('.' | '\'', Some(',')) => word.split_once(other?)?,
        _ => return None,
    };
    let groups: Vec<&str> = whole.split(mark).collect();
    let (first, middle, last) = match groups.as_slice() {
        [first, middle @ .., last] => (first, middle, last),
        _ => return None,
    };
    let is_address = groups.len() == 4;
    let is_sure = mark != '.' || other.is_some() || groups.len() > 2 && !is_address;
    let indian = mark == ',' && middle.iter().all(|group| group.len() == 2) && first.len() <= 2;
    let fits = (1..=3).contains(&first.len())
        && (indian || middle.iter().all(|group| group.len() == 3))
        && last.len() == 3
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && fraction.is_empty() == other.is_none();
    (is_sure && fits).then(|| match fraction {
        "" => groups.concat(),
        fraction => format!("{}.{fraction}", groups.concat()),
    })
}

/// A version without the letter in front: `v1.2.3` -> `1.2.3`.
pub(super) fn unversioned(word: &str) -> Option<&str> {
    let version = word.strip_prefix(['v', 'V'])?;
    let mut parts = version.split('.');
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (version.contains('.') && parts.all(is_number)).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_digits_join() {
        for (word, number) in [
            ("1,299", "1299"),
            ("1'299", "1299"),
            ("12,345,678", "12345678"),
            ("12,34,567", "1234567"),
            ("1,299.50", "1299.50"),
            ("1.299,00", "1299.00"),
            ("1'299.5", "1299.5"),
            ("1.234.567", "1234567"),
            ("1.234.567.890,1", "1234567890.1"),
        ] {
            assert_eq!(ungrouped(word).as_deref(), Some(number), "{word}");
        }
    }

    #[test]
    fn other_numbers_stay() {
        for word in [
            "1299",
            "1.299",
            "3.14",
            "3,14",
            "1,2,3",
            "1,2",
            "1234,567",
            "10.0.0.1",
            "192.168.100.200",
            "1,299,00",
            "1,299.",
            "x1,299",
            "1,299,",
            "1.2,345.6",
            "",
            "1,299.5,7",
        ] {
            assert_eq!(ungrouped(word), None, "{word}");
        }
    }

    #[test]
    fn versions_lose_their_letter() {
        assert_eq!(unversioned("v1.2.3"), Some("1.2.3"));
        assert_eq!(unversioned("V10.0"), Some("10.0"));
        for word in ["v2", "1.2.3", "v1.x", "v", "v.", "v1."] {
            assert_eq!(unversioned(word), None, "{word}");
        }
    }
}
