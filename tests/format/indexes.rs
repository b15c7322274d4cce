//! The indexes of `tests/golden/`: one for each thing the format can say.

use std::sync::Arc;

use serde_json::json;
use zerogr::raw::format::{BlobEntry, BlobPlace, BlobRole};
use zerogr::raw::generate::language::{LanguageQueryOptions, PromptStyle};
use zerogr::raw::store::{MemoryBackend, Store};
use zerogr::{
    Document, EncoderSource, Index, IndexOptions, MergePolicy, PassageParams, Timestamp,
    TrainOptions,
};

use crate::support::encoder::HashingEncoder;
use crate::support::generator::{StandIn, document_in};

/// An index to be written.
pub struct Golden {
    pub name: &'static str,
    pub encoder: HashingEncoder,
    passages: Option<PassageParams>,
    build: fn(&Index),
    /// What is done to the file below the index.
    append: fn(&Store),
    /// Whether every machine writes the same bytes. Training takes logarithms, and those may
    /// differ in the last bit.
    pub is_reproducible: bool,
    pub queries: &'static [&'static str],
}

const NARROW: HashingEncoder = HashingEncoder {
    dim: 8,
    has_token_vectors: false,
    floor: 0.125,
    ..HashingEncoder::DEFAULT
};
const WIDE: HashingEncoder = HashingEncoder {
    vocabulary_size: 70_000,
    ..NARROW
};
/// Few tokens, so that a few sentences are several passages.
const SHORT: PassageParams = PassageParams {
    whole_tokens: 24,
    max_tokens: 14,
};
/// Few values, for many docids.
const FLAT: HashingEncoder = HashingEncoder { dim: 2, ..NARROW };

const TOKENS: HashingEncoder = HashingEncoder {
    has_token_vectors: true,
    ..NARROW
};

const fn golden(
    name: &'static str,
    encoder: HashingEncoder,
    build: fn(&Index),
    queries: &'static [&'static str],
) -> Golden {
    Golden {
        name,
        encoder,
        passages: None,
        build,
        append: |_| {},
        is_reproducible: true,
        queries,
    }
}

pub const GOLDENS: [Golden; 15] = [
    golden("empty", NARROW, |_| {}, &["anything"]),
    golden(
        "untrained",
        NARROW,
        untrained,
        &["shock wave", "yeast genes"],
    ),
    golden(
        "segments",
        NARROW,
        segments,
        &["boundary layer heat", "ice of the pole"],
    ),
    Golden {
        is_reproducible: false,
        ..golden(
            "trained",
            NARROW,
            trained,
            &["boundary layer heat", "sleep"],
        )
    },
    golden("collisions", NARROW, collisions, &["annual report", "memo"]),
    golden("wide", WIDE, wide, &["slender wings"]),
    golden("long", NARROW, long, &["w1 w2 w3"]),
    golden("unicode", NARROW, unicode, &["grüße", "Привет мир"]),
    golden("fanout", FLAT, fanout, &["one", "two"]),
    Golden {
        append: blobs,
        ..golden("blobs", NARROW, two_documents, &["shock wave"])
    },
    golden("queries", NARROW, queries, &["shock wave"]),
    Golden {
        passages: Some(SHORT),
        ..golden(
            "expansion",
            NARROW,
            expansion,
            &["water the roses", "what is it about"],
        )
    },
    golden(
        "tokens",
        TOKENS,
        segments,
        &["boundary layer heat", "ice of the pole and of the sea"],
    ),
    Golden {
        passages: Some(SHORT),
        ..golden(
            "passages",
            TOKENS,
            passages,
            &["water the roses in summer", "salmon of the river"],
        )
    },
    golden("fields", NARROW, fields, &["shock wave", "ice of the sea"]),
];

impl Golden {
    /// Writes the index and gives the bytes of its file.
    pub fn write(&self) -> Vec<u8> {
        let backend = Arc::new(MemoryBackend::default());
        let options =
            IndexOptions::with_encoder(EncoderSource::Custom(Arc::new(self.encoder))).file_seed(7);
        let options = options.passages(self.passages.clone());
        (self.build)(&Index::create_on(backend.clone(), options).unwrap());
        (self.append)(&Store::open_on(backend.clone()).unwrap());
        backend.to_vec()
    }
}

