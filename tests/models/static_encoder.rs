//! Tables of token vectors: imported, and made of an encoder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::{Value, json};
use zerogr::raw::convert::{distill, import_static_encoder, is_static_encoder};
use zerogr::raw::model::language::WeightFormat;
use zerogr::raw::model::{Device, Encoder, EncoderOptions};
use zerogr::{
    Document, EncoderSource, ErrorKind, Index, IndexOptions, SearchOptions, TextEncoder,
    UpgradeOptions,
};

use crate::support::installed::{self, stderr, stdout, zerogr};

const WORDS: [&str; 9] = [
    "[UNK]", "[CLS]", "the", "wing", "heat", "flow", "plate", "stream", "shock",
];
const DIM: usize = 12;

fn cpu() -> EncoderOptions {
    EncoderOptions::new().device(Device::Cpu)
}

/// Words, with a special token before every text.
fn tokenizer(words: &[&str]) -> Value {
    let vocab: serde_json::Map<String, Value> = words
        .iter()
        .enumerate()
        .map(|(id, word)| ((*word).to_owned(), json!(id)))
        .collect();
    let special = |id: usize| {
        json!({"id": id, "content": words[id], "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true})
    };
    json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
        "padding": null,
        "added_tokens": [special(0), special(1)],
        "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}}},
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"},
    })
}

/// The values of a row.
fn row(token: usize) -> Vec<f32> {
    (0..DIM)
        .map(|i| ((token * 7 + i * 3) % 11) as f32 - 5.0 + 0.1 * token as f32)
        .collect()
}

struct Tensor(&'static str, Vec<usize>, safetensors::Dtype, Vec<u8>);

fn floats(name: &'static str, shape: &[usize], values: impl IntoIterator<Item = f32>) -> Tensor {
    let bytes = values.into_iter().flat_map(f32::to_le_bytes).collect();
    Tensor(name, shape.to_vec(), safetensors::Dtype::F32, bytes)
}

fn table(count: usize) -> Tensor {
    floats("embeddings", &[count, DIM], (0..count).flat_map(row))
}

/// A folder under construction.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(tensors: &[Tensor]) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.text(
            "config.json",
            &json!({"model_type": "model2vec", "normalize": true,
            "hidden_dim": DIM, "apply_pca": 256, "sif_coefficient": 1e-4}),
        );
        folder.text("tokenizer.json", &tokenizer(&WORDS));
        folder.tensors("model.safetensors", tensors);
        folder
    }

    fn text(&self, name: &str, value: &Value) {
        fs::write(self.0.path().join(name), value.to_string()).unwrap();
    }

    fn tensors(&self, name: &str, tensors: &[Tensor]) {
        let views = tensors.iter().map(|Tensor(name, shape, dtype, bytes)| {
            let view = safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes);
            (*name, view.unwrap())
        });
        safetensors::serialize_to_file(views, None, &self.0.path().join(name)).unwrap();
    }

    /// The encoder that is made of it.
    fn imported(&self, format: WeightFormat) -> (tempfile::TempDir, Encoder) {
        let (dir, to) = new_folder();
        assert!(is_static_encoder(self.0.path()));
        let made = import_static_encoder(self.0.path(), &to, format).unwrap();
        assert_eq!((made.tokens, made.dim), (WORDS.len(), DIM));
        let encoder = Encoder::from_dir(&to, &cpu()).unwrap();
        (dir, encoder)
    }

    fn refused(&self, said: &str) {
        let (_dir, to) = new_folder();
        let error = import_static_encoder(self.0.path(), &to, WeightFormat::F32).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model, "{error}");
        assert!(error.to_string().contains(said), "{said}: {error}");
        assert!(!to.exists());
    }
}

fn new_folder() -> (tempfile::TempDir, PathBuf) {
    installed::setup();
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("encoder");
    (dir, to)
}

