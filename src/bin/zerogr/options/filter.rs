//! Which documents a command is about, and what it counts them by.

use zerogr::{Facet, FacetCounts, FieldValue, Filter};

use crate::console::failure::Failure;
use crate::console::output;

/// Which documents; all conditions together.
#[derive(clap::Args)]
pub struct FilterArgs {
    /// Only documents whose fields are so: `year >= 2020 and lang in ("en", "de") and not draft`.
    /// Comparisons are = != < <= > >= in(...), `starts with "..."` and exists(field); tag("...") and
    /// id("...") ask for tags and ids. Texts and times stand in quotes.
    #[arg(long = "where", value_name = "EXPR")]
    expression: Option<Filter>,
    /// Only documents with this tag; given several times, with all of them.
    #[arg(long, value_name = "TAG")]
    filter_tag: Vec<String>,
    /// Only documents without this tag.
    #[arg(long, value_name = "TAG")]
    filter_not_tag: Vec<String>,
}

impl FilterArgs {
    /// What is asked for together; `None` for nothing.
    pub fn filter(&self) -> Option<Filter> {
        let with = self.filter_tag.iter().map(Filter::tag);
        let without = self.filter_not_tag.iter();
        let without = without.map(|tag| Filter::not(Filter::tag(tag)));
        let filters = with.chain(without).chain(self.expression.clone());
        let filters: Vec<Filter> = filters.collect();
        (!filters.is_empty()).then(|| Filter::all(filters))
    }
}

/// A field to count documents by, with the bounds of its ranges: `lang`, `year=2000,2010,2020`.
#[derive(Debug, Clone)]
pub struct FacetArg {
    facet: Facet,
}

impl std::str::FromStr for FacetArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((field, bounds)) = text.split_once('=') else {
            return Ok(FacetArg {
                facet: Facet::values(text),
            });
        };
        Ok(FacetArg {
            facet: Facet::between(field, bounds.split(',').map(bound)),
        })
    }
}

/// A number, or else a text or time.
fn bound(text: &str) -> FieldValue {
    let float = || text.parse::<f64>().ok().filter(|value| value.is_finite());
    match (text.parse::<i64>(), float()) {
        (Ok(value), _) => value.into(),
        (_, Some(value)) => value.into(),
        _ => text.into(),
    }
}

impl FacetArg {
    /// What the library calls it.
    pub fn facet(&self) -> &Facet {
        &self.facet
    }
}

/// Values that are shown of a field; the others are counted.
const SHOWN_VALUES: usize = 50;

/// Prints counts for people; `of` says of which documents they are.
pub fn print_counts(counts: &FacetCounts, of: &str) -> Result<(), Failure> {
    let field = output::inline(&counts.field);
    let documents = counts.documents;
    output::line(&format!("{field}: {documents} {of}"))?;
    for count in counts.counts.iter().take(SHOWN_VALUES) {
        let value = output::inline(&count.value.to_string());
        output::line(&format!("  {:>8}  {value}", count.documents))?;
    }
    match counts.counts.len().saturating_sub(SHOWN_VALUES) {
        0 => Ok(()),
        more => output::line(&format!("            {more} more values (--json has them)")),
    }
}
