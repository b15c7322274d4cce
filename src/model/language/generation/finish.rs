//! Where a continuation ends, and what of it is kept.

use crate::language::{Finish, GenerationRequest};

/// Tokens of nothing but white space after which a continuation is given up.
const MAX_BLANK_TOKENS: usize = 16;

/// The text of a continuation that ends here, and why; `None` if it goes on.
pub(in crate::model::language) fn finish<'t>(
    text: &'t str,
    ends: bool,
    tokens: usize,
    request: &GenerationRequest,
) -> Option<(&'t str, Finish)> {
    let text = text.trim_start();
    let stop = request.stop.iter().filter(|stop| !stop.is_empty());
    if let Some(at) = stop.filter_map(|stop| text.find(stop.as_str())).min() {
        return Some((text.get(..at).unwrap_or(text).trim_end(), Finish::Stop));
    }
    // A character that was cut in half.
    let text = text.trim_end_matches('\u{fffd}').trim_end();
    if ends {
        Some((text, Finish::Stop))
    } else if tokens >= request.max_new_tokens {
        Some((text, Finish::Length))
    } else if text.is_empty() && tokens >= MAX_BLANK_TOKENS {
        Some((text, Finish::Blank))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Prompt, Sampling};

    fn request(stop: &[&str], max_new_tokens: usize) -> GenerationRequest {
        GenerationRequest {
            prompt: Prompt::Completion("p".into()),
            name: "r".into(),
            samples: 1,
            sampling: Sampling::GREEDY,
            max_new_tokens,
            stop: stop.iter().map(|stop| (*stop).to_owned()).collect(),
        }
    }

    #[test]
    fn texts_end_where_they_are_to_end() {
        let lines = request(&["\n", "END"], 8);
        assert_eq!(finish("one two", false, 2, &lines), None);
        assert_eq!(
            finish("\n one\ntwo", false, 2, &lines),
            Some(("one", Finish::Stop))
        );
        assert_eq!(
            finish("a END b\n", false, 2, &lines),
            Some(("a", Finish::Stop))
        );
        assert_eq!(finish("one ", true, 1, &lines), Some(("one", Finish::Stop)));
        assert_eq!(
            finish("one\u{fffd}", false, 8, &lines),
            Some(("one", Finish::Length))
        );
    }

    #[test]
    fn white_space_alone_is_given_up() {
        let long = request(&["\n"], 64);
        assert_eq!(finish("\n\n", false, MAX_BLANK_TOKENS - 1, &long), None);
        assert_eq!(
            finish("\n\n", false, MAX_BLANK_TOKENS, &long),
            Some(("", Finish::Blank))
        );
    }
}
