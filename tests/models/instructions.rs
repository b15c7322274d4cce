//! An instruction goes where the prompt of an imported encoder has a place for it.

use std::fs;

use serde_json::json;
use zerogr::raw::convert::{Architecture, DecoderConfig, RandomTensors, import_encoder};
use zerogr::raw::model::language::WeightFormat;
use zerogr::raw::model::{Device, Encoder, EncoderOptions};
use zerogr::{Document, EncoderSource, Index, IndexOptions, Mode, SearchOptions};

use crate::support::checkpoints::{small, write_folder};
use crate::support::installed;

/// A prompt, and where an instruction stands in it.
const PROMPTS: [(&str, &str); 2] = [
    (
        "Instruct: Given a web search query, retrieve relevant passages\nQuery:",
        "Instruct: find wings\nQuery:",
    ),
    (
        "task: search result | query: ",
        "task: find wings | query: ",
    ),
];

#[test]
fn an_instruction_takes_the_place_of_the_task_in_a_prompt() {
    installed::setup();
    let config = DecoderConfig {
        max_positions: 256,
        ..small(Architecture::Qwen3)
    };
    for (prompt, instructed) in PROMPTS {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let from = at("from");
        write_folder(&from, &config, &RandomTensors::new(config.clone(), 5), 1);
        let text = |name: &str, value: serde_json::Value| {
            fs::create_dir_all(from.join("1_Pooling")).unwrap();
            fs::write(from.join(name), value.to_string()).unwrap();
        };
        let class = |name: &str| format!("sentence_transformers.models.{name}");
        text(
            "modules.json",
            json!([{"path": "", "type": class("Transformer")},
                {"path": "1_Pooling", "type": class("Pooling")},
                {"path": "2_Normalize", "type": class("Normalize")}]),
        );
        text(
            "1_Pooling/config.json",
            json!({"pooling_mode": "lasttoken"}),
        );
        text(
            "config_sentence_transformers.json",
            json!({"prompts": {"query": prompt, "document": ""}, "similarity_fn_name": "cosine"}),
        );
        import_encoder(&from, &at("to"), WeightFormat::F32, None, &mut |_, _| {}).unwrap();
        let options = EncoderOptions::new().device(Device::Cpu);
        let encoder = Encoder::from_dir(at("to"), &options).unwrap();

        let source = EncoderSource::Folder(at("to"));
        let index = Index::create(at("a.zgr"), IndexOptions::with_encoder(source)).unwrap();
        let mut writer = index.writer().unwrap();
        for (id, text) in [("a", "the wing"), ("b", "heat flow"), ("c", "a plate")] {
            writer.add(Document::new(id).text(text)).unwrap();
        }
        writer.commit().unwrap();
        let encoded = |text: String| encoder.encode_one(&text).unwrap();
        let query = "flutter";
        let plain = index.encode_query(query, None).unwrap();
        assert_eq!(plain.vector(), encoded(format!("{prompt}{query}")));
        let with = index.encode_query(query, Some("find wings")).unwrap();
        assert_eq!(with.vector(), encoded(format!("{instructed}{query}")));
        assert_ne!(with.vector(), plain.vector());
        // A search asks with that vector.
        let dense = SearchOptions::new().mode(Mode::Dense);
        let found = index.search(query, &dense.clone().instruction("find wings"));
        let by_vector = index.snapshot().search_vector(with.vector(), &dense);
        assert_eq!(found.unwrap().hits, by_vector.unwrap().hits);
    }
}