/// The unit vector of the mean of rows, in a plain loop.
fn mean(rows: &[(usize, f32)]) -> Vec<f32> {
    let mut sum = [0.0; DIM];
    for &(at, weight) in rows {
        sum.iter_mut()
            .zip(row(at))
            .for_each(|(sum, value)| *sum += weight * value);
    }
    let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
    sum.iter().map(|x| x / length).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[test]
fn a_text_is_the_mean_of_its_tokens_rows() {
    let folder = Folder::new(&[table(WORDS.len())]);
    for (format, worst) in [
        (WeightFormat::F32, 0.999_99),
        (WeightFormat::F16, 0.999_9),
        (WeightFormat::Int8, 0.999),
    ] {
        let (_dir, encoder) = folder.imported(format);
        assert!(encoder.has_token_vectors());
        for (text, tokens) in [
            ("wing", vec![(3, 1.0)]),
            ("the heat the flow", vec![(2, 2.0), (4, 1.0), (5, 1.0)]),
            // What the vocabulary does not know counts next to nothing.
            ("heat unheard of flow", vec![(4, 1.0), (5, 1.0)]),
            // The limit of the tokenizer is none of the table's.
            (
                "wing heat flow plate stream",
                (3..8).map(|at| (at, 1.0)).collect(),
            ),
        ] {
            let found = encoder.encode_one(text).unwrap();
            let likeness = cosine(&found, &mean(&tokens));
            assert!(likeness > worst, "{format} {text}: {likeness}");
        }
        assert_eq!(encoder.encode_one("").unwrap(), [0.0; DIM], "no token");
        let unknown = encoder.encode_one("unheard").unwrap();
        assert!(unknown.iter().all(|value| value.is_finite()));
    }
}

#[test]
fn weights_and_shared_rows_are_applied() {
    let weights = (0..WORDS.len()).map(|token| token as f32 * 0.5);
    let mapping = [0i64, 0, 1, 2, 3, 3, 2, 1, 0].map(i64::to_le_bytes);
    let folder = Folder::new(&[
        table(4),
        floats("weights", &[WORDS.len()], weights),
        Tensor(
            "mapping",
            vec![WORDS.len()],
            safetensors::Dtype::I64,
            mapping.concat(),
        ),
    ]);
    let (_dir, encoder) = folder.imported(WeightFormat::F32);
    let found = encoder.encode_one("heat stream").unwrap();
    assert!(cosine(&found, &mean(&[(3, 2.0), (1, 3.5)])) > 0.999_99);
    let weights = Mutex::new(Vec::new());
    let texts = ["wing shock"];
    encoder
        .encode_tokens(&texts, 64, &mut |_, _| Ok(()), &|_, text| {
            *weights.lock().unwrap() = text.query_weights.to_vec();
        })
        .unwrap();
    assert_eq!(weights.into_inner().unwrap(), [1.5, 4.0]);
}

/// Searches of a reader that has the index open, before and after another handle has made it anew
/// for an encoder with vectors of another length.
#[test]
fn a_reader_goes_on_with_the_encoder_of_what_it_reads() {
    let (_wide_dir, wide) = new_folder();
    let (_narrow_dir, narrow) = new_folder();
    let folder = Folder::new(&[table(WORDS.len())]);
    import_static_encoder(folder.0.path(), &wide, WeightFormat::F32).unwrap();
    let rows = (0..WORDS.len()).flat_map(|token| row(token).into_iter().take(8));
    let folder = Folder::new(&[floats("embeddings", &[WORDS.len(), 8], rows)]);
    import_static_encoder(folder.0.path(), &narrow, WeightFormat::Int8).unwrap();

    let (dir, _) = new_folder();
    let path = dir.path().join("a.zgr");
    let options = IndexOptions::with_encoder(EncoderSource::Folder(wide.clone()));
    let index = Index::create(&path, options).unwrap();
    let mut writer = index.writer().unwrap();
    for (id, text) in [("a", "the wing"), ("b", "heat flow plate")] {
        writer.add(Document::new(id).text(text)).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    let reader = Index::open(&path).unwrap();
    let find = |index: &Index| {
        let options = SearchOptions::new().mode(zerogr::Mode::Dense);
        let found = index.search("heat", &options).unwrap();
        assert_eq!(found.hits[0].id, "b");
        (
            found.hits[0].similarity,
            index.snapshot().params().encoder.dim,
        )
    };
    let before = find(&reader);
    for (encoder, dim) in [(&narrow, 8), (&wide, DIM)] {
        let options = UpgradeOptions::new(EncoderSource::Folder(encoder.clone()));
        let held = reader.snapshot();
        index.upgrade(&options, &mut |_| {}).unwrap();
        assert_eq!(find(&index).1, dim);
        held.search("heat", &SearchOptions::new()).unwrap();
        assert!(reader.refresh().unwrap());
        assert_eq!(find(&reader), find(&index));
        assert_eq!(find(&Index::open(&path).unwrap()), find(&index));
    }
    assert_eq!(find(&reader), before);
}

#[test]
fn the_layout_of_sentence_transformers_is_read() {
    let rows = floats(
        "embedding.weight",
        &[WORDS.len(), DIM],
        (0..WORDS.len()).flat_map(row),
    );
    let folder = Folder(tempfile::tempdir().unwrap());
    let steps = |second: &str| {
        json!([
            {"idx": 0, "name": "0", "path": "0_StaticEmbedding",
                "type": "sentence_transformers.models.StaticEmbedding"},
            {"idx": 1, "name": "1", "path": "1", "type": format!("sentence_transformers.models.{second}")},
        ])
    };
    folder.text("modules.json", &steps("Normalize"));
    fs::create_dir(folder.0.path().join("0_StaticEmbedding")).unwrap();
    folder.text("0_StaticEmbedding/tokenizer.json", &tokenizer(&WORDS));
    folder.tensors("0_StaticEmbedding/model.safetensors", &[rows]);
    let (_dir, encoder) = folder.imported(WeightFormat::F32);
    assert!(cosine(&encoder.encode_one("heat").unwrap(), &mean(&[(4, 1.0)])) > 0.999_99);
    folder.text("modules.json", &steps("Dense"));
    folder.refused("Dense");
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let count = WORDS.len();
    let extra = floats("head.weight", &[1], [1.0]);
    Folder::new(&[table(count), extra]).refused("head.weight");
    Folder::new(&[floats("weights", &[count], vec![1.0; count])]).refused("embeddings");
    Folder::new(&[floats("embeddings", &[count], vec![1.0; count])]).refused("embeddings");
    Folder::new(&[table(count), floats("weights", &[2], [1.0; 2])]).refused("weights");
    Folder::new(&[table(count), floats("weights", &[count], vec![-1.0; count])]).refused("weights");
    let mapping = vec![9i64.to_le_bytes(); count].concat();
    let dtype = safetensors::Dtype::I64;
    Folder::new(&[table(4), Tensor("mapping", vec![count], dtype, mapping)]).refused("mapping");
    Folder::new(&[table(4), floats("mapping", &[count], vec![1.0; count])]).refused("mapping");
    Folder::new(&[table(count - 1)]).refused("tokens");
    let broken = (0..count * DIM).map(|at| if at == 40 { f32::NAN } else { 1.0 });
    Folder::new(&[floats("embeddings", &[count, DIM], broken)]).refused("finite");

    let folder = Folder::new(&[table(count)]);
    folder.text(
        "config.json",
        &json!({"model_type": "model2vec", "surprise": 1}),
    );
    folder.refused("surprise");
    folder.text("config.json", &json!({"model_type": "bert"}));
    folder.refused("another kind");
    folder.text("config.json", &json!({"model_type": "model2vec"}));
    fs::remove_file(folder.0.path().join("tokenizer.json")).unwrap();
    folder.refused("tokenizer.json");
    let (_dir, to) = new_folder();
    let whole = Folder::new(&[table(count)]);
    let error = import_static_encoder(whole.0.path(), &to, WeightFormat::Int4).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model);
    fs::create_dir(&to).unwrap();
    let error = import_static_encoder(whole.0.path(), &to, WeightFormat::F32).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
}

fn bytes_of(dir: &Path) -> [Vec<u8>; 2] {
    ["model.onnx", "tokenizer.json"].map(|name| fs::read(dir.join(name)).unwrap())
}

#[test]
fn an_encoder_is_distilled_to_the_same_bytes_and_an_index_is_made_with_it() {
    let teacher = Folder::new(&[table(WORDS.len())]);
    let (dir, to) = new_folder();
    import_static_encoder(teacher.0.path(), &to, WeightFormat::F32).unwrap();
    let at = |name: &str| dir.path().join(name);
    let mut seen = Vec::new();
    let made = distill(Some(&to), &[], &at("one"), &cpu(), &mut |done, total| {
        seen.push((done, total));
        Ok(())
    });
    let made = made.unwrap();
    assert_eq!((made.tokens, made.dim), (WORDS.len(), DIM));
    assert_eq!(seen.last(), Some(&(WORDS.len(), WORDS.len())));
    distill(Some(&to), &[], &at("other"), &cpu(), &mut |_, _| Ok(())).unwrap();
    assert_eq!(bytes_of(&at("one")), bytes_of(&at("other")));
    let enough = Index::open(at("nothing")).map(drop);
    let stopped = distill(Some(&to), &[], &at("stopped"), &cpu(), &mut |_, _| {
        enough.clone()
    });
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!at("stopped").exists());

    let options = IndexOptions::with_encoder(EncoderSource::Folder(at("one")));
    let path = at("index.zgr");
    let index = Index::create(&path, options).unwrap();
    let mut writer = index.writer().unwrap();
    for (id, text) in [
        ("a", "the wing"),
        ("b", "heat flow plate"),
        ("c", "shock stream"),
    ] {
        writer.add(Document::new(id).text(text)).unwrap();
    }
    writer.train(&Default::default(), &mut |_| {}).unwrap();
    drop((writer, index));
    let index = Index::open(&path).unwrap();
    assert!(index.snapshot().params().encoder.token_vectors);
    assert_eq!(index.snapshot().params().search.prior_share, 0.5);
    for (query, id) in [("heat", "b"), ("stream", "c"), ("wing", "a")] {
        let found = index.search(query, &SearchOptions::new().k(1)).unwrap();
        assert_eq!(found.hits[0].id, id, "{query}");
    }
}

