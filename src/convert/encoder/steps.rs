//! `modules.json`: the steps from tokens to a vector.
//!
//! ```text
//! Transformer ─ Pooling ─ Dense … ─ Normalize                        a vector per text
//! Transformer ─ Dense … ─ MultiVectorMask ─ Normalize                a vector per token (ColBERT)
//! ```
//!
//! The layers become part of the graph, so the folder that is written has the steps of a text's
//! vector only, without them.

use std::path::Path;

use serde_json::{Value, json};

use crate::convert::hugging_face::folder::{read_json, wrong};
use crate::model::Pooling;
use crate::{Error, ErrorKind, Result};

/// The name of the file.
pub(super) const FILE: &str = "modules.json";

/// Where the pooling is described, if no list of steps says otherwise.
const POOLING_FOLDER: &str = "1_Pooling";

/// The step that says which tokens are compared.
const MASK: &str = "MultiVectorMask";

/// The steps of a folder.
#[derive(Debug)]
pub(super) struct Steps {
    /// Where the weights and the settings of the transformer are, relative to the folder.
    pub transformer: String,
    /// The folder that describes the pooling.
    pub pooling: String,
    /// There is a step of pooling.
    pub has_pooling: bool,
    /// The folders of the layers behind it, in their order.
    pub dense: Vec<String>,
    /// The folder that says which tokens are compared.
    pub mask: Option<String>,
    pub is_normalised: bool,
}

impl Steps {
    /// Reads the file; without it, a transformer whose vectors are pooled and scaled.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] naming a step that is not known, or stands where it cannot.
    pub fn read(dir: &Path) -> Result<Steps> {
        let mut steps = Steps {
            transformer: String::new(),
            pooling: POOLING_FOLDER.to_owned(),
            has_pooling: false,
            mask: None,
            dense: Vec::new(),
            is_normalised: true,
        };
        let Some(list) = read_json::<Vec<Value>>(dir, FILE)? else {
            return Ok(steps);
        };
        steps.is_normalised = false;
        let mut before = 0;
        for step in &list {
            let field = |name: &str| step.get(name).and_then(Value::as_str).unwrap_or_default();
            let (kind, path) = (field("type"), field("path"));
            let kind = kind.rsplit('.').next().unwrap_or_default();
            let place = match kind {
                "Transformer" => 1,
                "Pooling" => 2,
                "Dense" => 3,
                MASK if steps.mask.is_none() => before.max(4),
                "Normalize" => 4,
                _ => {
                    let what = format!("has the step {kind:?}, which cannot be imported");
                    return Err(wrong(dir, FILE, &what));
                }
            };
            let may_follow = ["Dense", MASK].contains(&kind) || steps.mask.is_some();
            if place < before || (place == before && (!may_follow || steps.is_normalised)) {
                let what = format!("has the step {kind:?} where it cannot be imported");
                return Err(wrong(dir, FILE, &what));
            }
            before = place;
            if path.contains(['/', '\\', ':']) || path == ".." {
                let what = format!("names {path:?}, which is no folder in this one");
                return Err(wrong(dir, FILE, &what));
            }
            match kind {
                "Transformer" => path.clone_into(&mut steps.transformer),
                "Pooling" => {
                    path.clone_into(&mut steps.pooling);
                    steps.has_pooling = true;
                }
                MASK => steps.mask = Some(path.to_owned()),
                "Dense" => steps.dense.push(path.to_owned()),
                _ => steps.is_normalised = true,
            }
        }
        Ok(steps)
    }

    /// The content of the file for the folder that is written.
    pub fn written(is_normalised: bool) -> String {
        let module = |kind: &str| format!("sentence_transformers.models.{kind}");
        let mut steps = vec![
            json!({"idx": 0, "name": "0", "path": "", "type": module("Transformer")}),
            json!({"idx": 1, "name": "1", "path": POOLING_FOLDER, "type": module("Pooling")}),
        ];
        if is_normalised {
            steps.push(json!({
                "idx": 2, "name": "2", "path": "2_Normalize", "type": module("Normalize"),
            }));
        }
        format!("{:#}\n", Value::Array(steps))
    }

    /// The settings of the pooling: those of the folder, or what was asked for.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when the folder does not say, or says another way than `asked`.
    pub fn pooling_settings(&self, dir: &Path, asked: Option<Pooling>) -> Result<Value> {
        let name = format!("{}/config.json", self.pooling);
        let found: Option<Value> = read_json(dir, &name)?;
        match (found, asked) {
            (Some(found), None) => Ok(found),
            (None, Some(asked)) => Ok(settings_of(asked)),
            (None, None) => Err(Error::new(
                ErrorKind::Model,
                format!(
                    "{} is missing, and nothing else says how the vectors of a text's tokens become \
                     one; the model's page does: import it with --pooling cls, mean or last",
                    dir.join(name).display()
                ),
            )),
            (Some(_), Some(_)) => {
                let what = "says how vectors are pooled: import the folder without --pooling";
                Err(wrong(dir, &name, what))
            }
        }
    }
}

/// The settings of a way of pooling.
pub(super) fn settings_of(pooling: Pooling) -> Value {
    json!({"pooling_mode": pooling.name()})
}

/// Where the pooling is described in the folder that is written.
pub(super) fn pooling_file() -> String {
    format!("{POOLING_FOLDER}/config.json")
}
