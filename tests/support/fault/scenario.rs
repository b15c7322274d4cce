//! The table of what programs do to a file. Every scenario is run with a failure, and with a
//! power cut, at each of its calls; a new way to commit is tested in full once it is listed here.

use std::sync::Arc;

use zerogr::raw::format::{BlobRole, ExtentKind, ExtentRef, Manifest, SectionInput, SegmentEntry};
use zerogr::raw::store::{Backend, CreateOptions, MemoryBackend, Store, Transaction};
use zerogr::{
    Document, EncoderSource, Index, IndexOptions, MergePolicy, OpenOptions, PassageParams, Result,
    TrainOptions, Writer,
};

use super::super::encoder::HashingEncoder;
use super::super::segments::{entry, section};
use super::Disk;

pub struct Scenario {
    pub name: &'static str,
    pub start: Start,
    pub steps: &'static [Step],
}

/// What is there before the first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    Nothing,
    /// A store with two segments, a blob and parameters; derived nonces or random ones.
    Store {
        seeded: bool,
    },
    /// The same, its newest superblock torn by an earlier crash.
    TornStore,
    /// An index of two segments with one deleted document; two others are cut into passages.
    Index,
}

/// At most one commit.
pub type Step = fn(&mut Session) -> Result<()>;

/// A program at work: its handles are opened when they are first needed.
pub struct Session {
    disk: Arc<Disk>,
    store: Option<Store>,
    index: Option<Index>,
}

impl Session {
    pub fn new(disk: Arc<Disk>) -> Self {
        Session {
            disk,
            store: None,
            index: None,
        }
    }

    /// Whether the handle that writes goes on writing; `None` when none was opened.
    pub fn begin(&self) -> Option<Result<()>> {
        let of_store = self.store.as_ref().map(|store| store.begin().map(drop));
        of_store.or_else(|| Some(self.index.as_ref()?.writer().map(drop)))
    }

    fn reopen(&mut self) {
        (self.store, self.index) = (None, None);
    }

    fn store(&mut self) -> Result<Store> {
        if self.store.is_none() {
            self.store = Some(Store::open_on(self.disk.clone())?);
        }
        Ok(self.store.clone().unwrap())
    }

    fn writer(&mut self) -> Result<Writer> {
        if self.index.is_none() {
            let options = OpenOptions::new().encoder(encoder());
            self.index = Some(Index::open_on(self.disk.clone(), options)?);
        }
        self.index.as_ref().unwrap().writer()
    }

    /// A commit that changes the manifest as `change` says.
    fn commit(&mut self, change: fn(&mut Transaction, &mut Manifest) -> Result<()>) -> Result<()> {
        let mut transaction = self.store()?.begin()?;
        let mut manifest = transaction.base().clone();
        change(&mut transaction, &mut manifest)?;
        transaction.commit(manifest).map(drop)
    }
}

pub fn encoder() -> Arc<HashingEncoder> {
    Arc::new(HashingEncoder::named("hashing"))
}

pub fn index_options() -> IndexOptions {
    let size = PassageParams {
        whole_tokens: 12,
        max_tokens: 8,
    };
    let options = IndexOptions::with_encoder(EncoderSource::Custom(encoder()));
    options.passages(size).file_seed(3)
}

/// Whether a document is cut into passages.
pub fn is_long(number: usize) -> bool {
    number % 5 == 2
}

pub fn document(number: usize) -> Document {
    const WORDS: [&str; 10] = [
        "wing", "heat", "gene", "sleep", "river", "shock", "plate", "yeast", "salmon", "cone",
    ];
    let len = if is_long(number) { 12 } else { 5 };
    let words: Vec<&str> = (0..len).map(|i| WORDS[(number * 3 + i * i) % 10]).collect();
    Document::new(format!("d{number}"))
        .title(WORDS[number % 10])
        .text(words.join(" "))
        .tag(["even", "odd"][number % 2])
        .field("number", number as i64)
        .field("words", words)
}

