//! Filters as text.
//!
//! ```text
//!   any        all ("or" all)*
//!   all        one ("and" one)*
//!   one        "not" one | "(" any ")" | ask
//!   ask        field | field op value | field ["not"] "in" "(" value, ... ")"
//!              field "starts" "with" text | exists(field) | tag(text, ...) | id(text, ...)
//!   op         = == != <> < <= > >=
//!   value      2020, -0.5, true, "a text as in JSON", 'a text as it is'
//!   field      year, author.name, `any name`
//! ```
//!
//! - I1. An error says at which character it is, and what could be there.
//! - I2. Parentheses lie at most [`MAX_FILTER_NESTING`] deep in one another, and a text has at most
//!   [`MAX_FILTER_LEN_BYTES`]; the work is linear in it.

use std::ops::Bound;
use std::str::FromStr;

use winnow::ascii::{digit1, multispace0};
use winnow::combinator::{alt, opt};
use winnow::error::{ErrMode, ParserError};
use winnow::stream::{LocatingSlice, Location, Stateful};
use winnow::token::{any, literal, one_of, take_till, take_while};
use winnow::{ModalParser, Parser};

use super::filter::{Filter, MAX_FILTER_NESTING};
use crate::docs::FieldValue;
use crate::{Error, Result};

/// The longest filter that is read, in bytes.
pub const MAX_FILTER_LEN_BYTES: usize = 1 << 20;

/// The state is the number of parentheses that are open.
type Input<'t> = Stateful<LocatingSlice<&'t str>, usize>;

type Parsed<T> = std::result::Result<T, ErrMode<Problem>>;

/// What is wrong, and where.
#[derive(Debug)]
struct Problem {
    at_bytes: usize,
    what: &'static str,
}

impl<'t> ParserError<Input<'t>> for Problem {
    type Inner = Self;

    fn from_input(input: &Input<'t>) -> Self {
        Problem {
            at_bytes: input.current_token_start(),
            what: "something else is expected",
        }
    }

    fn into_inner(self) -> std::result::Result<Self, Self> {
        Ok(self)
    }
}

const FIELD: &str = "a field is expected, as in year >= 2020; a name with other characters than \
                     letters, digits, _, - and . stands in backquotes, and so does and, or, not, in";
const VALUE: &str = "a value is expected: a number, true, false or, in quotes, a text or a time";
const TEXT: &str = "a text in quotes is expected";
const INTEGER: &str = "a whole number has at most 64 bits";
const FLOAT: &str = "the number is more than a float can be";
const STRING: &str = "the text in quotes does not end, or has an escape that JSON has not";
const OPEN: &str = "( is expected";
const CLOSE: &str = ") is expected";
const COMMA: &str = ", or ) is expected";
const WITH: &str = "with is expected, as in lang starts with \"e\"";
const IN: &str = "in is expected, as in lang not in (\"en\", \"de\")";
const DEEP: &str = "parentheses lie too deep in one another";
const END: &str = "and, or or the end is expected";

impl FromStr for Filter {
    type Err = Error;

    /// Reads a filter, such as `year >= 2020 and lang in ("en", "de") and not draft`.
    ///
    /// A field is compared by `=`, `!=`, `<`, `<=`, `>`, `>=`, `in (…)` and `starts with`; alone it
    /// stands for one that is `true`. `exists(field)`, `tag("…")` and `id("…")` ask for any value,
    /// for tags and for external ids. `a != b` is `not a = b`, which holds without any value, too.
    /// Texts and times are in quotes; a date alone is its first moment in UTC.
    fn from_str(text: &str) -> Result<Self> {
        if text.len() > MAX_FILTER_LEN_BYTES {
            return Err(Error::limit(format!(
                "the filter has {} bytes, and at most {MAX_FILTER_LEN_BYTES} are read",
                text.len()
            )));
        }
        let mut input = Stateful {
            input: LocatingSlice::new(text),
            state: 0,
        };
        let parsed = any_of(&mut input).and_then(|filter| {
            space(&mut input);
            match input.input.is_empty() {
                true => Ok(filter),
                false => Err(cut(&input, END)),
            }
        });
        parsed.map_err(|error| {
            let (ErrMode::Backtrack(problem) | ErrMode::Cut(problem)) = error else {
                return Error::invalid("the filter ends too early");
            };
            let before = text.get(..problem.at_bytes).unwrap_or(text);
            let column = before.chars().count() + 1;
            Error::invalid(format!("the filter, column {column}: {}", problem.what))
        })
    }
}

