//! Opening a decoder graph on the hardware asked for.

use std::path::Path;
use std::sync::Arc;

use ort::session::Session;

use super::kv_device::KvDevice;
use super::kv_shape::KvShape;
use crate::Error;
use crate::Result;
use crate::model::runtime::Runtime;
use crate::model::runtime::device::{CudaOptions, Device, threads_or_cores};
use crate::model::runtime::session::{SessionSettings, make_session, on_device};

/// How a decoder uses the machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct DecoderOptions {
    /// Which hardware to use.
    pub device: Device,
    /// Threads of one pass; 0 means one per core.
    pub threads: usize,
    /// Lay the weights out anew when the model is opened: faster products, for a copy of the
    /// weights in memory that is not shared and the time to make it. 4-bit weights always are.
    pub prepack: bool,
    /// On the CPU, take the graph for CUDA and move caches as there: for tests.
    #[doc(hidden)]
    pub rehearse_cuda: bool,
}

impl DecoderOptions {
    /// Any device, one thread per core, weights left in their file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses the hardware.
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Sets the number of threads; 0 means one per core.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Sets whether the weights are laid out anew.
    pub fn prepack(mut self, prepack: bool) -> Self {
        self.prepack = prepack;
        self
    }

    /// Sets whether the CPU does what CUDA would.
    #[doc(hidden)]
    pub fn rehearse_cuda(mut self, rehearse_cuda: bool) -> Self {
        self.rehearse_cuda = rehearse_cuda;
        self
    }

    pub(in crate::model::language) fn threads_or_default(&self) -> usize {
        threads_or_cores(self.threads)
    }
}

/// Opens a session of a decoder on the device asked for. `graph` gives its bytes, for CUDA if it
/// is told so.
pub(in crate::model::language) fn open_session(
    graph: &dyn Fn(bool) -> Result<Vec<u8>>,
    weights_folder: &Path,
    options: &DecoderOptions,
) -> Result<(Session, Option<CudaOptions>)> {
    let runtime = Runtime::load(None)?;
    // A relative path would be taken as relative to the graph, which has no place.
    let folder = std::path::absolute(weights_folder)
        .map_err(|e| Error::io("resolving", weights_folder, e))?;
    on_device(runtime, options.device, |cuda| {
        let settings = SessionSettings {
            threads: options.threads_or_default(),
            cuda,
            prepack: options.prepack,
            weights_folder: Some(&folder),
        };
        make_session(runtime, &graph(cuda.is_some())?, &settings)
    })
}

/// What moves the caches of a decoder, where the program itself cannot.
pub(in crate::model::language) fn kv_device(
    shape: KvShape,
    cuda: Option<CudaOptions>,
    options: &DecoderOptions,
) -> Result<Option<Arc<KvDevice>>> {
    if cuda.is_none() && !options.rehearse_cuda {
        return Ok(None);
    }
    KvDevice::open(Runtime::load(None)?, shape, cuda).map(Some)
}
