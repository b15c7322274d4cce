use super::*;
use crate::columns::MemorySections;
use serde_json::json;

fn document(fields: serde_json::Value) -> Document {
    let mut document = Document::new("d");
    for (name, value) in fields.as_object().unwrap() {
        document.fields.insert(name, value.clone());
    }
    document
}

fn types(documents: &[Document]) -> FieldTypes {
    let mut types = FieldTypes::default();
    documents
        .iter()
        .for_each(|document| types.admit(document).unwrap());
    types
}

fn sections(documents: &[Document]) -> Vec<SectionInput<'static>> {
    let types = types(documents);
    let mut builder = FieldTableBuilder::default();
    for (ordinal, document) in (0u32..).zip(documents) {
        builder.push(document, &types, ordinal);
    }
    builder.finish().unwrap()
}

fn opened(sections: &[SectionInput<'_>], documents: u32) -> Result<Option<FieldTable>> {
    FieldTable::open(&MemorySections::new(sections).unwrap(), documents)
}

fn some() -> Vec<Document> {
    [
        json!({"year": 2020, "lang": ["en", "de", "en"], "author": {"name": "Ada", "born": null}}),
        json!({"year": -3, "lang": [], "draft": true}),
        json!({"score": 0.5, "lang": "de", "author.name": "Æ"}),
        // A whole number is a float in a field of floats.
        json!({"year": [2020, 1999], "score": 1, "at": "2024-01-01T00:00:00+01:00"}),
    ]
    .map(document)
    .to_vec()
}

#[test]
fn columns_say_what_the_documents_say() {
    let documents = some();
    let table = opened(&sections(&documents), 4).unwrap().unwrap();
    let found: Vec<String> = table
        .columns()
        .map(|(name, column)| {
            let values = (0..column.value_count()).map(|number| {
                let ordinals: Vec<u32> = column.documents(number).collect();
                format!("{} {ordinals:?}", column.value(number))
            });
            format!(
                "{name}: {:?} {}",
                column.field_type(),
                values.collect::<Vec<_>>().join(", ")
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "at: Timestamp 2023-12-31T23:00:00Z [3]",
            "author.name: Keyword Ada [0], Æ [2]",
            "draft: Boolean true [1]",
            "lang: Keyword de [0, 2], en [0]",
            "score: Float 0.5 [2], 1.0 [3]",
            "year: Integer -3 [1], 1999 [3], 2020 [0, 3]",
        ]
    );
    let year = table.column("year").unwrap();
    let key = |value: i64| Key::Number(crate::docs::values::signed(value));
    let between = |lo, hi| year.between(Bound::Included(&key(lo)), Bound::Excluded(&key(hi)));
    assert_eq!(between(-3, 2020), 0..2);
    assert_eq!(between(2021, 2000), 3..3);
    assert_eq!(year.documents_of(0..9).collect::<Vec<_>>(), [1, 3, 0, 3]);
    let lang = table.column("lang").unwrap();
    assert_eq!(lang.beginning_with("e"), 1..2);
    assert_eq!(lang.beginning_with(""), 0..2);
    assert_eq!(lang.beginning_with("f"), 2..2);
    assert_eq!(year.beginning_with(""), 0..0);
    assert!(table.column("lan").is_none());
}

#[test]
fn no_fields_no_sections() {
    assert!(sections(&[Document::new("a").extra("year", 1)]).is_empty());
    assert!(opened(&[], 4).unwrap().is_none());
}

#[test]
fn a_type_that_changes_is_refused_and_changes_nothing() {
    let mut types = types(&some()[..2]);
    let before = types.clone();
    for (fields, message) in [
        (
            json!({"new": 1, "year": "2020"}),
            "field \"year\": it is an integer in this index, and a keyword is not",
        ),
        (json!({"year": 2020.0}), "a float is not"),
        (json!({"draft": 1}), "field \"draft\""),
        (json!({"year": [2020, true]}), "a boolean is not"),
        (
            json!({"n": [1, "a"]}),
            "it is an integer by its first value",
        ),
        (json!({"n": [[1]]}), "lists and objects in a list"),
        (json!({"n": [{"a": 1}]}), "lists and objects in a list"),
        (
            json!({"t": "2023-02-30T00:00:00Z"}),
            "there is no such time",
        ),
        (
            json!({"n": 18_446_744_073_709_551_615_u64}),
            "more than 64 bits",
        ),
        (json!({"n": "x".repeat(4097)}), "4097 bytes"),
        (
            json!({"a.b": 1, "a": {"b": 2}}),
            "field \"a.b\": the name comes twice",
        ),
        (json!({"": 1}), "its name is empty"),
        (json!({"n".repeat(10_000): 1}), "its name has 10000 bytes"),
    ] {
        let document = document(fields);
        let error = types.admit(&document).unwrap_err();
        assert!(error.is_invalid_input(), "{error}");
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.to_string().len() < 1000, "{error}");
        assert_eq!(types, before);
        assert_eq!(types.clone().admit_what_can_be(&document), 1);
    }
    let mut document = Document::new("a");
    document.fields.insert_json("n", "1e400").unwrap();
    assert!(
        types
            .admit(&document)
            .unwrap_err()
            .to_string()
            .contains("1e400")
    );
    document
        .fields
        .insert_json("n", "-9223372036854775809")
        .unwrap();
    assert!(types.admit(&document).is_err());
    document
        .fields
        .insert_json("n", "-9223372036854775808")
        .unwrap();
    types.admit(&document).unwrap();
}

#[test]
fn an_index_has_so_many_fields() {
    let many = |count: usize| {
        let fields = (0..count).map(|number| (format!("f{number}"), json!(number)));
        document(serde_json::Value::Object(fields.collect()))
    };
    let mut types = FieldTypes::default();
    let error = types.admit(&many(10_000)).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Limit);
    assert!(types.is_empty());
    types.admit(&many(MAX_FIELDS)).unwrap();
    types.admit(&many(MAX_FIELDS)).unwrap();
    assert_eq!(types.admit_what_can_be(&many(MAX_FIELDS + 7)), 7);
    assert!(types.admit(&document(json!({"new": 1}))).is_err());
}

