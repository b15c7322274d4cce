//! `config.json`: from the settings of a checkpoint to the shape of its decoder.
//!
//! A key that is missing means what the family's class in `transformers` takes it to mean.

use std::path::Path;

use serde_json::{Map, Value};

use super::folder::wrong;
use super::keys::{CONFIG_JSON, ROPE, ROPE_OF_KINDS};
use crate::Result;
use crate::convert::checkpoint::decoder_config::{
    Architecture, Biases, DecoderConfig, RopeScaling,
};
use crate::convert::checkpoint::layout::HEAD;
use crate::convert::checkpoint::settings::{Meaning, Setting, Table, check, meaning_of};
use crate::convert::checkpoint::tensors::TensorSource;

/// The name of the file.
pub(in crate::convert) const CONFIG_FILE: &str = "config.json";

/// The object in a `config.json`, or one within it.
pub(in crate::convert) struct ConfigJson<'a> {
    dir: &'a Path,
    table: &'static Table,
    /// The key of the object within the file; empty for the whole.
    within: &'static str,
    values: Map<String, Value>,
}

impl<'a> ConfigJson<'a> {
    /// The settings of the folder `dir`.
    pub fn new(dir: &'a Path, values: Map<String, Value>) -> ConfigJson<'a> {
        ConfigJson {
            dir,
            table: CONFIG_JSON,
            within: "",
            values,
        }
    }

    /// The same settings under the keys of another table.
    pub fn with_table(&self, table: &'static Table) -> ConfigJson<'a> {
        ConfigJson {
            dir: self.dir,
            table,
            within: self.within,
            values: self.values.clone(),
        }
    }

    /// The family's name.
    pub fn model_type(&self) -> Result<String> {
        let name = self.text("model_type")?;
        Ok(name.unwrap_or_default().to_owned())
    }

    /// The shape of the decoder whose tensors are `weights`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) naming the key that is missing, of another
    /// type, not known or not supported.
    pub fn decoder(
        &self,
        architecture: Architecture,
        weights: &dyn TensorSource,
    ) -> Result<DecoderConfig> {
        self.check()?;
        self.check_class()?;
        let tied_head = self.flag("tie_word_embeddings")?.unwrap_or(false);
        if !tied_head && weights.shape(HEAD).is_none() {
            return Err(self.wrong(&format!(
                "does not say that the head is the embedding (tie_word_embeddings), and there is \
                 no tensor {HEAD}: the download may be incomplete"
            )));
        }
        let found = Biases::in_tensors(weights);
        self.sizes(architecture, found)
    }

    /// The same of a body whose head is not looked at; `found` are the biases among its tensors.
    ///
    /// # Errors
    ///
    /// Those of [`ConfigJson::decoder`], but for the class of the model.
    pub fn sizes(&self, architecture: Architecture, found: Biases) -> Result<DecoderConfig> {
        self.check_activation()?;
        let hidden = self.needed("hidden_size")?;
        let heads = self.needed("num_attention_heads")?;
        let layers = self.needed("num_hidden_layers")?;
        let (rope_theta, rope_scaling, rope_positions) = self.rope()?;
        let positions = self
            .count("max_position_embeddings")?
            .or(self.count("max_sequence_length")?)
            .unwrap_or_else(|| default_positions(architecture));
        let limits = [
            Some(positions),
            rope_positions,
            self.window(architecture, layers)?,
        ];
        let head_dim = self.count("head_dim")?.unwrap_or(match architecture {
            Architecture::Qwen3 => 128,
            _ => hidden.checked_div(heads).unwrap_or(0),
        });
        Ok(DecoderConfig {
            architecture,
            hidden,
            layers,
            heads,
            kv_heads: self.count("num_key_value_heads")?.unwrap_or(heads),
            head_dim,
            feed_forward: self.needed("intermediate_size")?,
            vocab: self.needed("vocab_size")?,
            max_positions: limits.into_iter().flatten().min().unwrap_or(positions),
            rms_norm_epsilon: self.number("rms_norm_eps")?.unwrap_or(1e-6) as f32,
            rope_theta,
            rope_scaling,
            tied_head: self.flag("tie_word_embeddings")?.unwrap_or(false),
            biases: self.biases(architecture, found)?,
        })
    }

    /// Looks every key up.
    fn check(&self) -> Result<()> {
        for (key, value) in &self.values {
            check(self.table, key, value).map_err(|what| self.wrong(&what))?;
        }
        Ok(())
    }

    /// Looks every key up that the table does not have among those of decoders, but for what is
    /// read there.
    pub fn check_as_encoder(&self) -> Result<()> {
        for (key, value) in &self.values {
            let is_own = meaning_of(self.table, key).is_some();
            let is_read = matches!(meaning_of(CONFIG_JSON, key), Some(Meaning::Read));
            let table = match (is_own, is_read) {
                (false, false) => CONFIG_JSON,
                _ => self.table,
            };
            check(table, key, value).map_err(|what| self.wrong(&what))?;
        }
        Ok(())
    }

    /// A model for another task has other last layers, and may see what follows.
    fn check_class(&self) -> Result<()> {
        let classes = match self.value("architectures") {
            None => return Ok(()),
            Some(Value::Array(classes)) => classes,
            Some(other) => return Err(self.another_type("architectures", other, "a list")),
        };
        let is_causal = |class: &Value| {
            class
                .as_str()
                .is_some_and(|name| name.ends_with("ForCausalLM"))
        };
        if classes.is_empty() || classes.iter().any(is_causal) {
            return Ok(());
        }
        let shown = self.values.get("architectures").map(Setting::shown);
        Err(self.wrong(&format!(
            "says that the model is no causal language model (architectures is {})",
            shown.unwrap_or_default()
        )))
    }

    fn check_activation(&self) -> Result<()> {
        match self.text("hidden_act")? {
            None | Some("silu" | "swish") => Ok(()),
            Some(other) => Err(self.wrong(&format!(
                "asks for another activation than silu (hidden_act is {other:?}), which cannot be \
                 imported"
            ))),
        }
    }

    /// Which biases there are. What says that there are none is believed, so that the tensors are
    /// refused; Qwen 2 has those of the attention whatever it says.
    fn biases(&self, architecture: Architecture, found: Biases) -> Result<Biases> {
        let all = self.flag("bias")?;
        let qkv = self.flag("qkv_bias")?;
        let feed_forward = self.flag("mlp_bias")?;
        let attention = self.flag("attention_bias")?.or(all);
        Ok(match architecture {
            Architecture::Qwen2 => Biases { qkv: true, ..found },
            _ => Biases {
                qkv: qkv.or(attention).unwrap_or(found.qkv),
                attention_output: attention.unwrap_or(found.attention_output),
                feed_forward: feed_forward.unwrap_or(found.feed_forward),
            },
        })
    }

    /// The positions up to which a sliding window hides nothing, if there is one.
    fn window(&self, architecture: Architecture, layers: usize) -> Result<Option<usize>> {
        let is_qwen = matches!(architecture, Architecture::Qwen2 | Architecture::Qwen3);
        let window = match (self.values.get("sliding_window"), architecture) {
            (None, Architecture::Llama) => None,
            (None, _) => Some(4_096),
            (Some(_), _) => self.count("sliding_window")?,
        };
        let is_used = self.flag("use_sliding_window")?.unwrap_or(!is_qwen);
        let first_layer = self.count("max_window_layers")?.unwrap_or(28);
        let has_windows = match self.value("layer_types") {
            None => !is_qwen || first_layer < layers,
            Some(Value::Array(types)) => {
                let is = |name: &'static str| move |value: &&Value| value.as_str() == Some(name);
                let mut others = types
                    .iter()
                    .filter(|value| !is("full_attention")(value))
                    .filter(|value| !is("sliding_attention")(value));
                if let Some(other) = others.next() {
                    return Err(self.wrong(&format!(
                        "asks for layers of another kind (layer_types has {other}), which cannot \
                         be imported"
                    )));
                }
                types.iter().any(|value| is("sliding_attention")(&value))
            }
            Some(other) => return Err(self.another_type("layer_types", other, "a list")),
        };
        Ok(window.filter(|_| is_used && has_windows))
    }

    /// Base and scaling of the rotary positions, and the positions up to which they hold.
    fn rope(&self) -> Result<(f64, RopeScaling, Option<usize>)> {
        let theta = self.number("rope_theta")?;
        let newer = self.object("rope_parameters", ROPE)?;
        let older = self.object("rope_scaling", ROPE)?;
        if let (Some(newer), Some(older)) = (&newer, &older)
            && newer.values != older.values
        {
            return Err(self.wrong(
                "has both rope_parameters and rope_scaling, which differ; remove the wrong one",
            ));
        }
        let Some(rope) = newer.or(older) else {
            return Ok((theta.unwrap_or(DEFAULT_THETA), RopeScaling::None, None));
        };
        let kind = match (rope.text("rope_type")?, rope.text("type")?) {
            (Some(kind), _) | (None, Some(kind)) => kind,
            // What a scaling without a kind scales by would be passed over.
            (None, None) if rope.value("factor").is_none() => "default",
            (None, None) => {
                return Err(self.wrong(
                    "has a factor of the rotary scaling and does not say of which type it is; add \
                     \"rope_type\" (linear, dynamic, ...) to rope_scaling",
                ));
            }
        };
        let needed = |key: &str| {
            rope.number(key)?
                .ok_or_else(|| self.wrong(&format!("does not say {key} of the rotary scaling")))
        };
        let mut positions = None;
        let scaling = match kind {
            "default" => RopeScaling::None,
            // Longer texts than these would be scaled, shorter ones are not.
            "dynamic" => {
                positions = rope.count("original_max_position_embeddings")?;
                RopeScaling::None
            }
            "linear" => RopeScaling::Linear {
                factor: needed("factor")?,
            },
            "llama3" => RopeScaling::Llama3 {
                factor: needed("factor")?,
                low_freq_factor: needed("low_freq_factor")?,
                high_freq_factor: needed("high_freq_factor")?,
                original_positions: needed("original_max_position_embeddings")?,
            },
            other => {
                return Err(self.wrong(&format!(
                    "asks for the rotary scaling {other:?}; none, linear, dynamic and llama3 are \
                     supported"
                )));
            }
        };
        rope.check()?;
        let nested = rope.number("rope_theta")?;
        Ok((
            nested.or(theta).unwrap_or(DEFAULT_THETA),
            scaling,
            positions,
        ))
    }

    /// The bases of the rotary positions of two kinds of layers, where `rope_parameters` say them for
    /// each kind; positions that are scaled are refused.
    pub fn rope_thetas(&self, kinds: [&'static str; 2]) -> Result<[Option<f64>; 2]> {
        let Some(of_kinds) = self.object("rope_parameters", ROPE_OF_KINDS)? else {
            return Ok([None; 2]);
        };
        of_kinds.check()?;
        let mut thetas = [None; 2];
        for (theta, kind) in thetas.iter_mut().zip(kinds) {
            let Some(rope) = of_kinds.object(kind, ROPE)? else {
                continue;
            };
            rope.check()?;
            let named = [rope.text("rope_type")?, rope.text("type")?];
            let scaled = named.into_iter().flatten().find(|name| *name != "default");
            if scaled.is_some() || rope.value("factor").is_some() {
                return Err(self.wrong(&format!(
                    "asks for scaled rotary positions (rope_parameters of {kind}), which cannot be \
                     imported"
                )));
            }
            *theta = rope.number("rope_theta")?;
        }
        Ok(thetas)
    }

    /// True if the key is there and says nothing.
    pub fn is_null(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(Value::is_null)
    }

    /// What a key says, if it says anything.
    fn value(&self, key: &str) -> Option<&Value> {
        debug_assert!(
            matches!(meaning_of(self.table, key), Some(Meaning::Read)),
            "{key} is read and the table does not say so"
        );
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// A number that counts something.
    pub fn count(&self, key: &str) -> Result<Option<usize>> {
        self.typed(key, "a count", |value| {
            value.as_u64().and_then(|n| usize::try_from(n).ok())
        })
    }

    pub fn needed(&self, key: &str) -> Result<usize> {
        self.count(key)?
            .ok_or_else(|| self.wrong(&format!("does not say {key}")))
    }

    /// A number of layers: no model has more than a few hundred, and each becomes nodes.
    pub fn layers(&self, key: &str) -> Result<usize> {
        const MOST_LAYERS: usize = 1_000;
        match self.needed(key)? {
            count @ 1..=MOST_LAYERS => Ok(count),
            count => Err(self.wrong(&format!("says {count} for {key}"))),
        }
    }

    /// A list of texts.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<String>>> {
        self.typed(key, "a list of texts", |value| {
            let list = value.as_array()?.iter();
            list.map(|one| one.as_str().map(str::to_owned)).collect()
        })
    }

    pub fn number(&self, key: &str) -> Result<Option<f64>> {
        self.typed(key, "a number", Value::as_f64)
    }

    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "true or false", Value::as_bool)
    }

    pub fn text(&self, key: &str) -> Result<Option<&str>> {
        self.typed(key, "a text", Value::as_str)
    }

    fn object(&self, key: &'static str, table: &'static Table) -> Result<Option<ConfigJson<'a>>> {
        let values = self.typed(key, "an object", |value| value.as_object().cloned())?;
        Ok(values.map(|values| ConfigJson {
            dir: self.dir,
            table,
            within: key,
            values,
        }))
    }

    /// The token ids that a key names: one, several or none.
    pub fn tokens(&self, key: &str) -> Option<&Value> {
        self.value(key)
    }

    fn typed<'v, T>(
        &'v self,
        key: &str,
        what: &str,
        take: impl FnOnce(&'v Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        let taken = take(value).ok_or_else(|| self.another_type(key, value, what));
        taken.map(Some)
    }

    fn another_type(&self, key: &str, value: &Value, what: &str) -> crate::Error {
        self.wrong(&format!(
            "says {} for {key}, which is not {what}",
            value.shown()
        ))
    }

    pub fn wrong(&self, what: &str) -> crate::Error {
        let within = match self.within {
            "" => String::new(),
            within => format!("{within} "),
        };
        wrong(self.dir, CONFIG_FILE, &format!("{within}{what}"))
    }
}

/// The base of the rotary wavelengths in all families.
const DEFAULT_THETA: f64 = 10_000.0;

/// The positions of a checkpoint that does not say how many it has.
fn default_positions(architecture: Architecture) -> usize {
    match architecture {
        Architecture::Llama => 2_048,
        Architecture::Mistral => 131_072,
        Architecture::Qwen2 | Architecture::Qwen3 => 32_768,
    }
}