fn cut(input: &Input<'_>, what: &'static str) -> ErrMode<Problem> {
    ErrMode::Cut(Problem {
        at_bytes: input.current_token_start(),
        what,
    })
}

fn space(input: &mut Input<'_>) {
    // It takes what there is, and nothing is fine.
    let _: Parsed<&str> = multispace0.parse_next(input);
}

/// What has to be next, behind white space.
fn expect<'t, T>(
    input: &mut Input<'t>,
    what: &'static str,
    mut parser: impl ModalParser<Input<'t>, T, Problem>,
) -> Parsed<T> {
    space(input);
    let otherwise = cut(input, what);
    match parser.parse_next(input) {
        Err(ErrMode::Backtrack(_)) => Err(otherwise),
        parsed => parsed,
    }
}

/// Whether this is next, behind white space; then it is taken.
fn takes<'t, T>(
    input: &mut Input<'t>,
    parser: impl ModalParser<Input<'t>, T, Problem>,
) -> Parsed<bool> {
    space(input);
    Ok(opt(parser).parse_next(input)?.is_some())
}

fn is_in_name(one: char) -> bool {
    one.is_alphanumeric() || matches!(one, '_' | '.' | '-')
}

/// A word of the language, in either case.
fn word<'t>(word: &'static str) -> impl ModalParser<Input<'t>, &'t str, Problem> {
    take_while(1.., is_in_name).verify(move |found: &str| found.eq_ignore_ascii_case(word))
}

fn any_of(input: &mut Input<'_>) -> Parsed<Filter> {
    let first = all_of(input)?;
    let mut parts = vec![first];
    while takes(input, word("or"))? {
        parts.push(all_of(input)?);
    }
    Ok(alone_or(parts, Filter::any))
}

fn all_of(input: &mut Input<'_>) -> Parsed<Filter> {
    let first = one(input)?;
    let mut parts = vec![first];
    while takes(input, word("and"))? {
        parts.push(one(input)?);
    }
    Ok(alone_or(parts, Filter::all))
}

fn alone_or(mut parts: Vec<Filter>, list: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            list(parts)
        }
    }
}

fn one(input: &mut Input<'_>) -> Parsed<Filter> {
    let mut is_negated = false;
    while takes(input, word("not"))? {
        is_negated = !is_negated;
    }
    let filter = match takes(input, '(')? {
        true => {
            if input.state >= MAX_FILTER_NESTING {
                return Err(cut(input, DEEP));
            }
            input.state += 1;
            let inner = any_of(input)?;
            input.state -= 1;
            expect(input, CLOSE, ')')?;
            inner
        }
        false => ask(input)?,
    };
    Ok(match is_negated {
        true => Filter::not(filter),
        false => filter,
    })
}

fn ask(input: &mut Input<'_>) -> Parsed<Filter> {
    for (function, filter) in [
        (
            "tag",
            (|tags| Filter::any(tags.into_iter().map(Filter::tag))) as fn(Vec<String>) -> Filter,
        ),
        ("id", |ids| Filter::ids(ids)),
    ] {
        if takes(input, (word(function), multispace0, '('))? {
            return Ok(filter(list(input, text)?));
        }
    }
    if takes(input, (word("exists"), multispace0, '('))? {
        let field = field(input)?;
        expect(input, CLOSE, ')')?;
        return Ok(Filter::exists(field));
    }
    let field = field(input)?;
    if takes(input, word("in"))? {
        expect(input, OPEN, '(')?;
        return Ok(Filter::one_of(field, list(input, value)?));
    }
    if takes(input, word("not"))? {
        expect(input, IN, word("in"))?;
        expect(input, OPEN, '(')?;
        return Ok(Filter::not(Filter::one_of(field, list(input, value)?)));
    }
    if takes(input, word("starts"))? {
        expect(input, WITH, word("with"))?;
        return Ok(Filter::prefix(field, text(input)?));
    }
    space(input);
    let operators = ["==", "!=", "<>", "<=", ">=", "=", "<", ">"].map(literal);
    let Some(operator) = opt(alt(operators)).parse_next(input)? else {
        return Ok(Filter::eq(field, true));
    };
    let value = value(input)?;
    Ok(match operator {
        "<" => between(field, Bound::Unbounded, Bound::Excluded(value)),
        "<=" => between(field, Bound::Unbounded, Bound::Included(value)),
        ">" => between(field, Bound::Excluded(value), Bound::Unbounded),
        ">=" => between(field, Bound::Included(value), Bound::Unbounded),
        "!=" | "<>" => Filter::not(Filter::eq(field, value)),
        _ => Filter::eq(field, value),
    })
}