/// A document with headings.
pub fn guide() -> Document {
    let text = "# Heat\n\nThe wing heats the plate.\n\n## Cone\n\nThe cone is cool as a river.\n";
    Document::new("guide.md").title("Guide").text(text)
}

fn sections(bodies: &[Vec<u8>]) -> Vec<SectionInput<'_>> {
    (1..)
        .zip(bodies)
        .map(|(kind, body)| section(kind, body))
        .collect()
}

fn append(
    transaction: &mut Transaction,
    kind: ExtentKind,
    len: usize,
    value: u8,
) -> Result<ExtentRef> {
    transaction.append(kind, &sections(&[vec![value; len], vec![value; 3]]))
}

fn add_segment(transaction: &mut Transaction, manifest: &mut Manifest, len: usize) -> Result<()> {
    let id = manifest.next_segment_id;
    let segment = append(transaction, ExtentKind::Segment, len, id as u8)?;
    let heads = append(transaction, ExtentKind::Heads, 40, id as u8)?;
    manifest.segments.push(SegmentEntry {
        heads: Some(heads),
        ..entry(id, segment)
    });
    manifest.next_segment_id += 1;
    Ok(())
}

fn build_store(backend: Arc<dyn Backend>, seed: Option<u64>) -> Result<Store> {
    let options = CreateOptions {
        seed,
        application_id: 5,
    };
    let store = Store::create_on(backend, &options)?;
    for len in [300, 5000] {
        let mut transaction = store.begin()?;
        let mut manifest = transaction.base().clone();
        add_segment(&mut transaction, &mut manifest, len)?;
        if len == 300 {
            let blob = transaction.append_blob(BlobRole::Tokenizer, "t", "text/plain", b"blob")?;
            manifest.blobs.push(blob);
        }
        transaction.commit(manifest)?;
    }
    Ok(store)
}

fn build_index(backend: Arc<dyn Backend>) -> Result<Index> {
    let index = Index::create_on(backend, index_options())?;
    for numbers in [0..3, 3..5] {
        let mut writer = index.writer()?.merge_policy(MergePolicy::Never);
        if numbers.start == 3 {
            writer.add(guide())?;
        }
        numbers.for_each(|number| writer.add(document(number)).unwrap());
        writer.delete("d1")?;
        writer.commit()?;
    }
    Ok(index)
}

impl Start {
    /// The file, all of it on stable storage.
    pub fn image(self) -> Vec<u8> {
        let backend = Arc::new(MemoryBackend::default());
        match self {
            Start::Nothing => {}
            Start::Store { seeded } => {
                drop(build_store(backend.clone(), seeded.then_some(1)).unwrap())
            }
            Start::TornStore => drop(build_store(backend.clone(), None).unwrap()),
            Start::Index => drop(build_index(backend.clone()).unwrap()),
        }
        let mut image = backend.to_vec();
        if self == Start::TornStore {
            // Three commits: the newest is in slot 0.
            image[60..200].fill(0);
        }
        image
    }
}

const SEEDED: Start = Start::Store { seeded: true };
const RANDOM: Start = Start::Store { seeded: false };

