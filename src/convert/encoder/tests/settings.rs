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
