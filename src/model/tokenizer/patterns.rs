//! Which patterns of a `tokenizer.json` are run.
//!
//! Patterns without look-around and references are run in time linear in the text, whatever they
//! are. One look-ahead is in nearly every byte-level tokenizer, `\s+(?!\S)`, and possessive
//! repetitions are in some; with those, a pattern backtracks, and only over what is not itself
//! repeated. Everything else that backtracks is refused, but for the patterns of published models
//! that are listed.

/// The most bytes of a pattern.
const MAX_PATTERN_BYTES: usize = 1_024;

/// The most that counted repetitions of a pattern multiply to.
const MAX_REPEATED: usize = 1_000;

/// How deep groups and classes nest.
const MAX_NESTING: usize = 8;

/// Patterns of published models that look ahead in another way: digits in threes from the right.
const PUBLISHED: [&str; 2] = [
    r"\d{1,3}(?=(?:\d{3})*\b)",
    r"\p{N}{1,3}(?=(?:\p{N}{3})*(?:\P{N}|$))",
];

/// The look-ahead that is understood: what follows is no text.
const LOOK_AHEAD: &str = r"?!\S)";

/// Nothing if `pattern` may be run, else why not.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    if PUBLISHED.contains(&pattern) {
        return Ok(());
    }
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(format!("has more than {MAX_PATTERN_BYTES} bytes"));
    }
    let mut scan = Scan::default();
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        rest = scan.after(character, rest)?;
    }
    match scan.backtracks && scan.repeats_group {
        true => Err("repeats a group and looks ahead".into()),
        false => Ok(()),
    }
}

/// What has been read of a pattern.
#[derive(Default)]
struct Scan {
    classes: usize,
    groups: usize,
    /// The last thing was a repetition: a `+` behind it makes it possessive.
    behind_repetition: bool,
    behind_group: bool,
    backtracks: bool,
    repeats_group: bool,
    repeated: usize,
}

impl Scan {
    /// Takes a character; `rest` is what follows it. Gives what is left to be read.
    fn after<'p>(&mut self, character: char, rest: &'p str) -> Result<&'p str, String> {
        let (was_repetition, was_group) = (self.behind_repetition, self.behind_group);
        self.behind_repetition = false;
        self.behind_group = false;
        match character {
            '\\' => return escaped(rest),
            '[' => {
                self.classes += 1;
                if self.classes > MAX_NESTING {
                    return Err("nests too deep".into());
                }
                // A bracket at the start of a class stands for itself.
                let rest = rest.strip_prefix('^').unwrap_or(rest);
                return Ok(rest.strip_prefix(']').unwrap_or(rest));
            }
            ']' => self.classes = self.classes.saturating_sub(1),
            _ if self.classes > 0 => {}
            '(' => return self.group(rest),
            ')' => {
                self.groups = self.groups.saturating_sub(1);
                self.behind_group = true;
            }
            '+' if was_repetition => self.backtracks = true,
            '*' | '+' => {
                self.behind_repetition = true;
                self.repeats_group |= was_group;
            }
            '?' => self.behind_repetition = !was_repetition,
            '{' => {
                let (counts, rest) = rest.split_once('}').ok_or("has an open repetition")?;
                let count = |count: &str| match count.trim() {
                    "" => Ok(1),
                    count => count
                        .parse::<usize>()
                        .map_err(|_| "has a repetition of no count"),
                };
                let most = counts
                    .split(',')
                    .map(count)
                    .collect::<Result<Vec<_>, _>>()?;
                let most = most.into_iter().max().unwrap_or(1).max(1);
                self.repeated = self.repeated.max(1).saturating_mul(most);
                if self.repeated > MAX_REPEATED {
                    return Err(format!("repeats more than {MAX_REPEATED} times"));
                }
                self.behind_repetition = true;
                self.repeats_group |= was_group;
                return Ok(rest);
            }
            _ => {}
        }
        Ok(rest)
    }

    /// What follows an opening bracket.
    fn group<'p>(&mut self, rest: &'p str) -> Result<&'p str, String> {
        if let Some(rest) = rest.strip_prefix(LOOK_AHEAD) {
            self.backtracks = true;
            return Ok(rest);
        }
        self.groups += 1;
        if self.groups > MAX_NESTING {
            return Err("nests too deep".into());
        }
        let Some(special) = rest.strip_prefix('?') else {
            return Ok(rest);
        };
        let flags = special.trim_start_matches(['i', 's', 'm', '-']);
        match flags.chars().next() {
            Some(':') => Ok(flags.get(1..).unwrap_or_default()),
            Some(')') => Ok(flags),
            _ => Err("looks around, or has a group of another kind that is not run here".into()),
        }
    }
}

/// What is left behind an escaped character.
fn escaped(rest: &str) -> Result<&str, String> {
    let Some(character) = rest.chars().next() else {
        return Err("ends in a backslash".into());
    };
    let rest = rest.get(character.len_utf8()..).unwrap_or_default();
    match character {
        // Classes and code points with a name in braces.
        'p' | 'P' | 'x' | 'u' | 'U' if rest.starts_with('{') => match rest.split_once('}') {
            Some((_, rest)) => Ok(rest),
            None => Err("has an open name".into()),
        },
        'p' | 'P' | 'x' | 'u' | 'U' => Ok(rest),
        'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'b' | 'B' | 'n' | 'r' | 't' | 'f' | 'v' | 'A' | 'z' => {
            Ok(rest)
        }
        _ if character.is_alphanumeric() => {
            Err(format!("has \\{character}, which is not run here"))
        }
        _ => Ok(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_published_models_are_run() {
        for pattern in [
            r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
            r"[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
            "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+",
            r" ?[^(\s|[.,!?…。，、।۔،])]+",
            r"<\|startoftext\|>|<\|endoftext\|>|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
            r" {2,}",
            r"\d{1,3}(?=(?:\d{3})*\b)",
            "[一-龥\u{3040}-ゟ゠-ヿ]+",
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn patterns_that_may_never_end_are_not() {
        for pattern in [
            r"(a+)+(?!\S)",
            r"(a|aa)*\s+(?!\S)",
            r"(a*)*+b",
            r"(.+)\1",
            r"(?=a)a",
            r"(?<=a)b",
            r"(?>a+)b",
            r"(?!b).*",
            r"a{100000}",
            r"a{100}{100}",
            r"(?P<name>a)\k<name>",
            r"\Ga",
            r"((((((((((a))))))))))",
            r"a{",
            "\\",
        ] {
            assert!(check(pattern).is_err(), "{pattern}");
        }
        assert!(check(&"a".repeat(2_000)).is_err());
    }
}
