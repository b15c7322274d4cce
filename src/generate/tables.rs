//! Finding tables in plain text, and turning their rows into phrases.
//!
//! A row with the names of its columns makes a good query:
//!
//! ```text
//! Year | Title       | UK            ─►  Year 1969 Title Renaissance UK 60
//! 1969 | Renaissance | 60
//! ```
//!
//! Recognised: Markdown tables, lines with `|` between cells, and comma, semicolon or tab
//! separated lines with a header. The first row is the header. Prose is kept out: where commas or
//! semicolons separate, header cells are short and nearly all lines have as many cells as the
//! header; bars and tabs are rare in prose, and one of the two is enough.

/// The longest header cell, in characters; longer "headers" may be prose.
const MAX_HEADER_CHARS: usize = 40;

/// The rows of a block of lines as phrases, or nothing when it is no table.
pub(crate) fn table_rows(lines: &[&str]) -> Option<Vec<String>> {
    ['|', '\t', ';', ',']
        .iter()
        .find_map(|separator| rows_with(lines, *separator))
}

/// Whether a text is one table and nothing else.
pub(crate) fn is_table(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    table_rows(&lines).is_some()
}

fn rows_with(lines: &[&str], separator: char) -> Option<Vec<String>> {
    let mut rows = lines
        .iter()
        .filter(|line| !line.trim().is_empty() && !is_rule(line))
        .map(|line| cells(line, separator));
    let header = rows.next()?;
    let rows: Vec<Vec<String>> = rows.collect();
    if header.len() < 2 || rows.is_empty() {
        return None;
    }
    let short = |cell: &String| cell.chars().count() <= MAX_HEADER_CHARS && !cell.ends_with('.');
    let short_names = header.iter().all(short);
    let alike = rows.iter().filter(|row| row.len() == header.len()).count();
    let even = alike * 10 >= rows.len() * 9;
    // Commas and semicolons are common in prose and code: be strict there.
    let is_table = if matches!(separator, ',' | ';') {
        let code = |cell: &String| cell.is_empty() || cell.contains(['(', '=', '{']);
        short_names && even && !header.iter().any(code)
    } else {
        even || (short_names && alike * 2 >= rows.len())
    };
    is_table.then(|| rows.iter().filter_map(|row| phrase(&header, row)).collect())
}

/// The line between a Markdown header and its rows.
fn is_rule(line: &str) -> bool {
    line.contains('-')
        && line
            .chars()
            .all(|c| matches!(c, '|' | '-' | ':' | '+' | ' ' | '\t'))
}

/// The cells of a line, without quotes and Markdown's outer bars.
fn cells(line: &str, separator: char) -> Vec<String> {
    let mut line = line.trim_matches([' ', '\r', '\n']);
    if separator == '|' {
        // Markdown's outer bars come in pairs; one alone stands beside an empty cell.
        let inner = line
            .strip_prefix('|')
            .and_then(|rest| rest.strip_suffix('|'));
        line = inner.unwrap_or(line);
    }
    let mut cells = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        let Some(cell) = cells.last_mut() else { break };
        if character == '"' && separator != '|' {
            quoted = !quoted;
        } else if character == separator && !quoted {
            cells.push(String::new());
        } else {
            cell.push(character);
        }
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// Header names and cells alternating; cells without a letter or digit are left out.
fn phrase(header: &[String], row: &[String]) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for (column, cell) in row.iter().enumerate() {
        if cell.chars().any(char::is_alphanumeric) {
            if let Some(name) = header.get(column).filter(|name| !name.is_empty()) {
                parts.push(name);
            }
            parts.push(cell);
        }
    }
    (!parts.is_empty()).then(|| parts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Option<Vec<String>> {
        table_rows(&text.lines().collect::<Vec<_>>())
    }

    #[test]
    fn markdown_and_bars() {
        let markdown = "| Year | Title |\n|------|:-----:|\n| 1969 | Renaissance |\n| 1971 | – |";
        assert_eq!(
            rows(markdown).unwrap(),
            ["Year 1969 Title Renaissance", "Year 1971"]
        );
        let bars = "Year | Title | UK\n1969 | Renaissance | \n1971 | Illusion | 46 | extra";
        assert_eq!(
            rows(bars).unwrap(),
            [
                "Year 1969 Title Renaissance",
                "Year 1971 Title Illusion UK 46 extra"
            ]
        );
    }

    #[test]
    fn names_of_columns_may_be_abbreviated_or_long_between_bars() {
        let abbreviated = "No. | Pos. | Player\n4 | G | Ann Smith";
        assert_eq!(
            rows(abbreviated).unwrap(),
            ["No. 4 Pos. G Player Ann Smith"]
        );
        let long = "Site | Coordinates (links to map and photographic sources)\nAller | 51.04";
        assert_eq!(
            rows(long).unwrap(),
            ["Site Aller Coordinates (links to map and photographic sources) 51.04"]
        );
        let uneven =
            "Site | Coordinates (links to map and photographic sources)\na | b\nc\nd | e | f";
        assert_eq!(rows(uneven), None);
    }

    #[test]
    fn the_first_or_the_last_name_of_a_column_may_be_missing() {
        let numbered = " | Name | Listed\n1 | Mill | 1980\n2 | Barn | ";
        assert_eq!(
            rows(numbered).unwrap(),
            ["1 Name Mill Listed 1980", "2 Name Barn"]
        );
    }

    #[test]
    fn separated_values() {
        let csv = "name,city\n\"Smith, Ann\",Oslo\nLee,Bergen";
        assert_eq!(
            rows(csv).unwrap(),
            ["name Smith, Ann city Oslo", "name Lee city Bergen"]
        );
        assert_eq!(rows("a\tb\n1\t2").unwrap(), ["a 1 b 2"]);
        assert_eq!(rows("a;b\n1;2").unwrap(), ["a 1 b 2"]);
    }

    #[test]
    fn prose_and_code_are_no_tables() {
        for text in [
            "",
            "One line only, with a comma",
            "First, a long line of prose that goes on and on for a while,\nand then, another.",
            "We met Ann, and went home.\nThen, after lunch, we left, at last, for good.",
            "f(a, b)\ng(c, d)",
            "no separators\nat all",
        ] {
            assert!(rows(text).is_none(), "{text}");
        }
    }
}
