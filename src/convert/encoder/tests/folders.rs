//! Folders that are not what they should be: each is refused by the name of what is wrong.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::checkpoint::{
    VOCAB, modules, random_tensors, small, tokenizer, write_folder, write_json, write_tensors,
};
use crate::convert::encoder::{import_encoder, is_encoder};
use crate::model::Pooling;
use crate::model::language::WeightFormat;
use crate::{Error, ErrorKind};

/// The error of importing a folder that is whole but for what `spoil` does.
fn refused(spoil: impl FnOnce(&Path)) -> Error {
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    write_folder(&from, "bert", "mean");
    spoil(&from);
    let to = dir.path().join("to");
    let imported = import_encoder(&from, &to, WeightFormat::F32, None, &mut |_, _| {});
    let error = imported.unwrap_err();
    assert!(!to.exists(), "{error}");
    error
}

/// Asserts the kind `Model`, and that the message names `what`.
fn is_model_error(error: &Error, what: &str) {
    assert_eq!(error.kind(), ErrorKind::Model, "{error}");
    assert!(error.to_string().contains(what), "{what}: {error}");
}

fn change_config(dir: &Path, key: &str, value: Value) {
    let (mut config, _) = small("bert");
    config[key] = value;
    write_json(dir, "config.json", &config);
}

#[test]
fn missing_files_are_named() {
    for (file, what) in [
        ("tokenizer.json", "tokenizer.json is missing"),
        ("config.json", "config.json is missing"),
        ("model.safetensors", "safetensors"),
    ] {
        is_model_error(
            &refused(|dir| fs::remove_file(dir.join(file)).unwrap()),
            what,
        );
    }
}

#[test]
fn a_folder_without_pooling_is_refused_with_the_options_to_give() {
    let without = |dir: &Path| fs::remove_dir_all(dir.join("1_Pooling")).unwrap();
    is_model_error(&refused(without), "--pooling cls, mean or last");

    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    write_folder(&from, "bert", "mean");
    let import = |to: &str, pooling| {
        let to = dir.path().join(to);
        import_encoder(&from, &to, WeightFormat::F32, pooling, &mut |_, _| {})
    };
    // What the folder says is not overruled.
    is_model_error(
        &import("a", Some(Pooling::Cls)).unwrap_err(),
        "without --pooling",
    );
    without(&from);
    fs::remove_file(from.join("modules.json")).unwrap();
    assert_eq!(
        import("b", Some(Pooling::Cls)).unwrap().pooling,
        Pooling::Cls
    );
}

#[test]
fn strange_settings_are_named() {
    for (key, value) in [
        ("model_type", json!("megatron")),
        ("architectures", json!(["BertForSequenceClassification"])),
        ("hidden_act", json!("xielu")),
        ("position_embedding_type", json!("relative_key")),
        ("is_decoder", json!(true)),
        ("num_hidden_layers", json!(1_000_000_000)),
        ("hidden_size", json!("32")),
        ("unheard_of", json!(1)),
        ("rope_theta", json!(10_000)),
    ] {
        let shown = match key {
            "model_type" | "architectures" | "hidden_act" => {
                value.as_str().or(value[0].as_str()).unwrap().to_owned()
            }
            _ => key.to_owned(),
        };
        is_model_error(&refused(|dir| change_config(dir, key, value)), &shown);
    }
    is_model_error(
        &refused(|dir| change_config(dir, "num_attention_heads", json!(5))),
        "heads",
    );
}

#[test]
fn tensors_that_do_not_belong_are_named() {
    let with = |change: &dyn Fn(&mut super::checkpoint::Tensors)| {
        refused(|dir| {
            let (config, prefix) = small("bert");
            let mut tensors = random_tensors(&config);
            change(&mut tensors);
            write_tensors(&dir.join("model.safetensors"), &tensors, prefix);
        })
    };
    let name = "encoder.layer.1.output.dense.weight";
    let error = with(&|tensors| drop(tensors.remove(name)));
    is_model_error(&error, name);
    let error =
        with(&|tensors| drop(tensors.insert("adapter.weight".into(), (vec![1], vec![0.0]))));
    is_model_error(&error, "adapter.weight");
    let error = with(&|tensors| tensors.get_mut(name).unwrap().0 = vec![48, 32]);
    is_model_error(&error, name);
    for value in [f32::NAN, f32::INFINITY] {
        let error = with(&|tensors| tensors.get_mut(name).unwrap().1[5] = value);
        is_model_error(&error, "not a finite number");
    }
}

#[test]
fn tensors_of_other_tasks_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    let mut tensors = write_folder(&from, "bert", "mean");
    let import = |to: &str| {
        let to = dir.path().join(to);
        import_encoder(&from, &to, WeightFormat::F32, None, &mut |_, _| {}).unwrap();
        fs::read(to.join("model.onnx")).unwrap()
    };
    let before = import("a");
    for name in ["pooler.dense.weight", "embeddings.position_ids"] {
        tensors.insert(name.into(), (vec![1, 2], vec![1.0, 2.0]));
    }
    write_tensors(&from.join("model.safetensors"), &tensors, "bert.");
    assert_eq!(import("b"), before);
}