#[test]
fn what_is_nested_too_deep_has_no_type() {
    let mut fields = crate::docs::Fields::new();
    for (open, close) in [("{\"a\":", "}"), ("[", "]")] {
        let json = format!("{}1{}", open.repeat(3000), close.repeat(3000));
        fields.insert_json("f", &json).unwrap();
        let deep = Document {
            fields: fields.clone(),
            ..Document::new("d")
        };
        assert_eq!(FieldTypes::default().admit_what_can_be(&deep), 1);
    }
}

#[test]
fn damaged_columns_are_refused() {
    // ZF-FD-02, ZF-FD-03, ZF-FD-04
    let good = sections(&some());
    assert!(opened(&good, 4).is_ok() && opened(&good, 3).is_err());
    let damaged = |kind, off: usize, bytes: &[u8]| {
        let mut sections = good.clone();
        let section = sections.iter_mut().find(|one| one.kind == kind).unwrap();
        section.bytes.to_mut()[off..off + bytes.len()].copy_from_slice(bytes);
        opened(&sections, 4)
    };
    let columns = sections::FIELD_COLUMNS;
    for (what, found) in [
        ("an unknown type", damaged(columns, 0, &[6])),
        ("no type", damaged(columns, 0, &[0])),
        ("too many values", damaged(columns, 4, &[2])),
        ("no value", damaged(columns, 4, &[0])),
        (
            "a count beyond the section",
            damaged(columns, 4, &[0xFF; 4]),
        ),
        (
            "a name out of order",
            damaged(sections::FIELD_NAMES, 56, b"z"),
        ),
        // The columns of at and draft are one number each.
        ("no boolean", damaged(sections::FIELD_NUMBERS, 8, &[2])),
        ("no time", damaged(sections::FIELD_NUMBERS, 7, &[0x7F])),
        (
            "no number",
            damaged(sections::FIELD_NUMBERS, 22, &[0xF8, 0x7F]),
        ),
        (
            "out of order",
            damaged(sections::FIELD_NUMBERS, 22, &[0xF0, 0x3F]),
        ),
    ] {
        assert!(found.is_err_and(|error| error.is_corrupt()), "{what}");
    }
    for kind in [
        sections::FIELD_NAMES,
        sections::FIELD_COLUMNS,
        sections::FIELD_NUMBERS,
        sections::FIELD_KEYWORDS,
        sections::FIELD_DOCUMENTS,
    ] {
        let mut sections = good.clone();
        sections.retain(|one| one.kind != kind);
        assert!(opened(&sections, 4).unwrap_err().is_corrupt());
    }
}
