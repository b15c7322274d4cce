//! Making sessions: what all models here ask of ONNX Runtime.

use std::path::Path;

use ort::editor::Model;
use ort::ep::CUDA;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::device::{CudaOptions, Device};
use super::load::Runtime;
use crate::model::onnx::{self, Weights};
use crate::store::regular_file;
use crate::{Error, ErrorKind, Result};

/// How a session is made.
#[derive(Debug, Clone, Copy)]
pub(in crate::model) struct SessionSettings<'a> {
    /// Threads of one run.
    pub(in crate::model) threads: usize,
    /// CUDA instead of the CPU; fails rather than falling back.
    pub(in crate::model) cuda: Option<CudaOptions>,
    /// Lay the weights out anew for faster products, which holds them in memory of the process
    /// instead of in pages of their file.
    pub(in crate::model) prepack: bool,
    /// Where files that the graph names as holding its weights are.
    pub(in crate::model) weights_folder: Option<&'a Path>,
}

/// Makes a session of the bytes of an ONNX graph, once they were looked at (`onnx`).
///
/// # Errors
///
/// [`ErrorKind::Device`] when CUDA was asked for and fails, [`ErrorKind::Model`] when the graph
/// or its weights are unusable.
pub(in crate::model) fn make_session(
    runtime: &Runtime,
    graph: &[u8],
    settings: &SessionSettings<'_>,
) -> Result<Session> {
    let beside = |name: &str| {
        let folder = settings.weights_folder?;
        let is_plain = Path::new(name).file_name() == Some(name.as_ref());
        let file = regular_file::open(&folder.join(name)).ok()?;
        file.metadata()
            .ok()
            .filter(|_| is_plain)
            .map(|file| file.len())
    };
    let weights = match settings.weights_folder {
        Some(_) => Weights::Beside(&beside),
        None => Weights::Inside,
    };
    onnx::check(graph, weights).map_err(|what| {
        let message = format!("the model's graph is refused: {what}");
        Error::new(ErrorKind::Model, message)
    })?;
    let session = builder(runtime, settings).and_then(|mut it| it.commit_from_memory(graph));
    session.map_err(|e| refused(settings, e))
}

/// Makes a session of a graph that is made here.
///
/// # Errors
///
/// As [`make_session`].
pub(in crate::model) fn session_of_model(
    runtime: &Runtime,
    settings: &SessionSettings<'_>,
    model: impl FnOnce() -> std::result::Result<Model, ort::Error>,
) -> Result<Session> {
    let session = builder(runtime, settings).and_then(|it| model()?.into_session(&it));
    session.map_err(|e| refused(settings, e))
}

fn refused(settings: &SessionSettings<'_>, e: ort::Error) -> Error {
    if settings.cuda.is_some() {
        let message = format!(
            "CUDA cannot be used ({e}); check the driver and the CUDA libraries, \
                 or choose the CPU"
        );
        Error::with_source(ErrorKind::Device, message, e)
    } else {
        let message = format!("ONNX Runtime refuses the model ({e}); check the file");
        Error::with_source(ErrorKind::Model, message, e)
    }
}

fn builder(
    runtime: &Runtime,
    settings: &SessionSettings<'_>,
) -> std::result::Result<SessionBuilder, ort::Error> {
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
    if let Some(options) = settings.cuda {
        let mut cuda = CUDA::default().with_device_id(i32::from(options.device_id));
        if let Some(limit) = options.memory_limit_bytes {
            cuda = cuda.with_memory_limit(limit);
        }
        // Without this a CUDA failure means a silent run on the CPU.
        let cuda = cuda.build().error_on_failure();
        builder = builder.with_execution_providers([cuda])?;
    }
    Ok(builder)
}

/// Makes something on the device asked for; also tells which CUDA device that is, if any.
///
/// # Errors
///
/// [`ErrorKind::Device`] when CUDA is asked for and the library has none, and those of `make`.
pub(in crate::model) fn on_device<T>(
    runtime: &Runtime,
    device: Device,
    make: impl Fn(Option<CudaOptions>) -> Result<T>,
) -> Result<(T, Option<CudaOptions>)> {
    let cpu = || Ok((make(None)?, None));
    let cuda = |options| Ok((make(Some(options))?, Some(options)));
    match device {
        Device::Cpu => cpu(),
        Device::Cuda(_) if !runtime.has_cuda() => Err(Error::new(
            ErrorKind::Device,
            format!(
                "{} was built without CUDA; set ZEROGR_ORT to a GPU build of ONNX Runtime, \
                 or choose the CPU",
                runtime.path().display()
            ),
        )),
        Device::Cuda(options) => cuda(options),
        Device::Auto if runtime.has_cuda() => {
            cuda(CudaOptions::default()).or_else(|_: Error| cpu())
        }
        Device::Auto => cpu(),
    }
}
