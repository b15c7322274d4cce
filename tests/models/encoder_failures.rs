//! What the encoder says when something is missing or wrong: a typed error, never a panic.

use crate::support::installed;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zerogr::raw::model::{
    CudaOptions, Device, Encoder, EncoderBytes, EncoderOptions, Pooling, cache,
};
use zerogr::{
    Document, EncoderSource, ErrorKind, Index, IndexOptions, Mode, SearchOptions, TextEncoder,
};

fn cpu() -> EncoderOptions {
    EncoderOptions::new().device(Device::Cpu)
}

fn bytes(model: Vec<u8>, tokenizer: &[u8]) -> EncoderBytes<'_> {
    EncoderBytes {
        model: Arc::new(model),
        tokenizer,
        pooling: Pooling::Mean,
        max_len_tokens: 256,
        lower_case: false,
        late_interaction: None,
    }
}

fn installed_model() -> PathBuf {
    installed::home().join("models").join(cache::DEFAULT_MODEL)
}

fn model_bytes() -> Vec<u8> {
    std::fs::read(installed_model().join("model.onnx")).unwrap()
}

/// A model folder that is a copy of the installed one, with its token head.
fn copied() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir(copy.path().join("1_Pooling")).unwrap();
    for name in [
        "model.onnx",
        "tokenizer.json",
        "1_Pooling/config.json",
        "sentence_bert_config.json",
    ] {
        std::fs::copy(installed_model().join(name), copy.path().join(name)).unwrap();
    }
    let head = copy.path().join("token_head.onnx");
    std::fs::write(head, cache::DEFAULT_TOKEN_HEAD).unwrap();
    copy
}

fn error_of(dir: &Path) -> zerogr::Error {
    let error = Encoder::from_dir(dir, &cpu()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model, "{error}");
    error
}

#[test]
fn wrong_model_bytes() {
    let good = model_bytes();
    let torn = good[..good.len() / 2].to_vec();
    for model in [Vec::new(), b"not a model".to_vec(), torn] {
        let error = Encoder::from_bytes(bytes(model, cache::DEFAULT_TOKENIZER), &cpu());
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Model);
    }
}

#[test]
fn wrong_tokenizer_bytes() {
    let error = Encoder::from_bytes(bytes(model_bytes(), b"{}"), &cpu()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model);
    // A tokenizer of another model: it has a token that this model does not know.
    let text = std::str::from_utf8(cache::DEFAULT_TOKENIZER).unwrap();
    let foreign = text.replacen(
        "\"[unused0]\":1,",
        "\"[unused0]\":1,\"zgrsurplus\":40000,",
        1,
    );
    assert_ne!(text, foreign);
    let error = Encoder::from_bytes(bytes(model_bytes(), foreign.as_bytes()), &cpu()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model);
    assert!(error.to_string().contains("tokenizer"), "{error}");
}

