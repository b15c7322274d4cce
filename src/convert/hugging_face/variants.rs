//! Folders that hold a model in a form that cannot be read: what the form is, and what to do.

use std::fs;
use std::path::Path;

use crate::{Error, ErrorKind};

/// What a file in a folder tells of it. A star in its name stands for anything.
struct Sign {
    file: &'static str,
    is: &'static str,
    advice: &'static str,
}

/// Files that make another model of whatever else is in the folder.
const ADDITIONS: [Sign; 3] = [
    Sign {
        file: "adapter_config.json",
        is: "an adapter (LoRA), which is only what was learned on top of another model",
        advice: "merge it into that model (merge_and_unload in the peft library) and import the \
                 result",
    },
    Sign {
        file: "quantize_config.json",
        is: "a model quantised by GPTQ",
        advice: "import the model that is not quantised, or its GGUF file",
    },
    Sign {
        file: "quant_config.json",
        is: "a model quantised by AWQ",
        advice: "import the model that is not quantised, or its GGUF file",
    },
];

/// Files that stand in the place of weights that can be read.
const FORMS: [Sign; 9] = [
    Sign {
        file: "*.gguf",
        is: "a GGUF file",
        advice: "give the path of that file",
    },
    Sign {
        file: "pytorch_model*",
        is: "weights in PyTorch's own format (.bin), which can hold program code",
        advice: "save the model as safetensors (save_pretrained of the transformers library), or \
                 import its GGUF file",
    },
    Sign {
        file: "consolidated*",
        is: "weights under the names that the model's makers use",
        advice: "import the folder in the format of the transformers library",
    },
    Sign {
        file: "tf_model.h5",
        is: "weights for TensorFlow",
        advice: "save the model as safetensors",
    },
    Sign {
        file: "flax_model*",
        is: "weights for Flax",
        advice: "save the model as safetensors",
    },
    Sign {
        file: "weights*.npz",
        is: "weights for MLX",
        advice: "import the model that they were made from",
    },
    Sign {
        file: "*.onnx",
        is: "ONNX graphs under names that are not known here",
        advice: "name the decoder with its past key values model.onnx",
    },
    Sign {
        file: "model-*-of-*.safetensors",
        is: "parts of safetensors weights without model.safetensors.index.json, which says what \
             is in which part",
        advice: "download that file, too",
    },
    Sign {
        file: "*.safetensors",
        is: "safetensors under names that are not known here",
        advice: "name the file model.safetensors if it is the whole model",
    },
];

/// The refusal of a folder that is another model than its weights say.
pub(in crate::convert) fn addition(dir: &Path) -> Option<Error> {
    find(dir, &ADDITIONS)
}

/// The refusal of a folder without weights that can be read.
pub(in crate::convert) fn without_weights(dir: &Path) -> Error {
    find(dir, &FORMS).unwrap_or_else(|| {
        let message = format!(
            "{} has neither model.safetensors nor an ONNX decoder: download the weights",
            dir.display()
        );
        Error::new(ErrorKind::Model, message)
    })
}

/// The refusal of a folder without `config.json`.
pub(in crate::convert) fn without_config(dir: &Path) -> Error {
    let advice = match find(dir, &FORMS) {
        Some(found) => found.to_string(),
        None => "give a GGUF file, or a folder as published on Hugging Face".into(),
    };
    let message = format!("{} is missing; {advice}", dir.join("config.json").display());
    Error::new(ErrorKind::Model, message)
}

fn find(dir: &Path, signs: &[Sign]) -> Option<Error> {
    let entries = fs::read_dir(dir).ok()?.flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let found = signs.iter().find_map(|sign| {
        let name = names.iter().find(|name| matches(sign.file, name))?;
        Some((sign, name))
    });
    let (sign, name) = found?;
    let message = format!(
        "{} holds {} ({name}), which cannot be imported: {}",
        dir.display(),
        sign.is,
        sign.advice
    );
    Some(Error::new(ErrorKind::Model, message))
}

/// True if `name` is `pattern`, in which a star stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|tail| {
            let mut ends = tail.char_indices().map(|(at, _)| at).chain([tail.len()]);
            ends.any(|at| matches(rest, tail.get(at..).unwrap_or_default()))
        }),
    }
}
