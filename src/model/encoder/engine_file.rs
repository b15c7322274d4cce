//! The settings of this engine alone, in a folder that was made for it.

use std::path::Path;

use serde_json::Value;

use super::settings_file::SettingsFile;
use crate::Result;
use crate::encode::LateInteraction;

/// The name of the file.
pub(crate) const ENGINE_FILE: &str = "zerogr-encoder.json";

/// What the makers of a folder for this engine found of it.
#[derive(Debug, Default)]
pub(super) struct EngineSettings {
    /// What BM25 counts beside the encoder in planned search.
    pub(super) prior_share: Option<f64>,
    /// How queries and documents are read, if tokens are what it was trained to compare.
    pub(super) late_interaction: Option<LateInteraction>,
}

impl EngineSettings {
    /// Those of a folder; none without the file.
    pub(super) fn read(dir: &Path) -> Result<EngineSettings> {
        let Some(settings) = SettingsFile::read(dir, ENGINE_FILE)? else {
            return Ok(EngineSettings::default());
        };
        settings.only(&["prior_share", "late_interaction"])?;
        let prior_share = match settings.get("prior_share").map(Value::as_f64) {
            None => None,
            Some(Some(share)) if (0.0..=1.0).contains(&share) => Some(share),
            Some(_) => return settings.wrong("prior_share is no number from 0 to 1"),
        };
        let late_interaction = settings.get("late_interaction").cloned();
        let late_interaction = match late_interaction.map(serde_json::from_value).transpose() {
            Ok(found) => found,
            Err(error) => return settings.wrong(format!("late_interaction: {error}")),
        };
        Ok(EngineSettings {
            prior_share,
            late_interaction,
        })
    }
}
