//! `config.json` of each family of encoders.
//!
//! | file | families |
//! |---|---|
//! | `bert` | BERT, DistilBERT, RoBERTa, XLM-RoBERTa, MPNet |
//! | `rotary` | ModernBERT, NomicBERT |
//! | `decoders` | Qwen 3, Gemma 3 |
//! | `layer_kinds` | which layers see all, and how each kind rotates |
//! | `family` | which families there are |
//! | `keys` | what each key of their files means |

mod bert;
mod decoders;
mod family;
mod keys;
mod layer_kinds;
mod rotary;

use super::config::EncoderConfig;
use crate::Result;
use crate::convert::hugging_face::config_json::ConfigJson;
use family::FAMILIES;
pub(in crate::convert) use family::Family;
#[cfg(test)]
pub(super) use keys::of as keys_of;

/// Ends of names of classes whose body is an encoder; what else they have belongs to its training.
const CLASSES: [&str; 4] = ["Model", "ForMaskedLM", "ForCausalLM", "ForPreTraining"];

/// The class of ColBERT's authors: a BERT with a projection of its tokens.
pub(super) const TOKEN_CLASS: &str = "HF_ColBERT";

/// The encoder that the settings of a folder describe.
///
/// # Errors
///
/// [`ErrorKind::Model`](crate::ErrorKind::Model) naming a family, class or key that is not known or
/// not supported.
pub(super) fn encoder(config: &ConfigJson<'_>) -> Result<EncoderConfig> {
    let name = config.model_type()?;
    let Some((_, family, class)) = FAMILIES.iter().find(|(known, ..)| *known == name) else {
        let known: Vec<&str> = FAMILIES.iter().map(|(known, ..)| *known).collect();
        return Err(config.wrong(&format!(
            "says that the architecture is {name:?}, which cannot be imported as an encoder; those \
             that can are {}",
            known.join(", ")
        )));
    };
    check_class(config, class)?;
    let config = &config.with_table(keys::of(*family));
    config.check_as_encoder()?;
    match family {
        Family::Bert => bert::bert(config),
        Family::DistilBert => bert::distil_bert(config),
        Family::Roberta => bert::roberta(config),
        Family::Mpnet => bert::mpnet(config),
        Family::ModernBert => rotary::modern_bert(config),
        Family::NomicBert => rotary::nomic_bert(config),
        Family::Qwen3 => decoders::qwen3(config),
        Family::Gemma3 => decoders::gemma3(config),
    }
}

/// A class for another task has other last layers.
fn check_class(config: &ConfigJson<'_>, family: &str) -> Result<()> {
    let names = config.texts("architectures")?.unwrap_or_default();
    let is_encoder = |name: &String| {
        name == TOKEN_CLASS
            || name
                .strip_prefix(family)
                .is_some_and(|rest| CLASSES.iter().any(|class| rest.ends_with(class)))
    };
    match names.iter().find(|name| !is_encoder(name)) {
        None => Ok(()),
        Some(other) => Err(config.wrong(&format!(
            "says that the model is a {other}, which is no encoder that can be imported"
        ))),
    }
}
