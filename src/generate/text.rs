//! Pieces of a text that can stand for a query: sentences, and rows of tables with their header.

use unicode_segmentation::UnicodeSegmentation;

/// Characters of a document that are looked at; the rest of a longer one gives no pieces.
const MAX_CHARS: usize = 100_000;

/// The beginning of `text` that is looked at.
pub(super) fn beginning(text: &str) -> &str {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// The sentences of a text, or its rows if it is a table, white space made single.
pub(super) fn passages(text: &str) -> Vec<String> {
    let rows = table_rows(text);
    if !rows.is_empty() {
        return rows;
    }
    // A line break alone ends no sentence in running text, but a blank line does.
    text.split("\n\n")
        .flat_map(|paragraph| paragraph.unicode_sentences())
        .map(single_spaced)
        .filter(|sentence| !sentence.is_empty())
        .collect()
}

/// Words joined by single spaces.
pub(super) fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The rows of a Markdown or CSV table as "header value" pairs; nothing if the text is no table.
fn table_rows(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let cells = |line: &str, separator: char| -> Vec<String> {
        let line = line.trim_matches('|');
        line.split(separator)
            .map(|cell| single_spaced(cell.trim_matches('"')))
            .collect()
    };
    let separator = ['|', '\t', ','].into_iter().find(|&separator| {
        let columns = lines.first().map_or(0, |line| cells(line, separator).len());
        let alike = lines
            .iter()
            .filter(|line| cells(line, separator).len() == columns)
            .count();
        columns >= 2 && lines.len() >= 2 && alike * 10 >= lines.len() * 9
    });
    let (Some(separator), Some((header, rows))) = (separator, lines.split_first()) else {
        return Vec::new();
    };
    let header = cells(header, separator);
    let is_rule = |line: &&&str| {
        line.chars()
            .any(|letter| !matches!(letter, '|' | '-' | ':' | ' ' | '\t'))
    };
    rows.iter()
        .filter(is_rule)
        .map(|row| {
            let row = cells(row, separator);
            let pairs = header.iter().zip(&row).filter(|(_, cell)| !cell.is_empty());
            pairs
                .map(|(name, cell)| format!("{name} {cell}"))
                .collect::<Vec<_>>()
                .join(" ")
                .trim()
                .to_owned()
        })
        .filter(|row| !row.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_gives_sentences() {
        let text = "Lift rises with\nincidence. Drag does too!\n\nA heading\n\nIs it so?";
        assert_eq!(
            passages(text),
            [
                "Lift rises with incidence.",
                "Drag does too!",
                "A heading",
                "Is it so?"
            ]
        );
        assert!(passages(" \n ").is_empty());
    }

    #[test]
    fn tables_give_rows_with_the_names_of_their_columns() {
        let markdown = "| city | people |\n|---|---|\n| Bergen | 289330 |\n| Oslo |  |";
        assert_eq!(
            passages(markdown),
            ["city Bergen people 289330", "city Oslo"]
        );
        assert_eq!(
            passages("model,power\nford,88\ndatsun,65"),
            ["model ford power 88", "model datsun power 65"]
        );
    }

    #[test]
    fn a_sentence_with_commas_is_no_table() {
        let text = "Lift, drag and moment were measured.\nThe wing was thin, flat, swept and long.";
        assert_eq!(passages(text).len(), 2);
    }
}