fn commit(index: &Index, documents: impl IntoIterator<Item = Document>) {
    let mut writer = index.writer().unwrap();
    for document in documents {
        writer.add(document).unwrap();
    }
    writer.commit().unwrap();
}

fn prose() -> Vec<Document> {
    [
        ("wing", "Slender wings flutter at supersonic speed"),
        ("heat", "Heat transfer through a turbulent boundary layer"),
        ("shock", "A shock wave meets the laminar boundary layer"),
        ("gene", "Gene expression in yeast under osmotic stress"),
        ("brain", "Memory consolidation during sleep"),
        ("fish", "Migration of salmon up the river"),
        ("ice", "Sheets of ice slide towards the sea"),
        ("star", "Spectra of hot stars near the pole"),
        ("bridge", "Cables of a bridge in strong wind"),
        ("soil", "Moisture of soil after heavy rain"),
        ("coin", "Silver coins from a sunken ship"),
        ("verse", "Metre and rhyme of old verse"),
    ]
    .map(|(id, text)| Document::new(id).title(id).text(text))
    .to_vec()
}

/// One segment, every shape of document.
fn untrained(index: &Index) {
    let mut documents = prose();
    documents.truncate(4);
    documents.push(Document::new("empty"));
    documents.push(Document::new("title only").title("Only a title"));
    documents.push(Document::new("text only").text("only a text"));
    let rich = Document::new("rich").title("Everything").text("All of it");
    documents.push(
        rich.tag("2024")
            .tag("draft")
            .tag("2024")
            .extra("year", 2024)
            .extra("score", -0.5)
            .extra("nested", json!({"list": [1, null, true, "x"], "empty": {}})),
    );
    documents.push(Document::new("draft").text("another draft").tag("draft"));
    commit(index, documents);
}

/// Three segments; the first has a replaced and a deleted document, the second a deleted one.
fn segments(index: &Index) {
    commit(index, prose());
    commit(
        index,
        [
            Document::new("ice").text("Cores of ice drilled near the pole"),
            Document::new("moss").text("Moss and lichen on bare rock"),
            Document::new("fern").text("Ferns in the shade of old trees"),
            Document::new("reed").text("Reed along the slow river"),
            Document::new("sand").text("Dunes of sand move with the wind"),
            Document::new("clay").text("Clay pots from the old kiln"),
        ],
    );
    let mut writer = index.writer().unwrap();
    writer
        .add(Document::new("rope").text("Rope made of hemp and sisal"))
        .unwrap();
    writer
        .add(Document::new("sail").text("Sails of the slender ship"))
        .unwrap();
    assert!(writer.delete("fish").unwrap());
    assert!(writer.delete("clay").unwrap());
    writer.commit().unwrap();
}

/// Two segments, one of them with a dead document, and fitted heads.
fn trained(index: &Index) {
    let mut documents = prose();
    let second = documents.split_off(6);
    commit(index, documents);
    commit(index, second);
    let mut writer = index.writer().unwrap();
    assert!(writer.delete("star").unwrap());
    let options = TrainOptions::default().seed(3);
    writer.commit_with(Some(&options), &mut |_| {}).unwrap();
}

/// Docids that several documents carry, and texts that are one docid.
fn collisions(index: &Index) {
    commit(
        index,
        [
            Document::new("c")
                .docid("annual report")
                .docid("report of 2024"),
            Document::new("a").docid("annual report"),
            Document::new("b").docid("annual report").docid("memo"),
            // The same tokens in other words: one docid, the first text names it (ZF-SG-03).
            Document::new("d").docid("#7 #8").docid("#07 #8"),
            Document::new("e").docid("#007 #008"),
        ],
    );
}

/// Tokens of three bytes.
fn wide(index: &Index) {
    let mut documents = prose();
    documents.truncate(3);
    documents.push(Document::new("low").docid("#0 #0"));
    documents.push(Document::new("bytes").docid("#255 #256 #65535 #65536"));
    documents.push(Document::new("high").docid("#69999"));
    commit(index, documents);
}

