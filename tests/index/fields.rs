//! Fields: filters equal a scan of the documents, whatever happened to the index, and what is no
//! field is refused by name.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use proptest::prelude::*;
use zerogr::raw::store::MemoryBackend;
use zerogr::{
    Document, ErrorKind, Facet, FieldType, FieldValue, Filter, Index, IndexOptions, ListOptions,
    MergePolicy, SearchOptions, Timestamp,
};

/// Every document has it, so a search for it finds all that pass.
const WORD: &str = "common";

fn lexical(options: IndexOptions) -> Index {
    Index::create_on(Arc::new(MemoryBackend::default()), options).unwrap()
}

fn found(index: &Index, filter: &Filter) -> zerogr::Result<BTreeSet<String>> {
    let options = SearchOptions::new().k(1000).filter(filter.clone());
    let hits = index.search(WORD, &options)?.hits;
    Ok(hits.into_iter().map(|hit| hit.id).collect())
}

/// A value of a document, in the order of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Model {
    Boolean(bool),
    Integer(i64),
    /// In halves.
    Float(i64),
    Time(i64),
    Keyword(&'static str),
}

const KEYWORDS: [&str; 7] = ["", "a", "ab", "abc", "b", "ä", "2024-01-01T00:00:00Z x"];

impl Model {
    fn value(self) -> FieldValue {
        match self {
            Model::Boolean(value) => value.into(),
            Model::Integer(value) => value.into(),
            Model::Float(halves) => (halves as f64 / 2.0).into(),
            Model::Time(us) => Timestamp::from_unix_us(us).unwrap().into(),
            Model::Keyword(text) => text.into(),
        }
    }
}

impl Model {
    fn text(self) -> String {
        match self {
            Model::Boolean(value) => value.to_string(),
            Model::Integer(value) => value.to_string(),
            Model::Float(halves) => format!("{:?}", halves as f64 / 2.0),
            Model::Time(us) => format!("'{}'", Timestamp::from_unix_us(us).unwrap()),
            Model::Keyword(text) => format!("{text:?}"),
        }
    }
}

type Fields = BTreeMap<&'static str, BTreeSet<Model>>;

const NAMES: [&str; 5] = ["flag", "n", "x", "at", "lang"];

fn value(name: &'static str) -> BoxedStrategy<Model> {
    match name {
        "flag" => any::<bool>().prop_map(Model::Boolean).boxed(),
        "n" => prop_oneof![-3i64..4, Just(i64::MIN), Just(i64::MAX)]
            .prop_map(Model::Integer)
            .boxed(),
        "x" => (-5i64..6).prop_map(Model::Float).boxed(),
        "at" => (-3i64..3)
            .prop_map(|second| Model::Time(second * 500_000))
            .boxed(),
        _ => prop::sample::select(&KEYWORDS[..])
            .prop_map(Model::Keyword)
            .boxed(),
    }
}

fn document_fields() -> impl Strategy<Value = Fields> {
    let field = |name| prop::collection::btree_set(value(name), 0..3);
    (
        field("flag"),
        field("n"),
        field("x"),
        field("at"),
        field("lang"),
    )
        .prop_map(|(flag, n, x, at, lang)| {
            let all = NAMES.into_iter().zip([flag, n, x, at, lang]);
            all.filter(|(_, values)| !values.is_empty()).collect()
        })
}

fn document(number: usize, fields: &Fields) -> Document {
    let mut document = Document::new(format!("d{number}")).text(WORD);
    document.tags = vec![["even", "odd"][number % 2].to_owned()];
    for (name, values) in fields {
        let values: Vec<FieldValue> = values.iter().map(|one| one.value()).collect();
        document = match values.as_slice() {
            [one] => document.field(*name, one.clone()),
            _ => document.field(*name, values),
        };
    }
    document
}