fn between(field: String, lo: Bound<FieldValue>, hi: Bound<FieldValue>) -> Filter {
    Filter::range(field, (lo, hi))
}

/// One or several, behind their parenthesis.
fn list<T>(
    input: &mut Input<'_>,
    mut item: impl FnMut(&mut Input<'_>) -> Parsed<T>,
) -> Parsed<Vec<T>> {
    let mut items = Vec::new();
    loop {
        items.push(item(input)?);
        if expect(input, COMMA, one_of([',', ')']))? == ')' {
            return Ok(items);
        }
    }
}

fn field(input: &mut Input<'_>) -> Parsed<String> {
    let is_first = |one: char| one.is_alphabetic() || one == '_';
    let bare = (one_of(is_first), take_while(0.., is_in_name))
        .take()
        .verify(|name: &str| {
            let mut reserved = ["and", "or", "not", "in"].into_iter();
            !reserved.any(|word| name.eq_ignore_ascii_case(word))
        });
    let quoted = ('`', take_till(1.., '`'), '`').map(|(_, name, _)| name);
    expect(input, FIELD, alt((quoted, bare)).map(str::to_owned))
}

fn value(input: &mut Input<'_>) -> Parsed<FieldValue> {
    if takes(input, word("true"))? {
        return Ok(FieldValue::Boolean(true));
    }
    if takes(input, word("false"))? {
        return Ok(FieldValue::Boolean(false));
    }
    let sign = || opt(one_of(['-', '+']));
    let fraction = opt(('.', digit1));
    let exponent = opt((one_of(['e', 'E']), sign(), digit1));
    let mut number = opt((sign(), digit1, fraction, exponent).take());
    space(input);
    let otherwise = |input: &Input<'_>| [VALUE, INTEGER, FLOAT].map(|what| cut(input, what));
    let [no_value, no_integer, no_float] = otherwise(input);
    let Some(digits) = number.parse_next(input)? else {
        return match input.input.starts_with(['"', '\'']) {
            true => text(input).map(FieldValue::Keyword),
            false => Err(no_value),
        };
    };
    // A date without quotes, among others.
    if input.input.starts_with(is_in_name) {
        return Err(no_value);
    }
    if digits.contains(['.', 'e', 'E']) {
        let float = digits.parse::<f64>().ok().filter(|float| float.is_finite());
        return float.map(FieldValue::Float).ok_or(no_float);
    }
    let integer = digits.parse::<i64>();
    integer.map(FieldValue::Integer).map_err(|_| no_integer)
}

fn text(input: &mut Input<'_>) -> Parsed<String> {
    space(input);
    let unended = cut(input, STRING);
    if input.input.starts_with('"') {
        let inside = |input: &mut Input<'_>| -> Parsed<()> {
            loop {
                take_till(0.., ['"', '\\']).void().parse_next(input)?;
                if opt(('\\', any)).parse_next(input)?.is_none() {
                    return Ok(());
                }
            }
        };
        let string = ('"', inside, '"').take().parse_next(input);
        let string = string
            .ok()
            .and_then(|string| serde_json::from_str(string).ok());
        return string.ok_or(unended);
    }
    let plain =
        ('\'', take_till(0.., '\''), '\'').map(|(_, text, _): (_, &str, _)| text.to_owned());
    match input.input.starts_with('\'') {
        true => opt(plain).parse_next(input)?.ok_or(unended),
        false => Err(cut(input, TEXT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Filter {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_text_says_what_a_filter_does() {
        let year = || Filter::range("year", 2020..);
        let draft = || Filter::eq("draft", true);
        for (text, expected) in [
            ("year >= 2020", year()),
            ("  year>=2020\n", year()),
            ("draft", draft()),
            ("NOT draft", Filter::not(draft())),
            ("not not draft", draft()),
            (
                "year >= 2020 and lang in (\"en\", 'de') and not draft",
                Filter::all([
                    year(),
                    Filter::one_of("lang", ["en", "de"]),
                    Filter::not(draft()),
                ]),
            ),
            (
                "draft or year >= 2020 and draft",
                Filter::any([draft(), Filter::all([year(), draft()])]),
            ),
            (
                "(draft or year >= 2020) AND draft",
                Filter::all([Filter::any([draft(), year()]), draft()]),
            ),
            ("x < -1.5e0", Filter::range("x", ..-1.5)),
            ("x <= +7", Filter::range("x", ..=7)),
            (
                "x > 'a\\'",
                between("x".into(), Bound::Excluded("a\\".into()), Bound::Unbounded),
            ),
            ("x = \"\\u00e4\\\" \\\\\"", Filter::eq("x", "ä\" \\")),
            ("x == false", Filter::eq("x", false)),
            ("x != 1", Filter::not(Filter::eq("x", 1))),
            ("x <> 1", Filter::not(Filter::eq("x", 1))),
            ("x not in (1,2)", Filter::not(Filter::one_of("x", [1, 2]))),
            ("x starts with 'ab'", Filter::prefix("x", "ab")),
            ("exists(author.name)", Filter::exists("author.name")),
            (
                "exists and exist-s",
                Filter::all([Filter::eq("exists", true), Filter::eq("exist-s", true)]),
            ),
            ("`not` = 1", Filter::eq("not", 1)),
            ("`odd name, (1)` = 1", Filter::eq("odd name, (1)", 1)),
            ("größe < 3", Filter::range("größe", ..3)),
            ("tag('a')", Filter::any([Filter::tag("a")])),
            ("tag = 'a'", Filter::eq("tag", "a")),
            ("id ('a', 'b')", Filter::ids(["a", "b"])),
            (
                "order = 1 or android",
                Filter::any([Filter::eq("order", 1), Filter::eq("android", true)]),
            ),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn an_error_points_at_its_column() {
        for (text, column, what) in [
            ("", 1, FIELD),
            ("  ", 3, FIELD),
            ("year >= ", 9, VALUE),
            ("year >= x", 9, VALUE),
            ("year >= 2020 lang", 14, END),
            ("year >= 2020 and", 17, FIELD),
            ("year >= 2020 and and x", 18, FIELD),
            ("größe >= 'ä' und x", 14, END),
            ("(year >= 2020", 14, CLOSE),
            ("year >= 2020)", 13, END),
            ("lang in \"en\"", 9, OPEN),
            ("lang in ()", 10, VALUE),
            ("lang in ('a' 'b')", 14, COMMA),
            ("lang not \"en\"", 10, IN),
            ("lang starts \"en\"", 13, WITH),
            ("lang starts with 1", 18, TEXT),
            ("lang = \"en", 8, STRING),
            ("lang = 'en", 8, STRING),
            ("lang = \"\\x\"", 8, STRING),
            ("lang = \"\\ud800\"", 8, STRING),
            ("at >= 2024-01-01", 7, VALUE),
            ("n = 9223372036854775808", 5, INTEGER),
            ("x = 1e400", 5, FLOAT),
            ("x = nan", 5, VALUE),
            ("x = -inf", 5, VALUE),
            ("x = .5", 5, VALUE),
            ("x = 1.", 5, VALUE),
            ("x ~ 1", 3, END),
            ("2020 = year", 1, FIELD),
            ("`x = 1", 1, FIELD),
            ("exists(1)", 8, FIELD),
            ("tag(1)", 5, TEXT),
        ] {
            let error = text.parse::<Filter>().unwrap_err();
            assert!(error.is_invalid_input());
            let expected = format!("the filter, column {column}: {what}");
            assert_eq!(error.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn long_and_deep_filters_are_read_or_refused() {
        let deep = |depth: usize| format!("{}x{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(read(&deep(MAX_FILTER_NESTING)), Filter::eq("x", true));
        let error = deep(10_000).parse::<Filter>().unwrap_err();
        assert!(error.to_string().ends_with(DEEP), "{error}");
        assert!("(".repeat(1_000_000).parse::<Filter>().is_err());
        // A megabyte.
        assert_eq!(
            read(&format!("{}x", "not ".repeat(250_000))),
            Filter::eq("x", true)
        );
        let many = vec!["x = 1"; 100_000].join(" or ");
        assert_eq!(read(&many), Filter::any(vec![Filter::eq("x", 1); 100_000]));
        let long = format!("x = '{}'", "a".repeat(1_000_000));
        assert_eq!(read(&long), Filter::eq("x", "a".repeat(1_000_000)));
        let too_long = " ".repeat(MAX_FILTER_LEN_BYTES + 1);
        assert_eq!(
            too_long.parse::<Filter>().unwrap_err().kind(),
            crate::ErrorKind::Limit
        );
    }
}
