//! Folders of encoders of tokens that are not what they should be: each is refused by the name of what
//! is wrong.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::checkpoint::{random_tensors, small, write_json, write_tensors};
use super::token_folder::{LENGTHS, PROMPTS, change, layers, marked_tokenizer, write_folder};
use crate::convert::encoder::import_encoder;
use crate::model::Pooling;
use crate::model::language::WeightFormat;
use crate::{Error, ErrorKind};

/// The error of importing a folder that is whole but for what `spoil` does.
fn refused(layout: &str, spoil: impl FnOnce(&Path)) -> Error {
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    write_folder(&from, "bert", layout, true);
    spoil(&from);
    let to = dir.path().join("to");
    let imported = import_encoder(&from, &to, WeightFormat::F32, None, &mut |_, _| {});
    let error = imported.unwrap_err();
    assert!(!to.exists(), "{error}");
    error
}

#[test]
fn folders_that_cannot_be_applied_are_refused_by_name() {
    let is_refused = |layout: &str, said: &str, spoil: &dyn Fn(&Path)| {
        let error = refused(layout, spoil);
        assert_eq!(error.kind(), ErrorKind::Model, "{error}");
        assert!(error.to_string().contains(said), "{layout} {said}: {error}");
    };
    for (key, value, said) in [
        ("query_prefix", json!("[X] "), "[X] "),
        ("query_length", json!("many"), "query_length"),
        ("query_length", json!(0), "query_length"),
        ("document_length", json!(3), "room"),
        ("do_query_expansion", json!(1), "do_query_expansion"),
        ("skiplist_words", json!([1]), "skiplist_words"),
        ("similarity_fn_name", json!("xtr"), "xtr"),
        ("pool_factor", json!(2), "pool_factor"),
        ("prompts", json!({"query": 1}), "query"),
    ] {
        is_refused("pylate", said, &|dir| {
            change(dir, PROMPTS, key, value.clone())
        });
    }
    is_refused("pylate", "Dense", &|dir| {
        let steps = json!([{"path": "", "type": "sentence_transformers.models.Transformer"}]);
        write_json(dir, "modules.json", &steps);
    });
    is_refused("pylate", "pooling", &|dir| {
        let class = |name: &str| format!("sentence_transformers.models.{name}");
        let steps = json!([{"path": "", "type": class("Transformer")},
            {"path": "1_Pooling", "type": class("Pooling")},
            {"path": "1_Dense", "type": class("Dense")}]);
        write_json(dir, "modules.json", &steps);
    });
    is_refused("pylate", "mask_token", &|dir| {
        let mut tokenizer = marked_tokenizer();
        let vocab = tokenizer["model"]["vocab"].as_object_mut().unwrap();
        vocab.remove("[MASK]");
        tokenizer["added_tokens"].as_array_mut().unwrap().remove(0);
        write_json(dir, "tokenizer.json", &tokenizer);
    });
    is_refused("pylate", "special token", &|dir| {
        let mut tokenizer = marked_tokenizer();
        tokenizer["post_processor"] = Value::Null;
        write_json(dir, "tokenizer.json", &tokenizer);
    });
    for (key, value) in [
        ("use_residual", json!("yes")),
        ("module_input_name", json!("sentence_embedding")),
        ("module_output_name", json!("other")),
        ("in_features", json!(31)),
        ("unheard_of", json!(1)),
    ] {
        is_refused("sentence-transformers", key, &|dir| {
            change(&dir.join("1_Dense"), "config.json", key, value.clone())
        });
    }
    is_refused("sentence-transformers", "residual.weight", &|dir| {
        let (_, mut layer) = layers().into_iter().next().unwrap();
        layer.remove("residual.weight");
        write_tensors(&dir.join("1_Dense/model.safetensors"), &layer, "");
    });
    for (key, value) in [
        ("skiplist_tasks", json!(["query", "document"])),
        ("keep_only_token_ids", json!([4])),
        ("unheard_of", json!(1)),
    ] {
        is_refused("sentence-transformers", key, &|dir| {
            change(dir, "3_Mask/config.json", key, value.clone())
        });
    }
    for (value, said) in [
        (json!("fixed"), "query_expansion"),
        (json!({"strategy": "new", "length": 10}), "strategy"),
        (json!({"strategy": "fixed"}), "length"),
        (
            json!({"strategy": "fixed", "length": 10, "token": "[X]"}),
            "[X]",
        ),
        (
            json!({"strategy": "fixed", "length": 10, "side": "left"}),
            "side",
        ),
    ] {
        is_refused("sentence-transformers", said, &|dir| {
            change(dir, LENGTHS, "query_expansion", value.clone())
        });
    }
    is_refused("pylate", "sees nothing", &|dir| {
        write_folder(dir, "modernbert", "pylate", true);
        change(dir, PROMPTS, "query_length", json!(8));
    });
    for kind in ["HierarchicalTokenPooling", "Pooling"] {
        is_refused("sentence-transformers", kind, &|dir| {
            let read = fs::read(dir.join("modules.json")).unwrap();
            let mut steps: Value = serde_json::from_slice(&read).unwrap();
            let step = json!({"path": "5_Pool", "type": kind});
            steps.as_array_mut().unwrap().push(step);
            write_json(dir, "modules.json", &steps);
        });
    }
    is_refused("sentence-transformers", "Normalize", &|dir| {
        let read = fs::read(dir.join("modules.json")).unwrap();
        let mut steps: Value = serde_json::from_slice(&read).unwrap();
        steps.as_array_mut().unwrap().pop();
        write_json(dir, "modules.json", &steps);
    });
    is_refused("authors", "[unused0]", &|dir| {
        fs::remove_file(dir.join("artifact.metadata")).unwrap()
    });
    is_refused("authors", "l2", &|dir| {
        change(dir, "artifact.metadata", "similarity", json!("l2"))
    });
    is_refused("authors", "linear.weight", &|dir| {
        let (config, prefix) = small("bert");
        write_tensors(
            &dir.join("model.safetensors"),
            &random_tensors(&config),
            prefix,
        );
    });
}

#[test]
fn a_way_of_pooling_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    write_folder(dir.path(), "bert", "pylate", true);
    let to = dir.path().join("to");
    let pooling = Some(Pooling::Mean);
    let error = import_encoder(dir.path(), &to, WeightFormat::F32, pooling, &mut |_, _| {});
    assert!(error.unwrap_err().to_string().contains("without --pooling"));
}
