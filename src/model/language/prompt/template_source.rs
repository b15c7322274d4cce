//! The source of a chat template before it is compiled: bounded, and in the dialect that can be
//! compiled.
//!
//! The compiler of templates calls itself for every operand, bracket and block within another, so
//! what nests without an end would use up the stack, which no error can follow.
//!
//! `transformers` has a block that marks what an assistant says, `{% generation %}`; the marks
//! change no text.

/// The longest template, in bytes. Those in use have up to some 20,000.
const MOST_BYTES: usize = 1 << 17;
/// The most brackets, and the most blocks, within one another. Each `elif` counts as one.
const MOST_NESTED: usize = 100;
/// The most words and signs of one tag, texts in quotes counted as one.
const MOST_TOKENS: usize = 2_000;

/// The template to compile for `source`, or what is wrong with it.
pub(in crate::model::language) fn prepared(source: &str) -> Result<String, String> {
    if source.len() > MOST_BYTES {
        return Err(format!(
            "it has {} bytes, more than the {MOST_BYTES} that are compiled",
            source.len()
        ));
    }
    let mut prepared = String::with_capacity(source.len());
    // How many levels each open block stands for.
    let mut blocks: Vec<usize> = Vec::new();
    let mut rest = source;
    while let Some(at) = next_tag(rest) {
        let (text, from_tag) = rest.split_at(at);
        prepared.push_str(text);
        let tag = match from_tag.as_bytes().get(1) {
            Some(b'#') => from_tag.find("#}").map_or(from_tag.len(), |end| end + 2),
            _ => tag_bytes(from_tag)?,
        };
        let (tag, behind) = from_tag.split_at(tag);
        rest = behind;
        if !tag.starts_with("{%") {
            prepared.push_str(tag);
            continue;
        }
        let word = first_word(tag);
        match word {
            "elif" => blocks
                .iter_mut()
                .rev()
                .take(1)
                .for_each(|block| *block += 1),
            _ if word.starts_with("end") => _ = blocks.pop(),
            "for" | "if" | "macro" | "call" | "filter" | "with" | "block" | "autoescape"
            | "generation" => blocks.push(1),
            _ => {}
        }
        if blocks.iter().sum::<usize>() > MOST_NESTED {
            return Err(format!(
                "it has more than {MOST_NESTED} blocks in one another"
            ));
        }
        match word {
            "generation" => prepared.push_str(&tag.replacen(word, "if true", 1)),
            "endgeneration" => prepared.push_str(&tag.replacen(word, "endif", 1)),
            _ => prepared.push_str(tag),
        }
    }
    prepared.push_str(rest);
    Ok(prepared)
}

/// Where the next tag starts.
fn next_tag(text: &str) -> Option<usize> {
    let starts = ["{{", "{%", "{#"].map(|start| text.find(start));
    starts.into_iter().flatten().min()
}

/// The name of a block.
fn first_word(tag: &str) -> &str {
    let inner = tag.trim_start_matches(['{', '%', '-', '+']).trim_start();
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    inner.get(..end.unwrap_or(inner.len())).unwrap_or_default()
}

/// The length of the tag at the start of `text`, with its brackets and tokens counted.
fn tag_bytes(text: &str) -> Result<usize, String> {
    let mut depth = 0_usize;
    let mut tokens = 0;
    let mut quote = None;
    let mut is_escaped = false;
    let mut before = ' ';
    for (at, c) in text.char_indices().skip(2) {
        let is_in_word = |c: char| c.is_alphanumeric() || c == '_';
        if let Some(end) = quote {
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                _ if c == end => quote = None,
                _ => {}
            }
            continue;
        }
        let continues = is_in_word(c) && is_in_word(before);
        if !c.is_whitespace() && !continues {
            tokens += 1;
        }
        match c {
            '\'' | '"' => quote = Some(c),
            '(' | '[' | '{' => depth += 1,
            '}' if depth == 0 && (before == '}' || before == '%') => return Ok(at + 1),
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = c;
        if depth > MOST_NESTED {
            return Err(format!(
                "it has more than {MOST_NESTED} brackets in one another"
            ));
        }
        if tokens > MOST_TOKENS {
            return Err(format!(
                "one of its tags has more than {MOST_TOKENS} words and signs"
            ));
        }
    }
    Ok(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_left_as_they_are_but_for_the_marks_of_an_answer() {
        for same in [
            "",
            "no tags, { and }",
            "{% for m in messages %}{{ '}}' ~ \"%}\" ~ m['a'] }}{%- endfor -%} end",
            "{# {% comment {{ #}{{ {'a': {'b': 1}} }}{{ \"\\\"}}\" }}",
            "{{ unfinished",
        ] {
            assert_eq!(prepared(same).unwrap(), same);
        }
        assert_eq!(
            prepared("a{%- generation %}b{% endgeneration -%}c").unwrap(),
            "a{%- if true %}b{% endif -%}c"
        );
    }

    #[test]
    fn what_nests_without_an_end_is_refused() {
        let chain = format!("{{{{ a{} }}}}", " + a".repeat(5_000));
        let elifs = format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(5_000));
        for (source, words) in [
            (format!("{{{{ {} }}}}", "(".repeat(5_000)), "brackets"),
            (format!("{{{{ {} }}}}", "[".repeat(5_000)), "brackets"),
            (format!("{{{{ {}1 }}}}", "-".repeat(5_000)), "words"),
            (format!("{{{{ {} a }}}}", "not ".repeat(5_000)), "words"),
            (format!("{{{{ a{} }}}}", ".a".repeat(5_000)), "words"),
            (format!("{{{{ a{} }}}}", "|e".repeat(5_000)), "words"),
            (chain, "words"),
            (elifs, "blocks"),
            ("{% if a %}".repeat(5_000), "blocks"),
            ("{% for a in b %}".repeat(5_000), "blocks"),
            ("a".repeat(MOST_BYTES + 1), "bytes"),
        ] {
            let problem = prepared(&source).unwrap_err();
            assert!(problem.contains(words), "{problem}");
        }
    }
}
