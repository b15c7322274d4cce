//! Making sessions: what all models here ask of ONNX Runtime.

use std::path::Path;

use ort::ep::CUDA;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;

use super::device::Device;
use super::runtime::Runtime;
use crate::{Error, ErrorKind, Result};

/// How a session is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct SessionSettings<'a> {
    /// Threads of one run.
    pub(super) threads: usize,
    /// CUDA instead of the CPU; fails rather than falling back.
    pub(super) on_cuda: bool,
    /// Lay the weights out anew for faster products, which holds them in memory of the process
    /// instead of in pages of their file.
    pub(super) prepack: bool,
    /// Where files that the graph names as holding its weights are.
    pub(super) weights_folder: Option<&'a Path>,
}

/// Makes a session of the bytes of an ONNX graph.
///
/// # Errors
///
/// [`ErrorKind::Device`] when CUDA was asked for and fails, [`ErrorKind::Model`] when the graph
/// or its weights are unusable.
pub(super) fn make_session(
    runtime: &Runtime,
    graph: &[u8],
    settings: &SessionSettings<'_>,
) -> Result<Session> {
    build(runtime, graph, settings).map_err(|e| {
        if settings.on_cuda {
            let message = format!(
                "CUDA cannot be used ({e}); check the driver and the CUDA libraries, \
                 or choose the CPU"
            );
            Error::with_source(ErrorKind::Device, message, e)
        } else {
            let message = format!("ONNX Runtime refuses the model ({e}); check the file");
            Error::with_source(ErrorKind::Model, message, e)
        }
    })
}

fn build(
    runtime: &Runtime,
    graph: &[u8],
    settings: &SessionSettings<'_>,
) -> std::result::Result<Session, ort::Error> {
    let mut builder = Session::builder(runtime.environment())?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(settings.threads)?
        .with_inter_threads(1)?
        // Spinning threads take the cores from whoever shares them.
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        // Every batch has another shape, so remembered layouts would only pile up.
        .with_memory_pattern(false)?
        .with_prepacking(settings.prepack)?;
    if let Some(folder) = settings.weights_folder {
        let folder = folder
            .to_str()
            .ok_or_else(|| ort::Error::new(format!("{} is not valid Unicode", folder.display())))?;
        let key = "session.model_external_initializers_file_folder_path";
        builder = builder.with_config_entry(key, folder)?;
    }
    if settings.on_cuda {
        // Without this a CUDA failure means a silent run on the CPU.
        let cuda = CUDA::default().build().error_on_failure();
        builder = builder.with_execution_providers([cuda])?;
    }
    builder.commit_from_memory(graph)
}

/// Makes something on the device asked for; also tells whether that is CUDA.
///
/// # Errors
///
/// [`ErrorKind::Device`] when CUDA is asked for and the library has none, and those of `make`.
pub(super) fn on_device<T>(
    runtime: &Runtime,
    device: Device,
    make: impl Fn(bool) -> Result<T>,
) -> Result<(T, bool)> {
    let cpu = || Ok((make(false)?, false));
    let cuda = || Ok((make(true)?, true));
    match device {
        Device::Cpu => cpu(),
        Device::Cuda if !runtime.has_cuda() => Err(Error::new(
            ErrorKind::Device,
            format!(
                "{} was built without CUDA; set ZEROGR_ORT to a GPU build of ONNX Runtime, \
                 or choose the CPU",
                runtime.path().display()
            ),
        )),
        Device::Cuda => cuda(),
        Device::Auto if runtime.has_cuda() => cuda().or_else(|_: Error| cpu()),
        Device::Auto => cpu(),
    }
}
