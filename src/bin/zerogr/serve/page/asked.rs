//! What a page is asked for, and links to pages that are asked for a little more.

use serde::Deserialize;
use zerogr::FieldValue;

use crate::options::mode::ModeArg;

/// The most hits of a page.
const MAX_HITS: usize = 100;

/// A search, as the form sends it; what is missing is as the form begins.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The query.
    pub q: String,
    /// The filter.
    #[serde(rename = "where")]
    pub filter: String,
    /// How documents are found.
    pub mode: ModeArg,
    /// Hits wanted.
    pub k: Option<usize>,
    /// Whether the walk of the decoder is shown.
    pub walk: Option<String>,
}

impl Asked {
    /// Hits wanted, within limits.
    pub fn k(&self) -> usize {
        self.k.unwrap_or(10).clamp(1, MAX_HITS)
    }

    /// Whether the walk of the decoder is wanted, and there is one.
    pub fn shows_walk(&self) -> bool {
        self.walk.is_some() && self.mode.generates()
    }

    /// The address of the page that answers this.
    pub fn link(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("q", &self.q);
        query.append_pair("where", &self.filter);
        query.append_pair("mode", self.mode.name());
        query.append_pair("k", &self.k().to_string());
        if self.walk.is_some() {
            query.append_pair("walk", "1");
        }
        format!("/?{}", query.finish())
    }

    /// The same with the walk, or without.
    pub fn with_walk(&self, is_shown: bool) -> Asked {
        Asked {
            walk: is_shown.then(|| "1".to_owned()),
            ..self.clone()
        }
    }

    /// The same with more hits; `None` where there cannot be more.
    pub fn with_more(&self, found: usize) -> Option<Asked> {
        let k = self.k();
        (found == k && k < MAX_HITS).then(|| Asked {
            k: Some((2 * k).min(MAX_HITS)),
            ..self.clone()
        })
    }

    /// The same among documents whose `field` has this value; `None` where no filter can say it.
    pub fn narrowed(&self, field: &str, value: &FieldValue) -> Option<Asked> {
        if field.contains('`') {
            return None;
        }
        let value = serde_json::to_string(value).ok()?;
        let more = format!("`{field}` = {value}");
        let known = self.filter.trim();
        let filter = match known {
            "" => more,
            known if known.to_lowercase().contains("or") => format!("({known}) and {more}"),
            known => format!("{known} and {more}"),
        };
        filter.parse::<zerogr::Filter>().ok()?;
        Some(Asked {
            filter,
            ..self.clone()
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn links_ask_for_what_was_asked() {
        let asked = Asked {
            q: "a & b=<c> ü".into(),
            filter: "x = \"y\"".into(),
            ..Asked::default()
        };
        let link = asked.with_walk(true).link();
        let query = link.strip_prefix("/?").unwrap();
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let value = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| key == name)
                .unwrap()
                .1
                .as_ref()
        };
        assert_eq!([value("q"), value("where")], ["a & b=<c> ü", "x = \"y\""]);
        assert_eq!(
            [value("mode"), value("k"), value("walk")],
            ["planned", "10", "1"]
        );
    }

    #[test]
    fn narrowing_keeps_what_was_asked_for() {
        let asked = |filter: &str| Asked {
            filter: filter.into(),
            ..Asked::default()
        };
        let text = FieldValue::Keyword("a \"quoted\" or".into());
        for (before, after) in [
            ("", "`lang x` = \"a \\\"quoted\\\" or\""),
            (
                "year > 3",
                "year > 3 and `lang x` = \"a \\\"quoted\\\" or\"",
            ),
            ("a or b", "(a or b) and `lang x` = \"a \\\"quoted\\\" or\""),
        ] {
            assert_eq!(
                asked(before).narrowed("lang x", &text).unwrap().filter,
                after
            );
        }
        assert!(asked("").narrowed("a`b", &text).is_none());
    }
}
