//! What a training changed of the language model, put into an index.

use std::sync::Arc;

use crate::format::BlobRole;
use crate::index::models::NewBlob;
use crate::index::writer::Writer;
use crate::model::language::{Adapter, BaseModel};
use crate::model::trust;
use crate::{Error, ErrorKind, Result};

impl Writer {
    /// Sets what changes the language model that answers queries, from the next commit on, in the
    /// place of the adapter that is there. This machine knows it from now on.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the index was made without a language model,
    /// [`ModelMismatch`](ErrorKind::ModelMismatch) when the adapter was trained for another one.
    pub fn set_adapter(&mut self, adapter: &Adapter) -> Result<()> {
        let snapshot = self.index().snapshot();
        let model = snapshot.params().language_model.as_ref().ok_or_else(|| {
            Error::invalid(
                "the index has no language model that an adapter could change: build it for one \
                 (IndexOptions::language_model, `zerogr build --retriever-model`)",
            )
        })?;
        check_base(
            adapter,
            &BaseModel {
                name: model.name.clone(),
                fingerprint: model.fingerprint.clone(),
            },
        )?;
        let bytes = Arc::new(adapter.to_bytes());
        let (name, media_type) = ("adapter.safetensors", "application/octet-stream");
        let blob = NewBlob::inside(BlobRole::Adapter, name, media_type, bytes);
        // Whoever puts it there trusts it. Without a list, opening the index asks.
        let _ = trust::remember(vec![blob.model_file()]);
        self.adapter = Some(Some(blob));
        Ok(())
    }

    /// Takes the adapter out, from the next commit on: the language model is as it was imported.
    pub fn remove_adapter(&mut self) {
        let snapshot = self.index().snapshot();
        let mut blobs = snapshot.state.stored.manifest().blobs.iter();
        let is_there = blobs.any(|blob| blob.role == BlobRole::Adapter);
        self.adapter = is_there.then_some(None);
    }
}

/// Refuses an adapter that was trained for another model than `model`.
pub(super) fn check_base(adapter: &Adapter, model: &BaseModel) -> Result<()> {
    let base = adapter.base();
    if base.fingerprint == model.fingerprint {
        return Ok(());
    }
    let message = format!(
        "the adapter was trained for the language model {} ({}), the index was made for {} ({}): \
         train one for the latter",
        base.name, base.fingerprint, model.name, model.fingerprint
    );
    Err(Error::new(ErrorKind::ModelMismatch, message))
}
