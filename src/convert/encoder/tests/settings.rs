//! Every key of every family's table is read, changes nothing, or is refused by its name.

use std::path::Path;

use serde_json::{Value, json};

use super::checkpoint::{FAMILIES, small};
use crate::convert::checkpoint::settings::{Meaning, Off};
use crate::convert::encoder::config::EncoderConfig;
use crate::convert::encoder::families::{self, Family, keys_of};
use crate::convert::hugging_face::config_json::ConfigJson;

fn read(config: &Value) -> crate::Result<EncoderConfig> {
    let values = config.as_object().unwrap().clone();
    families::encoder(&ConfigJson::new(Path::new(""), values))
}

/// `transformers` 5 writes kinds of layers and bases of rotary positions in another way.
#[test]
fn both_writings_of_kinds_and_rotary_bases_are_the_same_encoder() {
    let bases = |full: f64, sliding: f64| {
        let rope = |theta: f64| json!({"rope_theta": theta, "rope_type": "default"});
        json!({"full_attention": rope(full), "sliding_attention": rope(sliding)})
    };
    for (family, older, kinds) in [
        (
            "modernbert",
            &[
                "global_rope_theta",
                "local_rope_theta",
                "global_attn_every_n_layers",
            ][..],
            json!([
                "full_attention",
                "sliding_attention",
                "sliding_attention",
                "full_attention"
            ]),
        ),
        (
            "gemma3_text",
            &["rope_theta", "rope_local_base_freq"],
            json!(["sliding_attention", "sliding_attention", "full_attention"]),
        ),
    ] {
        let (plain, _) = small(family);
        let usual = read(&plain).unwrap();
        let bases = match family {
            "modernbert" => bases(160_000.0, 10_000.0),
            _ => bases(1_000_000.0, 10_000.0),
        };
        let mut both = plain.clone();
        both["rope_parameters"] = bases.clone();
        both["layer_types"] = kinds.clone();
        assert_eq!(read(&both).unwrap(), usual, "{family}");
        let mut newer = both.clone();
        for key in older {
            newer.as_object_mut().unwrap().remove(*key);
        }
        assert_eq!(read(&newer).unwrap(), usual, "{family}");
        let with = |place: &[&str], value: Value| {
            let mut changed = newer.clone();
            let last = place.iter().fold(&mut changed, |at, key| &mut at[*key]);
            *last = value;
            read(&changed)
        };
        // What differs is read: another base, another kind.
        let place = ["rope_parameters", "sliding_attention", "rope_theta"];
        assert_ne!(with(&place, json!(5_000.0)).unwrap(), usual, "{family}");
        let mut others = kinds.clone();
        others[1] = json!("full_attention");
        assert_ne!(with(&["layer_types"], others).unwrap(), usual, "{family}");
        // One base that is not said is the usual one.
        let place = ["rope_parameters", "full_attention"];
        assert_eq!(with(&place, Value::Null).unwrap(), usual, "{family}");
        let refused = |found: crate::Result<EncoderConfig>, said: &str| {
            let error = found.unwrap_err().to_string();
            assert!(error.contains(said), "{family} {said}: {error}");
        };
        let place = |key| ["rope_parameters", "full_attention", key];
        refused(with(&place("rope_type"), json!("yarn")), "full_attention");
        refused(with(&place("factor"), json!(2.0)), "full_attention");
        refused(with(&place("unheard_of"), json!(1)), "unheard_of");
        refused(with(&place("rope_theta"), json!("1")), "rope_theta");
        refused(with(&["rope_parameters", "other"], json!({})), "other");
        refused(
            with(&["layer_types"], json!(["full_attention"])),
            "layer_types",
        );
        let mut differing = both.clone();
        differing[older[1]] = json!(77.0);
        refused(read(&differing), older[1]);
    }
}

#[test]
fn every_key_is_read_or_changes_nothing_or_is_refused_by_name() {
    let strange = json!({"strange": [1]});
    for family in FAMILIES {
        let (plain, _) = small(family);
        let usual = read(&plain).unwrap();
        let with = |key: &str, value: Value| {
            let mut config = plain.clone();
            config[key] = value;
            read(&config)
        };
        let refused = |key: &str, value: Value| {
            let error = with(key, value).unwrap_err().to_string();
            assert!(error.contains(key), "{family} {key}: {error}");
        };
        // The table of Qwen 3 is that of decoders, which has a test of its own.
        let is_decoder = family == "qwen3";
        for (key, meaning) in keys_of(Family::from_name(family).unwrap()) {
            match meaning {
                _ if is_decoder => {}
                // The name of the family comes from it.
                Meaning::Read if *key == "model_type" => {}
                Meaning::Read => refused(key, strange.clone()),
                Meaning::Irrelevant(why) => {
                    assert!(why.contains(' '), "{key}: {why}");
                    assert!(
                        with(key, strange.clone()).unwrap() == usual,
                        "{family} {key}"
                    );
                }
                Meaning::Off(values, _) => {
                    refused(key, strange.clone());
                    for off in *values {
                        let value = match off {
                            Off::Null => Value::Null,
                            Off::False => json!(false),
                            Off::True => json!(true),
                            Off::Number(number) => json!(number),
                            Off::Text(text) => json!(text),
                            Off::Empty => json!([]),
                        };
                        assert!(with(key, value).unwrap() == usual, "{family} {key}");
                    }
                }
            }
        }
        refused("unheard_of", json!(1));
    }
}