/// The longest docids, and docids that begin others.
fn long(index: &Index) {
    let docid = |words: std::ops::RangeInclusive<u32>| {
        let words: Vec<String> = words.map(|word| format!("#{word}")).collect();
        words.join(" ")
    };
    commit(
        index,
        [
            Document::new("64").docid(docid(1..=64)),
            Document::new("63").docid(docid(1..=63)),
            Document::new("1").docid(docid(1..=1)),
            Document::new("2").docid(docid(1..=2)),
            Document::new("other end").docid(format!("{} #99", docid(1..=63))),
            Document::new("same ending").docid(docid(2..=64)),
            Document::new("i".repeat(4096)).docid("#5"),
        ],
    );
}

/// Ids, texts, docids, tags and fields beyond ASCII.
fn unicode(index: &Index) {
    commit(
        index,
        [
            Document::new("grüße").title("Grüße").text("Viele Grüße 🦀"),
            Document::new("мир").title("Привет").text("Привет мир"),
            Document::new("世界")
                .title("你好")
                .text("你好 世界")
                .tag("标签"),
            Document::new("e\u{301}").text("cafe\u{301}"),
            Document::new("\u{e9}").text("caf\u{e9}"),
            Document::new("control").text("a\u{0}b\u{1f}\u{7f}\u{2028}c\\\"/\r\n\t"),
            Document::new("👩‍👩‍👧")
                .docid("👩‍👩‍👧 famille")
                .extra("ключ", "значение"),
            Document::new("last").docid("\u{10ffff} \u{ffff}"),
        ],
    );
}

/// One document with 300 docids: trie nodes with more than 32 and with 256 transitions.
fn fanout(index: &Index) {
    let many = (0..300).fold(Document::new("many").text("one"), |document, token| {
        document.docid(format!("#{token}"))
    });
    let some = (0..40).fold(Document::new("some").text("two"), |document, token| {
        document.docid(format!("#{} #{}", token * 3, token))
    });
    commit(index, [many, some]);
}

fn two_documents(index: &Index) {
    let mut documents = prose();
    documents.truncate(2);
    commit(index, documents);
}

/// Blobs inside and outside the file, and the application's own bytes.
fn blobs(store: &Store) {
    let mut transaction = store.begin().unwrap();
    let mut manifest = transaction.base().clone();
    let notes = transaction
        .append_blob(
            BlobRole::Other(77),
            "notes.txt",
            "text/plain",
            b"kept as it is",
        )
        .unwrap();
    manifest.blobs.push(BlobEntry {
        name: "elsewhere".into(),
        place: BlobPlace::External {
            path: "elsewhere/notes.txt".into(),
        },
        ..notes.clone()
    });
    manifest.blobs.push(notes);
    manifest.user_metadata = b"of the application\0\xff".to_vec();
    transaction.commit(manifest).unwrap();
}

/// Queries of a writer that took another's place (ZF-PQ-03), a document that no query was good
/// enough for, and one that came later.
fn queries(index: &Index) {
    let mut documents = prose();
    documents.truncate(4);
    commit(index, documents);
    let model = StandIn::new(|prompt: &str, sample| {
        let words = document_in(prompt).split_whitespace().take(2 + sample);
        let words: Vec<&str> = words.collect();
        if words.contains(&"gene.") {
            String::new()
        } else {
            words.join(" ")
        }
    });
    let write = |instruction: &str| {
        let mut options = LanguageQueryOptions::new(PromptStyle::FewShot, instruction, 5).unwrap();
        options.per_document = 2;
        index.write_queries(&model, &options, &mut |_| {}).unwrap();
    };
    write("Find the paper.");
    commit(
        index,
        [Document::new("moss").text("Moss and lichen on bare rock")],
    );
    write("Find another paper.");
    commit(
        index,
        [Document::new("fern").text("Ferns in the shade of old trees")],
    );
}