#[test]
fn folders_say_which_file_is_missing_or_wrong() {
    assert!(
        error_of(Path::new("does-not-exist"))
            .to_string()
            .contains("does-not-exist")
    );
    for name in ["model.onnx", "tokenizer.json", "1_Pooling/config.json"] {
        let copy = copied();
        std::fs::remove_file(copy.path().join(name)).unwrap();
        assert!(error_of(copy.path()).to_string().contains(name));
    }
    let wrong = [
        (
            "1_Pooling/config.json",
            r#"{"pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": true}"#,
        ),
        ("1_Pooling/config.json", "{"),
        (
            "modules.json",
            r#"[{"type": "sentence_transformers.models.Dense"}]"#,
        ),
        ("sentence_bert_config.json", r#"{"max_seq_length": -1}"#),
    ];
    for (name, text) in wrong {
        let copy = copied();
        std::fs::write(copy.path().join(name), text).unwrap();
        assert!(error_of(copy.path()).to_string().contains(name), "{text}");
    }
}

#[test]
fn token_heads_that_do_not_fit() {
    let copy = copied();
    let head = cache::DEFAULT_TOKEN_HEAD;
    let missing_layer = replaced(head, b"last_hidden_state", b"lost_hidden_state");
    let torn = head[..head.len() / 2].to_vec();
    for wrong in [missing_layer, torn, b"not a graph".to_vec()] {
        std::fs::write(copy.path().join("token_head.onnx"), wrong).unwrap();
        error_of(copy.path());
    }
    // Weights that are no numbers: the constants are the only two values of one of the tensors.
    let name = b"token_head/constants";
    let at = head
        .windows(name.len())
        .rposition(|bytes| bytes == name)
        .unwrap();
    let values = head[at + name.len()..]
        .windows(2)
        .position(|bytes| bytes == [0x4a, 8]) // raw_data, 8 bytes
        .unwrap()
        + at
        + name.len()
        + 2;
    let mut wrong = head.to_vec();
    wrong[values..values + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(copy.path().join("token_head.onnx"), wrong).unwrap();
    let error = error_of(copy.path());
    assert!(error.to_string().contains("token head"), "{error}");
    // Two weights per token: the output's name, last in the file, is that of an earlier product.
    let name = b"query_token_weights";
    let declared = head.windows(name.len()).rposition(|bytes| bytes == name);
    let (nodes, outputs) = head.split_at(declared.unwrap());
    let nodes = replaced(nodes, name, b"token_head/unneeded");
    let nodes = replaced(&nodes, b"token_head/products", name);
    let wrong = [&nodes[..], outputs].concat();
    std::fs::write(copy.path().join("token_head.onnx"), wrong).unwrap();
    let error = error_of(copy.path());
    assert!(error.to_string().contains("query_token_weights"), "{error}");
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
    bytes
}

/// A text that leaves no token has a vector without a direction; its neighbours keep theirs.
#[test]
fn texts_without_a_token_are_like_nothing() {
    let copy = copied();
    let path = copy.path().join("tokenizer.json");
    let mut tokenizer: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    tokenizer["post_processor"] = serde_json::Value::Null;
    std::fs::write(&path, tokenizer.to_string()).unwrap();
    let encoder = Encoder::from_dir(copy.path(), &cpu()).unwrap();

    let texts = ["", "a word", "\u{200b}", "two words", " "];
    let mut seen = Vec::new();
    let vectors = encoder
        .encode(&texts, 32, |done, all| {
            seen.push((done, all));
            Ok(())
        })
        .unwrap();
    assert_eq!(seen.last(), Some(&(5, 5)));
    let alone = encoder
        .encode(&["a word", "two words"], 32, |_, _| Ok(()))
        .unwrap();
    let dim = encoder.dim();
    let row = |at: usize| &vectors[at * dim..(at + 1) * dim];
    assert_eq!([row(1), row(3)].concat(), alone);
    for none in [0, 2, 4] {
        assert_eq!(row(none), vec![0.0; dim]);
    }
    assert_eq!(encoder.encode_one("").unwrap(), vec![0.0; dim]);

    // Of an index, such a document is found by its words, and such a query is refused.
    let file = copy.path().join("x.zgr");
    let folder = EncoderSource::Folder(copy.path().to_owned());
    let index = Index::create(&file, IndexOptions::with_encoder(folder)).unwrap();
    let mut writer = index.writer().unwrap();
    writer
        .add(
            Document::new("none")
                .title("")
                .text("\u{200b}")
                .docid("none"),
        )
        .unwrap();
    writer
        .add(Document::new("some").text("a word of some kind"))
        .unwrap();
    writer.commit().unwrap();
    drop(writer);
    let found = |query: &str, mode| {
        let found = index.search(query, &SearchOptions::new().k(9).mode(mode));
        found.map(|found| {
            found
                .hits
                .iter()
                .map(|hit| (hit.id.clone(), hit.score))
                .collect::<Vec<_>>()
        })
    };
    let dense = found("word", Mode::Dense).unwrap();
    assert_eq!(
        (dense[0].0.as_str(), &dense[1]),
        ("some", &("none".to_owned(), 0.0))
    );
    assert_eq!(found("word", Mode::Generative).unwrap().len(), 2);
    let error = found("\u{200b}\u{1}", Mode::Dense).unwrap_err();
    assert!(
        error.is_invalid_input() && error.to_string().contains("no token"),
        "{error}"
    );
    assert!(found("\u{200b}\u{1}", Mode::Lexical).is_ok());
}

/// Cosines of an index with prompts are those of texts with the prompts written before them.
#[test]
fn settings_of_a_folder_are_applied_and_recorded() {
    let plain = copied();
    let plain = Encoder::from_dir(plain.path(), &cpu()).unwrap();
    let copy = copied();
    let prompts = serde_json::json!({"prompts": {"query": "query: ", "document": "passage: "}});
    std::fs::write(
        copy.path().join("config_sentence_transformers.json"),
        prompts.to_string(),
    )
    .unwrap();
    let texts = [
        "rockets are launched",
        "bread is baked",
        "the launch of a rocket",
    ];
    let file = copy.path().join("x.zgr");
    let folder = EncoderSource::Folder(copy.path().to_owned());
    let index = Index::create(&file, IndexOptions::with_encoder(folder)).unwrap();
    let mut writer = index.writer().unwrap();
    for text in texts {
        writer.add(Document::new(text).text(text)).unwrap();
    }
    writer.commit().unwrap();
    drop((writer, index));

    // What was recorded is what an index is opened with.
    std::fs::remove_file(copy.path().join("config_sentence_transformers.json")).unwrap();
    let index = Index::open(&file).unwrap();
    assert_eq!(index.snapshot().params().encoder.query_prompt, "query: ");
    assert_eq!(
        index.snapshot().params().encoder.document_prompt,
        "passage: "
    );
    let query = plain.encode_one("query: rocket launch").unwrap();
    let options = SearchOptions::new().mode(Mode::Dense);
    let found = index.search("rocket launch", &options).unwrap();
    assert_eq!(found.hits.len(), 3);
    for hit in found.hits {
        let document = plain.encode_one(&format!("passage: {}", hit.id)).unwrap();
        let cosine: f32 = query.iter().zip(&document).map(|(a, b)| a * b).sum();
        assert!((hit.score - f64::from(cosine)).abs() < 1e-3, "{}", hit.id);
    }
    // Tokens of a prompt are compared with nothing.
    for encoder in [&plain as &dyn TextEncoder, &*index.encoder().unwrap()] {
        let words = |prompt: &str| encoder.prompt_tokens(prompt).unwrap();
        assert_eq!((words("query: "), words("")), (2, 0));
    }

    // A prompt that leaves no room for a text is refused.
    let long = serde_json::json!({"prompts": {"query": "word ".repeat(300)}});
    std::fs::write(
        copy.path().join("config_sentence_transformers.json"),
        long.to_string(),
    )
    .unwrap();
    assert!(error_of(copy.path()).to_string().contains("prompt"));
}

#[test]
fn lower_case_is_made_by_the_folder_where_the_tokenizer_does_not() {
    let copy = copied();
    let path = copy.path().join("tokenizer.json");
    let mut tokenizer: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    tokenizer["normalizer"]["lowercase"] = false.into();
    std::fs::write(&path, tokenizer.to_string()).unwrap();
    let cased = Encoder::from_dir(copy.path(), &cpu()).unwrap();
    let lower = r#"{"max_seq_length": 256, "do_lower_case": true}"#;
    std::fs::write(copy.path().join("sentence_bert_config.json"), lower).unwrap();
    let lower = Encoder::from_dir(copy.path(), &cpu()).unwrap();
    let text = "Reverse ANNEALED Decoding";
    let expected = cased.encode_one(&text.to_lowercase()).unwrap();
    assert_ne!(cased.encode_one(text).unwrap(), expected);
    assert_eq!(lower.encode_one(text).unwrap(), expected);
    assert_eq!(
        lower.fingerprint(),
        format!("{}+lower", cased.fingerprint())
    );
}

#[test]
fn folders_in_the_usual_layouts_work() {
    let default = Encoder::from_cache(&cpu()).unwrap_or_else(|_| {
        installed::setup();
        Encoder::from_cache(&cpu()).unwrap()
    });
    let copy = copied();
    std::fs::create_dir(copy.path().join("onnx")).unwrap();
    std::fs::rename(
        copy.path().join("model.onnx"),
        copy.path().join("onnx/model_quantized.onnx"),
    )
    .unwrap();
    std::fs::write(
        copy.path().join("sentence_bert_config.json"),
        r#"{"max_seq_length": 77}"#,
    )
    .unwrap();
    let mean = Encoder::from_dir(copy.path(), &cpu()).unwrap();
    assert_eq!(mean.max_len_tokens(), 77);
    assert_eq!(mean.fingerprint(), default.fingerprint());
    assert_eq!(
        mean.encode_one("a text").unwrap(),
        default.encode_one("a text").unwrap()
    );

    let cls = r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#;
    std::fs::write(copy.path().join("1_Pooling/config.json"), cls).unwrap();
    let cls = Encoder::from_dir(copy.path(), &cpu()).unwrap();
    assert_ne!(cls.fingerprint(), mean.fingerprint());
    assert_ne!(
        cls.encode_one("a text").unwrap(),
        mean.encode_one("a text").unwrap()
    );
}

#[test]
fn cuda_without_cuda_is_a_device_error() {
    installed::setup();
    let runtime = zerogr::raw::model::Runtime::load(None).unwrap();
    if !runtime.providers().contains(&"CUDA") {
        let options = EncoderOptions::new().device(Device::Cuda(CudaOptions::new()));
        let error = Encoder::from_cache(&options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Device, "{error}");
    }
    let auto = Encoder::from_cache(&EncoderOptions::new()).unwrap();
    assert!(auto.encode_one("works on what there is").is_ok());
}

#[test]
fn a_model_that_scores_is_no_encoder() {
    let graph = replaced(&model_bytes(), b"last_hidden_state", b"prediction_logits");
    let tokenizer = zerogr::raw::model::cache::DEFAULT_TOKENIZER;
    let error = Encoder::from_bytes(bytes(graph, tokenizer), &cpu()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model);
    assert!(error.to_string().contains("prediction_logits"), "{error}");
}