const APPEND_ONE: Step = |session| session.commit(|t, m| add_segment(t, m, 700));
const REOPEN: Step = |session| {
    session.reopen();
    Ok(())
};
const ADD_DOCUMENTS: Step = |session| {
    let mut writer = session.writer()?.merge_policy(MergePolicy::Never);
    (5..8).try_for_each(|number| writer.add(document(number)))?;
    writer.commit().map(drop)
};
const DELETE_ONE: Step = |session| {
    let mut writer = session.writer()?.merge_policy(MergePolicy::Never);
    writer.delete("d3")?;
    writer.commit().map(drop)
};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "create a store",
        start: Start::Nothing,
        steps: &[|session| {
            let options = CreateOptions {
                seed: Some(1),
                application_id: 0,
            };
            session.store = Some(Store::create_on(session.disk.clone(), &options)?);
            Ok(())
        }],
    },
    Scenario {
        name: "append one segment",
        start: SEEDED,
        steps: &[APPEND_ONE],
    },
    Scenario {
        name: "append one segment, random nonces",
        start: RANDOM,
        steps: &[APPEND_ONE],
    },
    Scenario {
        name: "append many segments",
        start: SEEDED,
        steps: &[|session| {
            session.commit(|t, m| {
                [0, 1, 4000, 70, 9000]
                    .iter()
                    .try_for_each(|&len| add_segment(t, m, len))
            })
        }],
    },
    Scenario {
        name: "append an extent of several writes",
        start: SEEDED,
        steps: &[|session| session.commit(|t, m| add_segment(t, m, (1 << 20) + 70_000))],
    },
    Scenario {
        name: "an extent without sections",
        start: SEEDED,
        steps: &[|session| {
            session.commit(|t, m| {
                m.segments[0].pseudo_queries = Some(t.append(ExtentKind::PseudoQueries, &[])?);
                Ok(())
            })
        }],
    },
    Scenario {
        name: "tombstones",
        start: SEEDED,
        steps: &[|session| {
            session.commit(|t, m| {
                m.segments[1].tombstones = Some(append(t, ExtentKind::Tombstones, 2, 0xA5)?);
                m.segments[1].dead_count = 1;
                Ok(())
            })
        }],
    },
    Scenario {
        name: "replaced heads of all segments",
        start: SEEDED,
        steps: &[|session| {
            session.commit(|t, m| {
                for entry in &mut m.segments {
                    entry.heads = Some(append(t, ExtentKind::Heads, 600, 0xEE)?);
                }
                Ok(())
            })
        }],
    },
    Scenario {
        name: "a segment is dropped",
        start: SEEDED,
        steps: &[|session| {
            session.commit(|_, m| {
                m.segments.remove(0);
                Ok(())
            })
        }],
    },
    Scenario {
        name: "two segments become one",
        start: SEEDED,
        steps: &[|session| {
            session.commit(|t, m| {
                m.segments.clear();
                add_segment(t, m, 5300)
            })
        }],
    },
    Scenario {
        name: "blobs",
        start: SEEDED,
        steps: &[|session| {
            session.commit(|t, m| {
                for (name, len) in [("model", 9000), ("empty", 0)] {
                    let bytes = vec![7; len];
                    m.blobs.push(t.append_blob(
                        BlobRole::Encoder,
                        name,
                        "application/x",
                        &bytes,
                    )?);
                }
                Ok(())
            })
        }],
    },
    Scenario {
        name: "metadata only",
        start: SEEDED,
        steps: &[|session| {
            session.commit(|_, m| {
                m.user_metadata = b"about".to_vec();
                Ok(())
            })
        }],
    },
    Scenario {
        name: "nothing changed",
        start: SEEDED,
        steps: &[|session| session.commit(|_, _| Ok(()))],
    },
    Scenario {
        name: "a manifest of several pages",
        start: SEEDED,
        steps: &[|session| {
            session.commit(|_, m| {
                m.user_metadata = vec![0x5A; 20_000];
                Ok(())
            })
        }],
    },
    Scenario {
        name: "five commits, both slots used again and again",
        start: SEEDED,
        steps: &[APPEND_ONE, APPEND_ONE, APPEND_ONE, APPEND_ONE, APPEND_ONE],
    },
    Scenario {
        name: "a dropped transaction, and a commit over its tail",
        start: RANDOM,
        steps: &[
            |session| {
                let mut transaction = session.store()?.begin()?;
                append(&mut transaction, ExtentKind::Segment, 20_000, 0xDD).map(drop)
            },
            APPEND_ONE,
        ],
    },
    Scenario {
        name: "a refused commit, and a good one",
        start: SEEDED,
        steps: &[
            |session| {
                let refused = session.commit(|t, m| {
                    add_segment(t, m, 100)?;
                    m.segments[0].id = m.segments[1].id;
                    Ok(())
                });
                match refused {
                    Err(error) if error.is_invalid_input() => Ok(()),
                    other => other,
                }
            },
            APPEND_ONE,
        ],
    },
    Scenario {
        name: "reopened between commits",
        start: SEEDED,
        steps: &[APPEND_ONE, REOPEN, APPEND_ONE],
    },
    Scenario {
        name: "commits after a torn superblock",
        start: Start::TornStore,
        steps: &[APPEND_ONE, APPEND_ONE],
    },
    Scenario {
        name: "two handles take turns",
        start: RANDOM,
        steps: &[
            APPEND_ONE,
            |session| {
                let other = Store::open_on(session.disk.clone())?;
                let own = session.store.replace(other);
                let result = session.commit(|t, m| add_segment(t, m, 60));
                if result.is_ok() {
                    session.store = own;
                }
                result
            },
            APPEND_ONE,
        ],
    },
    // Through the index.
    Scenario {
        name: "create an index",
        start: Start::Nothing,
        steps: &[
            // The store's empty commit, and the one with the parameters.
            |session| {
                session.index = Some(Index::create_on(session.disk.clone(), index_options())?);
                Ok(())
            },
        ],
    },
    Scenario {
        name: "add documents",
        start: Start::Index,
        steps: &[ADD_DOCUMENTS],
    },
    Scenario {
        name: "delete a document",
        start: Start::Index,
        steps: &[DELETE_ONE],
    },
    Scenario {
        name: "add, delete, reopen, add",
        start: Start::Index,
        steps: &[ADD_DOCUMENTS, DELETE_ONE, REOPEN, ADD_DOCUMENTS],
    },
    Scenario {
        name: "replace documents",
        start: Start::Index,
        steps: &[|session| {
            let mut writer = session.writer()?;
            writer.add(document(7).tag("new"))?;
            writer.update(document(0).title("again"))?;
            writer.commit().map(drop)
        }],
    },
    Scenario {
        name: "delete everything",
        start: Start::Index,
        steps: &[|session| {
            let mut writer = session.writer()?;
            for number in 0..5 {
                writer.delete(&format!("d{number}"))?;
            }
            writer.delete("guide.md")?;
            writer.commit().map(drop)
        }],
    },
    Scenario {
        name: "train",
        start: Start::Index,
        steps: &[|session| {
            let options = TrainOptions::default().seed(1);
            session
                .writer()?
                .commit_with(Some(&options), &mut |_| {})
                .map(drop)
        }],
    },
    Scenario {
        name: "merge all segments",
        start: Start::Index,
        steps: &[|session| {
            let mut writer = session.writer()?.merge_policy(MergePolicy::Everything);
            writer.commit().map(drop)
        }],
    },
    Scenario {
        name: "an add that merges",
        start: Start::Index,
        steps: &[|session| {
            let mut writer = session.writer()?.merge_policy(MergePolicy::Everything);
            writer.add(document(9))?;
            writer.commit().map(drop)
        }],
    },
    Scenario {
        name: "a writer dropped without a commit, then one that commits",
        start: Start::Index,
        steps: &[
            |session| {
                let mut writer = session.writer()?;
                writer.add(document(8))?;
                writer.delete("d0").map(drop)
            },
            ADD_DOCUMENTS,
        ],
    },
    // Vacuum in place needs a file of the operating system (tests/store/vacuum.rs); here is its
    // copying, onto a disk that fails.
    Scenario {
        name: "a copy of the live extents",
        start: Start::Nothing,
        steps: &[|session| {
            let source = build_store(Arc::new(MemoryBackend::default()), Some(1)).unwrap();
            session.store = Some(source.copy_live(session.disk.clone())?);
            Ok(())
        }],
    },
];
