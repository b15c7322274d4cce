//! Texts that may be long where there is little room.

/// The first characters of a text, and a sign if there are more.
pub fn beginning(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(beginning("üüü", 3), "üüü");
        assert_eq!(beginning("üüüü", 3), "üüü…");
        assert_eq!(beginning("", 0), "");
    }
}