/// Texts of several words of the vocabulary.
fn texts() -> Vec<String> {
    let words = |number: usize| {
        let word =
            |place: usize| WORDS[2 + (number * (place + 3) + place * place) % (WORDS.len() - 2)];
        let words: Vec<&str> = (0..2 + number % 5).map(word).collect();
        words.join(" ")
    };
    (0..80).map(words).collect()
}

#[test]
fn a_table_is_learnt_from_what_the_teacher_has_of_texts() {
    // Rows of several lengths, which a vocabulary without texts does not show.
    let weighed: Vec<f32> = (0..WORDS.len())
        .map(|at| 0.2 + ((at * 5) % 7) as f32)
        .collect();
    let teacher = Folder::new(&[
        table(WORDS.len()),
        floats("weights", &[WORDS.len()], weighed),
    ]);
    let (dir, to) = new_folder();
    import_static_encoder(teacher.0.path(), &to, WeightFormat::F32).unwrap();
    let at = |name: &str| dir.path().join(name);
    let texts = texts();
    let mut seen = Vec::new();
    let made = distill(
        Some(&to),
        &texts,
        &at("learnt"),
        &cpu(),
        &mut |done, all| {
            seen.push((done, all));
            Ok(())
        },
    );
    let made = made.unwrap();
    assert_eq!((made.tokens, made.dim), (WORDS.len(), DIM));
    let all = WORDS.len() + texts.len();
    assert_eq!(seen.last(), Some(&(all, all)));
    assert!(seen.is_sorted());
    distill(Some(&to), &texts, &at("again"), &cpu(), &mut |_, _| Ok(())).unwrap();
    assert_eq!(bytes_of(&at("learnt")), bytes_of(&at("again")));

    distill(Some(&to), &[], &at("alone"), &cpu(), &mut |_, _| Ok(())).unwrap();
    let vectors = |dir: &Path| {
        let encoder = Encoder::from_dir(dir, &cpu()).unwrap();
        // Others than it was learnt from.
        let texts = [
            "heat flow heat plate",
            "the shock of the stream",
            "wing stream plate wing",
        ];
        encoder.encode(&texts, 99, |_, _| Ok(())).unwrap()
    };
    let expected = vectors(&to);
    let likeness = |dir: &Path| -> f32 {
        let pairs = vectors(dir).into_iter().zip(&expected);
        pairs.map(|(a, b)| a * b).sum::<f32>() / 3.0
    };
    let (learnt, alone) = (likeness(&at("learnt")), likeness(&at("alone")));
    assert!(learnt > 0.98 && learnt > alone, "{learnt} {alone}");

    let nothing = ["".to_owned(), "unheard".to_owned()];
    let error = distill(Some(&to), &nothing, &at("none"), &cpu(), &mut |_, _| Ok(()));
    let error = error.unwrap_err();
    assert!(error.is_invalid_input(), "{error}");
    let enough = Index::open(at("nothing")).map(drop);
    let stopped = distill(Some(&to), &texts, &at("stopped"), &cpu(), &mut |done, _| {
        if done > WORDS.len() {
            enough.clone()
        } else {
            Ok(())
        }
    });
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!at("none").exists() && !at("stopped").exists());
}