/// An expression, as a filter and as a plain test.
#[derive(Debug, Clone)]
enum Expression {
    In(&'static str, Vec<Model>),
    Between(&'static str, Bound<Model>, Bound<Model>),
    /// Numbers of halves, in the field of integers.
    Halves(Bound<i64>, Bound<i64>),
    Exists(&'static str),
    Prefix(&'static str),
    Tag(&'static str),
    Ids(BTreeSet<usize>),
    /// A closure: numbers from here on.
    From(usize),
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
}

fn bound<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Bound<T>> {
    (value, 0..5)
        .prop_map(|(value, kind)| match kind {
            0 => Bound::Unbounded,
            1 | 2 => Bound::Included(value),
            _ => Bound::Excluded(value),
        })
        .boxed()
}

fn expression() -> impl Strategy<Value = Expression> {
    let name = prop::sample::select(&NAMES[..]);
    let leaf = prop_oneof![
        3 => name.clone().prop_flat_map(|name| {
            prop::collection::vec(value(name), 0..3)
                .prop_map(move |values| Expression::In(name, values))
        }),
        4 => name.clone().prop_flat_map(|name| {
            (bound(value(name)), bound(value(name)))
                .prop_map(move |(lo, hi)| Expression::Between(name, lo, hi))
        }),
        1 => (bound(-7i64..8), bound(-7i64..8)).prop_map(|(lo, hi)| Expression::Halves(lo, hi)),
        1 => name.prop_map(Expression::Exists),
        1 => prop::sample::select(&["", "a", "ab", "ä", "z"][..]).prop_map(Expression::Prefix),
        1 => prop::sample::select(&["even", "odd", "none"][..]).prop_map(Expression::Tag),
        1 => prop::collection::btree_set(0usize..25, 0..6).prop_map(Expression::Ids),
        1 => (0usize..25).prop_map(Expression::From),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 0..3);
        prop_oneof![
            several.clone().prop_map(Expression::All),
            several.prop_map(Expression::Any),
            inner.prop_map(|one| Expression::Not(Box::new(one))),
        ]
    })
}

fn halves(halves: i64) -> f64 {
    halves as f64 / 2.0
}

impl Expression {
    fn filter(&self) -> Filter {
        let all = |parts: &[Expression]| -> Vec<Filter> {
            parts.iter().map(Expression::filter).collect()
        };
        match self {
            Expression::In(name, values) => {
                Filter::one_of(*name, values.iter().map(|one| one.value()))
            }
            Expression::Between(name, lo, hi) => {
                Filter::range(*name, (lo.map(Model::value), hi.map(Model::value)))
            }
            Expression::Halves(lo, hi) => Filter::range("n", (lo.map(halves), hi.map(halves))),
            Expression::Exists(name) => Filter::exists(*name),
            Expression::Prefix(prefix) => Filter::prefix("lang", *prefix),
            Expression::Tag(tag) => Filter::tag(*tag),
            Expression::Ids(ids) => Filter::ids(ids.iter().map(|id| format!("d{id}"))),
            &Expression::From(least) => Filter::documents(move |document| {
                document.id[1..].parse::<usize>().unwrap() >= least
            }),
            Expression::All(parts) => Filter::all(all(parts)),
            Expression::Any(parts) => Filter::any(all(parts)),
            Expression::Not(one) => Filter::not(one.filter()),
        }
    }

    /// The same as text; `None` for what only a program can ask.
    fn text(&self) -> Option<String> {
        let joined = |parts: &[Expression], word: &str, none: &str| {
            let parts: Option<Vec<String>> = parts.iter().map(Expression::text).collect();
            let parts = parts?;
            Some(match parts.is_empty() {
                true => none.to_owned(),
                false => format!("({})", parts.join(word)),
            })
        };
        let ends = |name: &str, lo: Bound<String>, hi: Bound<String>| {
            let lo = match lo {
                Bound::Unbounded => None,
                Bound::Included(value) => Some(format!("{name} >= {value}")),
                Bound::Excluded(value) => Some(format!("{name} > {value}")),
            };
            let hi = match hi {
                Bound::Unbounded => None,
                Bound::Included(value) => Some(format!("`{name}`<={value}")),
                Bound::Excluded(value) => Some(format!("`{name}`<{value}")),
            };
            match (lo, hi) {
                (Some(one), None) | (None, Some(one)) => Some(one),
                // Of several values, another one may be below.
                _ => None,
            }
        };
        match self {
            Expression::In(_, values) if values.is_empty() => None,
            Expression::In(name, values) => {
                let values: Vec<String> = values.iter().map(|one| one.text()).collect();
                Some(format!("{name} in ({})", values.join(", ")))
            }
            Expression::Between(name, lo, hi) => {
                ends(name, lo.map(Model::text), hi.map(Model::text))
            }
            Expression::Halves(lo, hi) => {
                let text = |value: i64| format!("{:?}", halves(value));
                ends("n", lo.map(text), hi.map(text))
            }
            Expression::Exists(name) => Some(format!("exists({name})")),
            Expression::Prefix(prefix) => Some(format!("lang starts with '{prefix}'")),
            Expression::Tag(tag) => Some(format!("tag(\"{tag}\")")),
            Expression::Ids(ids) if ids.is_empty() => None,
            Expression::Ids(ids) => {
                let ids: Vec<String> = ids.iter().map(|id| format!("'d{id}'")).collect();
                Some(format!("id({})", ids.join(",")))
            }
            Expression::From(_) => None,
            Expression::All(parts) => joined(parts, " and ", "not id('none') "),
            Expression::Any(parts) => joined(parts, " OR ", "id('none') "),
            Expression::Not(one) => Some(format!("not {}", one.text()?)),
        }
    }

    fn passes(&self, number: usize, fields: &Fields) -> bool {
        let has = |name: &str, passes: &dyn Fn(&Model) -> bool| {
            fields
                .get(name)
                .is_some_and(|values| values.iter().any(passes))
        };
        use std::ops::RangeBounds;
        match self {
            Expression::In(name, values) => has(name, &|one| values.contains(one)),
            Expression::Between(name, lo, hi) => {
                has(name, &|one| (lo.as_ref(), hi.as_ref()).contains(one))
            }
            Expression::Halves(lo, hi) => has("n", &|one| match one {
                Model::Integer(value) => (*lo, *hi).contains(&value.saturating_mul(2)),
                _ => false,
            }),
            Expression::Exists(name) => has(name, &|_| true),
            Expression::Prefix(prefix) => has("lang", &|one| match one {
                Model::Keyword(text) => text.starts_with(prefix),
                _ => false,
            }),
            Expression::Tag(tag) => *tag == ["even", "odd"][number % 2],
            Expression::Ids(ids) => ids.contains(&number),
            Expression::From(least) => number >= *least,
            Expression::All(parts) => parts.iter().all(|one| one.passes(number, fields)),
            Expression::Any(parts) => parts.iter().any(|one| one.passes(number, fields)),
            Expression::Not(one) => !one.passes(number, fields),
        }
    }
}

/// What happens to an index.
#[derive(Debug, Clone)]
enum Step {
    Add(Vec<(usize, Fields)>),
    Delete(Vec<usize>),
    Merge,
    Vacuum,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec((0usize..25, document_fields()), 1..8).prop_map(Step::Add),
        2 => prop::collection::vec(0usize..25, 1..4).prop_map(Step::Delete),
        1 => Just(Step::Merge),
        1 => Just(Step::Vacuum),
    ]
}

/// An index whose fields have their types from the beginning, so that any may be filtered by.
fn declared() -> Index {
    lexical(
        IndexOptions::lexical()
            .field("flag", FieldType::Boolean)
            .field("n", FieldType::Integer)
            .field("x", FieldType::Float)
            .field("at", FieldType::Timestamp)
            .field("lang", FieldType::Keyword),
    )
}

fn apply(index: &Index, step: &Step, documents: &mut BTreeMap<usize, Fields>) {
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    match step {
        Step::Add(new) => {
            for (number, fields) in new {
                writer.add(self::document(*number, fields)).unwrap();
                documents.insert(*number, fields.clone());
            }
            writer.commit().unwrap();
        }
        Step::Delete(numbers) => {
            for number in numbers {
                writer.delete(&format!("d{number}")).unwrap();
                documents.remove(number);
            }
            writer.commit().unwrap();
        }
        Step::Merge => drop(writer.merge().unwrap()),
        Step::Vacuum => drop(writer.vacuum()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn filters_equal_a_scan_of_the_documents(
        steps in prop::collection::vec(step(), 1..7),
        expressions in prop::collection::vec(expression(), 6),
    ) {
        let index = declared();
        let mut documents = BTreeMap::new();
        for step in &steps {
            apply(&index, step, &mut documents);
            for expression in &expressions {
                let expected: BTreeSet<String> = documents
                    .iter()
                    .filter(|(number, fields)| expression.passes(**number, fields))
                    .map(|(number, _)| format!("d{number}"))
                    .collect();
                let filter = expression.filter();
                prop_assert_eq!(found(&index, &filter).unwrap(), expected.clone(), "{:?}", filter);
                if let Some(text) = expression.text() {
                    let read: Filter = text.parse().unwrap();
                    prop_assert_eq!(found(&index, &read).unwrap(), expected.clone(), "{}", text);
                }
                let k = expected.len() / 2;
                let options = SearchOptions::new().k(k).filter(filter);
                prop_assert_eq!(index.search(WORD, &options).unwrap().hits.len(), k);
            }
        }
    }
}

/// A facet of every field, by value: counts by text, and how many documents have any.
fn counted(documents: &[&Fields], name: &str) -> (u64, BTreeMap<String, u64>) {
    let mut counts = BTreeMap::new();
    let with_value: Vec<_> = documents.iter().filter_map(|one| one.get(name)).collect();
    for value in with_value.iter().flat_map(|values| values.iter()) {
        *counts.entry(value.value().to_string()).or_default() += 1;
    }
    (with_value.len() as u64, counts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn counts_and_orders_equal_a_scan_of_the_documents(
        steps in prop::collection::vec(step(), 1..7),
        expression in expression(),
        bounds in prop::collection::vec((bound(value("n")), bound(value("n"))), 3),
        descending: bool,
        k in 0usize..9,
    ) {
        let index = declared();
        let mut documents = BTreeMap::new();
        for step in &steps {
            apply(&index, step, &mut documents);
        }
        let snapshot = index.snapshot();
        let filter = expression.filter();
        let passing: BTreeMap<usize, &Fields> = documents
            .iter()
            .filter(|(number, fields)| expression.passes(**number, fields))
            .map(|(number, fields)| (*number, fields))
            .collect();
        let all: Vec<&Fields> = passing.values().copied().collect();
        let options = SearchOptions::new().k(k).filter(filter.clone());
        let result = index.search(WORD, &options).unwrap();
        let number = |id: &str| id[1..].parse::<usize>().unwrap();
        let hits: Vec<&Fields> = result.hits.iter().map(|hit| passing[&number(&hit.id)]).collect();
        for name in NAMES {
            let facet = Facet::values(name);
            let matching = snapshot.count_matching(&facet, Some(&filter)).unwrap();
            let of_hits = result.count_hits(&facet).unwrap();
            for (found, expected) in [(matching, counted(&all, name)), (of_hits, counted(&hits, name))] {
                prop_assert_eq!(found.documents, expected.0);
                let in_order = |pair: &[zerogr::FacetCount]| pair[0].documents >= pair[1].documents;
                prop_assert!(found.counts.windows(2).all(in_order));
                let counts = found.counts.iter().map(|one| (one.value.to_string(), one.documents));
                prop_assert_eq!(counts.collect::<BTreeMap<_, _>>(), expected.1);
            }
            let mut list = ListOptions::new().filter(filter.clone()).sort(name);
            list.is_descending = descending;
            let listed: Vec<usize> = snapshot.list(&list).unwrap().iter().map(|id| number(id)).collect();
            let key = |number: &usize| {
                let values = passing[number].get(name);
                values.map(|values| if descending { values.last() } else { values.first() }.unwrap())
            };
            let is_in_order = |pair: &[usize]| match (key(&pair[0]), key(&pair[1])) {
                (Some(a), Some(b)) => if descending { a >= b } else { a <= b },
                (a, b) => a.is_some() || b.is_none(),
            };
            prop_assert!(listed.windows(2).all(is_in_order), "{} {:?}", name, listed);
            let once: BTreeSet<usize> = listed.iter().copied().collect();
            prop_assert!(once.len() == listed.len() && once.iter().eq(passing.keys()));
            let limited = snapshot.list(&list.clone().limit(k)).unwrap();
            let numbers = limited.iter().map(|id| number(id));
            prop_assert!(numbers.eq(listed.iter().copied().take(k)));
            let mut ids = Vec::new();
            snapshot.for_each_listed(&list, |document| { ids.push(document.id); Ok(()) }).unwrap();
            prop_assert!(ids.iter().map(|id| number(id)).eq(listed));
        }
        use std::ops::RangeBounds;
        let ranges = bounds.iter().map(|(lo, hi)| (lo.map(Model::value), hi.map(Model::value)));
        let facet = Facet::ranges("n", ranges);
        let found = snapshot.count_matching(&facet, Some(&filter)).unwrap();
        for (count, (lo, hi)) in found.counts.iter().zip(&bounds) {
            let has = |fields: &&&Fields| fields.get("n").is_some_and(|values| {
                values.iter().any(|one| (lo.as_ref(), hi.as_ref()).contains(one))
            });
            prop_assert_eq!(count.documents, all.iter().filter(has).count() as u64);
        }
        prop_assert_eq!(found.counts.len(), bounds.len());
    }
}

#[test]
fn an_error_names_document_and_field_and_leaves_the_writer_as_it_was() {
    let index = lexical(IndexOptions::lexical());
    let mut writer = index.writer().unwrap();
    let add = |writer: &mut zerogr::Writer, document: Document| writer.add(document.text(WORD));
    add(&mut writer, Document::new("a").field("year", 2020)).unwrap();
    for wrong in [
        "2020".into(),
        FieldValue::from(2020.5),
        FieldValue::from(true),
    ] {
        let document = Document::new("b").field("new", 1).field("year", wrong);
        let error = add(&mut writer, document).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let message = error.to_string();
        assert!(
            message.contains("\"b\"") && message.contains("\"year\""),
            "{message}"
        );
    }
    // What was refused gave no field its type.
    add(&mut writer, Document::new("c").field("new", "text")).unwrap();
    writer.commit().unwrap();
    let error = add(&mut writer, Document::new("d").field("new", 1)).unwrap_err();
    assert!(
        error.to_string().contains("a keyword in this index"),
        "{error}"
    );
    // A field that was only pending is none after a rollback.
    add(&mut writer, Document::new("e").field("later", 1)).unwrap();
    writer.rollback();
    add(&mut writer, Document::new("e").field("later", "now")).unwrap();
    writer.commit().unwrap();
    let types = index.snapshot().params().fields.clone();
    assert_eq!(types.get("later"), Some(FieldType::Keyword));
    assert_eq!(types.get("new"), Some(FieldType::Keyword));
    assert_eq!(types.iter().count(), 3);
}

#[test]
fn what_has_no_type_is_kept_where_that_is_asked_for() {
    let index = lexical(IndexOptions::lexical());
    let mut writer = index.writer().unwrap().fields_lenient(true);
    let odd = Document::new("a").text(WORD).field("n", 1).field("n2", [1]);
    writer.add(odd).unwrap();
    let mut odd = Document::new("b").text(WORD).field("n", "one");
    odd.fields
        .insert_json("deep", "{\"list\":[[1]],\"null\":null,\"ok\":[2,null]}")
        .unwrap();
    writer.add(odd.clone()).unwrap();
    let report = writer.commit().unwrap();
    assert_eq!(report.untyped_fields, 2);
    assert_eq!(
        index.snapshot().document("b").unwrap().unwrap().fields,
        odd.fields
    );
    let ids = |filter| {
        found(&index, &filter)
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(Filter::exists("n")), ["a"]);
    assert_eq!(ids(Filter::eq("deep.ok", 2)), ["b"]);
    assert!(found(&index, &Filter::exists("deep.list")).is_err());
}

#[test]
fn filters_that_no_field_can_answer_are_refused() {
    let index = declared();
    let mut writer = index.writer().unwrap();
    writer
        .add(Document::new("a").text(WORD).field("n", 1))
        .unwrap();
    writer.commit().unwrap();
    for (filter, message) in [
        (
            Filter::exists("yeer"),
            "no field \"yeer\": it has at, flag, lang, n, x",
        ),
        (Filter::eq("n", "1"), "it is an integer in this index"),
        (Filter::eq("n", true), "it is an integer in this index"),
        (Filter::eq("lang", 1), "it is a keyword in this index"),
        (Filter::eq("x", f64::NAN), "not a number"),
        (Filter::range("at", "2023-02-30"..), "no such time"),
        (Filter::range("at", "soon"..), "RFC 3339"),
        (Filter::prefix("n", "1"), "it is an integer in this index"),
        (Filter::not(Filter::exists("yeer")), "no field"),
    ] {
        let error = found(&index, &filter).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(message), "{error}");
    }
    assert!(
        found(&index, &Filter::range("at", "2023-02-28"..))
            .unwrap()
            .is_empty()
    );
}

/// Documents of which nobody filters make no column and no parameter.
#[test]
fn an_index_without_fields_has_nothing_of_them() {
    let bytes = |document: Document| {
        let backend = Arc::new(MemoryBackend::default());
        let index =
            Index::create_on(backend.clone(), IndexOptions::lexical().file_seed(1)).unwrap();
        let mut writer = index.writer().unwrap();
        writer.add(document).unwrap();
        writer.commit().unwrap();
        backend.to_vec()
    };
    let plain = bytes(Document::new("a").text(WORD).extra("x", 1));
    let none: Vec<i64> = Vec::new();
    let empty = bytes(Document::new("a").text(WORD).field("x", none.clone()));
    let holds = |bytes: &[u8], text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(!holds(&plain, "\"fields\": {"));
    assert!(!holds(&empty, "\"fields\": {"));
    let typed = bytes(Document::new("a").text(WORD).field("x", 1));
    assert!(holds(&typed, "\"fields\": {"));
}
