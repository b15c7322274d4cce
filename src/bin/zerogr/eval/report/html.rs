//! Text and tables as HTML.

use super::super::table::Table;

/// Text as it can stand anywhere in the page, in an attribute, too.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            // HTML has no way to write these.
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The first characters of a text, line ends as spaces.
pub fn excerpt(text: &str, max_chars: usize) -> String {
    let mut words = text.split_whitespace();
    let mut shown = words.next().unwrap_or_default().to_owned();
    for word in words {
        shown.push(' ');
        shown.push_str(word);
        if shown.len() > 4 * max_chars {
            break;
        }
    }
    match shown.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", shown.get(..end).unwrap_or_default().trim_end()),
        None => shown,
    }
}

/// A table; with `best`, the greatest number of each row is set off.
pub fn table(table: &Table, best: bool) -> String {
    let mut html = String::from("<div class=\"scroll\"><table>\n");
    let columns = table.rows().first().map_or(0, Vec::len);
    for (place, row) in table.rows().iter().enumerate() {
        let tag = if place == 0 { "th" } else { "td" };
        let number = |cell: &String| cell.parse::<f64>().ok();
        let greatest = row.iter().skip(1).filter_map(number).max_by(f64::total_cmp);
        html.push_str("<tr>");
        for cell in row {
            let is_best = best && place > 0 && greatest.is_some() && number(cell) == greatest;
            let class = if is_best { " class=\"best\"" } else { "" };
            html.push_str(&format!("<{tag}{class}>{}</{tag}>", escape(cell)));
        }
        for _ in row.len()..columns {
            html.push_str(&format!("<{tag}></{tag}>"));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table></div>\n");
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escaped_can_leave_a_text_or_an_attribute() {
        let nasty = "<script>alert(\"1\" & '2')</script>\u{0}\u{1b}\n";
        let escaped = escape(nasty);
        assert!(!escaped.contains(['<', '>', '"', '\'', '\u{0}', '\u{1b}']));
        assert_eq!(escape("a & b\tc"), "a &amp; b\tc");
    }

    #[test]
    fn excerpts_end_between_characters() {
        assert_eq!(excerpt("one\n two", 20), "one two");
        assert_eq!(excerpt("äöü äöü", 5), "äöü ä…");
        assert_eq!(excerpt("äöü äöü", 4), "äöü…");
        assert_eq!(excerpt(&"word ".repeat(10_000), 8), "word wor…");
        assert_eq!(excerpt("", 5), "");
    }

    #[test]
    fn the_greatest_of_a_row_is_set_off() {
        let mut numbers = Table::new(["", "a", "b"].map(str::to_owned));
        numbers.push(["<x>", "0.5", "0.25"].map(str::to_owned));
        let html = table(&numbers, true);
        assert!(html.contains("<td>&lt;x&gt;</td><td class=\"best\">0.5</td><td>0.25</td>"));
        assert!(!table(&numbers, false).contains("best"));
    }
}