#[test]
fn documents_to_learn_from_are_read_as_those_to_be_searched() {
    let teacher = Folder::new(&[table(WORDS.len())]);
    let (dir, to) = new_folder();
    import_static_encoder(teacher.0.path(), &to, WeightFormat::F32).unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let lines = |texts: &[String]| -> String {
        let line = |(id, text): (usize, &String)| {
            format!("{}\n", json!({"id": id.to_string(), "text": text}))
        };
        texts.iter().enumerate().map(line).collect()
    };
    fs::write(at("documents.jsonl"), lines(&texts())).unwrap();
    fs::write(at("broken.jsonl"), lines(&texts()[..2]) + "{\n").unwrap();
    let distilled = |name: &str, output: &str| {
        let args = [
            "model",
            "distill",
            &at("encoder"),
            "-o",
            &at(output),
            "--json",
            "--texts",
        ];
        zerogr().args(args).arg(at(name)).output().unwrap()
    };
    let made = distilled("documents.jsonl", "learnt");
    assert!(made.status.success(), "{}", stderr(&made));
    let made: Value = serde_json::from_str(&stdout(&made)).unwrap();
    assert_eq!(made["dim"], DIM);
    distill(
        Some(&to),
        &[],
        &dir.path().join("alone"),
        &cpu(),
        &mut |_, _| Ok(()),
    )
    .unwrap();
    assert_ne!(
        bytes_of(&dir.path().join("learnt")),
        bytes_of(&dir.path().join("alone"))
    );
    let broken = distilled("broken.jsonl", "none");
    assert!(!broken.status.success());
    assert!(
        stderr(&broken).contains("broken.jsonl:3"),
        "{}",
        stderr(&broken)
    );
    assert!(!dir.path().join("none").exists());
}