#[test]
fn damaged_safetensors_are_refused() {
    let cut = |dir: &Path| {
        let path = dir.join("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    };
    is_model_error(&refused(cut), "truncated");
    let huge = |dir: &Path| {
        let mut bytes = (3_u64 << 30).to_le_bytes().to_vec();
        bytes.extend_from_slice(b"{\"a\":");
        fs::write(dir.join("model.safetensors"), bytes).unwrap();
    };
    is_model_error(&refused(huge), "3221225472");
    let split = |dir: &Path| {
        fs::remove_file(dir.join("model.safetensors")).unwrap();
        let (config, prefix) = small("bert");
        let tensors = random_tensors(&config);
        let names = tensors.keys().map(|name| format!("{prefix}{name}"));
        let map: serde_json::Map<String, Value> = names
            .zip(
                ["model-1.safetensors", "model-2.safetensors"]
                    .iter()
                    .cycle(),
            )
            .map(|(name, file)| (name, json!(file)))
            .collect();
        write_json(
            dir,
            "model.safetensors.index.json",
            &json!({"weight_map": map}),
        );
        write_tensors(&dir.join("model-1.safetensors"), &tensors, prefix);
    };
    is_model_error(&refused(split), "model-2.safetensors is missing");
}

#[test]
fn a_tokenizer_with_more_tokens_than_the_model_is_refused() {
    let error = refused(|dir| write_json(dir, "tokenizer.json", &tokenizer(VOCAB + 1)));
    is_model_error(&error, "41 tokens and the model 40");
}

#[test]
fn steps_that_are_not_known_are_named() {
    let with = |change: &dyn Fn(&mut Vec<Value>)| {
        refused(|dir| {
            let mut steps = modules(0, true);
            change(steps.as_array_mut().unwrap());
            write_json(dir, "modules.json", &steps);
        })
    };
    let step = |kind: &str, path: &str| {
        let class = format!("sentence_transformers.models.{kind}");
        json!({"type": class, "path": path})
    };
    let error = with(&|steps| steps.push(step("LSTM", "3_LSTM")));
    is_model_error(&error, "LSTM");
    let error = with(&|steps| steps.push(step("Dense", "3_Dense")));
    is_model_error(&error, "Dense");
    let error = with(&|steps| steps[1] = step("Pooling", "../elsewhere"));
    is_model_error(&error, "../elsewhere");
}

#[test]
fn prompts_with_unknown_names_are_refused() {
    let prompts = json!({"prompts": {"web": "Search the web: "}});
    let error = refused(|dir| write_json(dir, "config_sentence_transformers.json", &prompts));
    is_model_error(&error, "web");
}

#[test]
fn layers_behind_the_pooling_of_another_shape_are_refused() {
    let with = |settings: Value, shape: [usize; 2], has_bias: bool| {
        refused(|dir| {
            write_json(dir, "modules.json", &modules(1, true));
            let folder = dir.join("2_Dense");
            write_json(&folder, "config.json", &settings);
            let values = vec![0.5; shape[0] * shape[1]];
            let mut layer = [("linear.weight".to_owned(), (shape.to_vec(), values))].to_vec();
            if has_bias {
                layer.push((
                    "linear.bias".to_owned(),
                    (vec![shape[0]], vec![0.5; shape[0]]),
                ));
            }
            write_tensors(
                &folder.join("model.safetensors"),
                &layer.into_iter().collect(),
                "",
            );
        })
    };
    let settings = |inputs: usize, bias: bool, activation: &str| {
        json!({
            "in_features": inputs, "out_features": 8, "bias": bias,
            "activation_function": activation,
        })
    };
    let error = with(settings(64, false, "Identity"), [8, 64], false);
    is_model_error(&error, "64 in_features");
    let error = with(settings(32, false, "Identity"), [8, 16], false);
    is_model_error(&error, "linear.weight");
    let error = with(settings(32, true, "Identity"), [8, 32], false);
    is_model_error(&error, "linear.bias");
    let error = with(settings(32, false, "Identity"), [8, 32], true);
    is_model_error(&error, "bias");
    let error = with(settings(32, false, "Softsign"), [8, 32], false);
    is_model_error(&error, "Softsign");
}

#[test]
fn encoders_and_language_models_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    write_folder(dir.path(), "qwen3", "lasttoken");
    assert!(is_encoder(dir.path()));
    fs::remove_file(dir.path().join("modules.json")).unwrap();
    assert!(!is_encoder(dir.path()));
    write_folder(dir.path(), "bert", "mean");
    fs::remove_file(dir.path().join("modules.json")).unwrap();
    assert!(is_encoder(dir.path()));
    assert!(!is_encoder(&dir.path().join("nothing")));
}
