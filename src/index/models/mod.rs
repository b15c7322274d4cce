//! The models of an open index, each loaded when it is first needed.

pub(super) mod encoder;
#[cfg(feature = "models")]
pub(super) mod language;
mod new_blob;
mod no_encoder;
#[cfg(feature = "models")]
mod recorded;

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::options::OpenOptions;
use super::state::State;
use crate::Result;
use crate::encode::TextEncoder;
use crate::format::BlobRole;
pub(crate) use encoder::{Loaded, load_recorded};
#[cfg(feature = "models")]
use language::LanguageModelRetriever;
pub(super) use new_blob::NewBlob;
pub(super) use no_encoder::NoEncoder;
#[cfg(feature = "models")]
pub(super) use recorded::{adapter, remember};

/// How the models of one index are loaded, and those that are.
pub(super) struct Models {
    options: OpenOptions,
    encoder: OnceLock<Loaded>,
    #[cfg(feature = "models")]
    language: OnceLock<LanguageModelRetriever>,
    /// Held while a model is being loaded, so that it is loaded once.
    loading: Mutex<()>,
}

impl std::fmt::Debug for Models {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Models")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// By what the adapter of a state is told from others.
fn adapter_sha256(state: &State) -> Option<[u8; 32]> {
    let mut blobs = state.stored.manifest().blobs.iter();
    let adapter = blobs.find(|blob| blob.role == BlobRole::Adapter)?;
    Some(adapter.sha256)
}

impl Models {
    /// Models to be loaded as `options` say; the encoder may be loaded already.
    pub(super) fn new(options: OpenOptions, encoder: Option<Loaded>) -> Self {
        Models {
            options,
            encoder: encoder.map_or_else(OnceLock::new, OnceLock::from),
            #[cfg(feature = "models")]
            language: OnceLock::new(),
            loading: Mutex::new(()),
        }
    }

    /// The models of a later state of the same index: these, unless it has another encoder, or
    /// another adapter of its language model. `next` is that encoder, where this handle has made it
    /// so.
    pub(super) fn of_successor(
        self: &Arc<Self>,
        known: &State,
        state: &State,
        next: Option<&Loaded>,
    ) -> Arc<Self> {
        let (params, known_params) = (&state.params, &known.params);
        let is_same_encoder = (&known_params.encoder, &known_params.tokenizer)
            == (&params.encoder, &params.tokenizer);
        if is_same_encoder && adapter_sha256(known) == adapter_sha256(state) {
            return self.clone();
        }
        let is_its =
            |encoder: &Arc<dyn TextEncoder>| encoder.fingerprint() == params.encoder.fingerprint;
        let loaded = match is_same_encoder {
            true => self.encoder.get(),
            false => next.filter(|next| is_its(next.encoder.unchecked())),
        };
        let options = OpenOptions {
            encoder: self.options.encoder.clone().filter(is_its),
            ..self.options.clone()
        };
        Arc::new(Models::new(options, loaded.cloned()))
    }

    #[cfg(feature = "models")]
    pub(super) fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// The encoder that `state` was made with, and its docid tokenizer.
    ///
    /// # Errors
    ///
    /// `ModelMismatch` when it is another one, `UntrustedModel` when this machine does not know it,
    /// `Runtime`, `Device` or `Model` when it cannot be loaded.
    pub(super) fn encoder(&self, state: &State) -> Result<&Loaded> {
        let load = || load_recorded(&state.stored, &state.params, &self.options);
        self.loaded_once(&self.encoder, load)
    }

    /// The language model that `state` was made for.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when it was made for none; otherwise as [`Models::encoder`].
    #[cfg(feature = "models")]
    pub(super) fn language_model(&self, state: &State) -> Result<&LanguageModelRetriever> {
        let load = || LanguageModelRetriever::open(&state.stored, &state.params, &self.options);
        self.loaded_once(&self.language, load)
    }

    fn loaded_once<'m, T>(
        &self,
        model: &'m OnceLock<T>,
        load: impl FnOnce() -> Result<T>,
    ) -> Result<&'m T> {
        if let Some(loaded) = model.get() {
            return Ok(loaded);
        }
        let _loading = self.loading.lock();
        if let Some(loaded) = model.get() {
            return Ok(loaded);
        }
        let loaded = load()?;
        Ok(model.get_or_init(|| loaded))
    }
}