/// Words of queries beside those of texts: documents that are cut and whole, one that was deleted,
/// one that came later, and two segments.
fn expansion(index: &Index) {
    passages(index);
    let model = StandIn::new(|prompt: &str, sample| {
        let words = document_in(prompt).split_whitespace().skip(sample).take(4);
        format!("what is it about {}", words.collect::<Vec<_>>().join(" "))
    });
    let mut options = LanguageQueryOptions::new(PromptStyle::FewShot, "Find.", 5).unwrap();
    options.per_document = 2;
    index.write_queries(&model, &options, &mut |_| {}).unwrap();
    index.set_expansion_weight(0.3).unwrap();
    let snapshot = index.snapshot();
    let first = snapshot.lexical("water", 1).unwrap().remove(0).0;
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    writer.delete(&first).unwrap();
    writer
        .add(Document::new("moss").text("Moss and lichen on bare rock, and water"))
        .unwrap();
    writer.commit().unwrap();
}

/// Fields of all types, some of which cannot be typed, in a merged segment with a dead document and
/// one without fields.
fn fields(index: &Index) {
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let mut first = prose();
    let mut second = first.split_off(6);
    let third = second.split_off(4);
    let of_first: [fn(Document) -> Document; 6] = [
        |one| {
            one.field("year", 1957)
                .field("lang", "en")
                .field("draft", true)
        },
        |one| {
            one.field("year", -44)
                .field("lang", ["en", "de", "en"])
                .field("score", 0.5)
        },
        |one| {
            one.field("year", i64::MAX)
                .field("score", -1e300)
                .field("lang", "")
        },
        |one| one.field("year", i64::MIN).field("lang", "æ"),
        |one| one.field("year", [1, 2, 3]).field("draft", false),
        |one| one,
    ];
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    for (document, with_fields) in first.into_iter().zip(of_first) {
        writer.add(with_fields(document)).unwrap();
    }
    writer.commit().unwrap();
    let mut writer = writer.fields_lenient(true);
    for (at, document) in (0i32..).zip(second) {
        let mut document = document
            .field("at", time("2024-02-29T23:59:59.999999+14:00"))
            .field("score", at)
            .extra("source", json!({"page": at}));
        let nested =
            format!("{{\"name\":\"Ada\",\"born\":null,\"n\":[{at},null,{at}],\"none\":[]}}");
        document.fields.insert_json("author", &nested).unwrap();
        document.fields.insert("year", "not a number");
        document.fields.insert("odd", json!([[at]]));
        writer.add(document).unwrap();
        writer.commit().unwrap();
    }
    writer.delete("heat").unwrap();
    writer.merge().unwrap();
    writer.delete("star").unwrap();
    third.into_iter().for_each(|one| writer.add(one).unwrap());
    writer.commit().unwrap();
}

/// Documents that are cut and others: a segment with headings and one of its documents dead, one
/// without headings, and one where nothing is cut.
fn passages(index: &Index) {
    let guide = "# Gärten\n\nGrüße aus dem Garten: über Rosen, Bäume und Äpfel.\n\n\
                 ## Roses\n\nWater the roses in the morning. Cut the roses after they bloom.\n\n\
                 ### Summer\n\nIn a dry summer water them twice a day, at the roots.\n\n\
                 ## Trees\n\nApple trees need little water 🌳 and much light.\n";
    let salmon = "Salmon migrate up the river to spawn. The young stay in the river for a year.  \
                  \u{a0}Then they go to the sea.\r\n\r\nBears wait for the salmon at the falls. \
                  Eagles take what the bears leave.\n";
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    for document in [
        Document::new("short").title("Note").text("A short note."),
        Document::new("guide.md")
            .title("Guide")
            .text(guide)
            .tag("garden"),
        Document::new("empty"),
        Document::new("old.md").text(guide.replace("rose", "tulip")),
    ] {
        writer.add(document).unwrap();
    }
    writer.commit().unwrap();
    let given = Document::new("salmon").docid("salmon river").docid("fish");
    writer.add(given.title("Salmon").text(salmon)).unwrap();
    writer
        .add(Document::new("sea").text("The sea is salt."))
        .unwrap();
    assert!(writer.delete("old.md").unwrap());
    writer.commit().unwrap();
    writer
        .add(Document::new("last").text("The last of the short ones."))
        .unwrap();
    writer.commit().unwrap();
}
