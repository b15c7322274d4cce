//! Where a model runs and with how many threads.

use std::thread;

/// Which hardware runs the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Device {
    /// CUDA if the loaded ONNX Runtime has it and a GPU answers, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device; an error of kind [`Device`](crate::ErrorKind::Device) when it cannot be
    /// used.
    Cuda(CudaOptions),
}

/// Which CUDA device, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct CudaOptions {
    /// Number of the device; the first is 0.
    pub device_id: u16,
    /// Most memory of the device that a session of ONNX Runtime may take for itself, in bytes; all
    /// of it if not set. A language model has three: one for its graph, two that move its caches.
    pub memory_limit_bytes: Option<usize>,
}

impl CudaOptions {
    /// The first device, all of its memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of the device.
    pub fn device_id(mut self, device_id: u16) -> Self {
        self.device_id = device_id;
        self
    }

    /// Sets the most memory that may be taken, in bytes.
    pub fn memory_limit_bytes(mut self, memory_limit_bytes: usize) -> Self {
        self.memory_limit_bytes = Some(memory_limit_bytes);
        self
    }
}

/// How an [`Encoder`](crate::model::Encoder) uses the machine. None of it changes which text a vector
/// stands for; see the encoder for the float noise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct EncoderOptions {
    /// Which hardware to use.
    pub device: Device,
    /// Threads in all; 0 means one per core.
    pub threads: usize,
    /// Independent sessions that share a bulk job, and that queries of several threads run on
    /// side by side; 0 means the measured default. Each holds a copy of the weights: those of a
    /// bulk job while it lasts, those of queries once threads had to wait for each other.
    pub sessions: usize,
    /// Most tokens, padding included, in one run of the model on CUDA; 0 means the measured default.
    /// On a CPU every text has a run of its own.
    pub batch_tokens: usize,
}

impl EncoderOptions {
    /// The defaults: automatic device, one thread per core.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses the hardware.
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Sets the number of threads in all; 0 means one per core.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the number of sessions; 0 means the measured default.
    pub fn sessions(mut self, sessions: usize) -> Self {
        self.sessions = sessions;
        self
    }

    /// Sets the most tokens in one run of the model on CUDA; 0 means the measured default.
    pub fn batch_tokens(mut self, batch_tokens: usize) -> Self {
        self.batch_tokens = batch_tokens;
        self
    }

    /// Threads in all.
    pub(in crate::model) fn threads_or_default(&self) -> usize {
        threads_or_cores(self.threads)
    }

    /// Sessions for a bulk job, and at most for queries.
    pub(in crate::model) fn sessions_or_default(&self, on_cuda: bool) -> usize {
        let threads = self.threads_or_default();
        match self.sessions {
            _ if on_cuda => 1,
            0 => threads.min(MAX_DEFAULT_SESSIONS),
            n => n.min(threads),
        }
    }

    /// Most tokens in one run, which has a text at least.
    pub(in crate::model) fn batch_tokens_or_default(&self, on_cuda: bool) -> usize {
        match self.batch_tokens {
            _ if !on_cuda => 1,
            0 => 16_384,
            n => n,
        }
    }
}

/// `threads`, or one per core if that is 0.
pub(in crate::model) fn threads_or_cores(threads: usize) -> usize {
    match threads {
        0 => thread::available_parallelism().map_or(1, |n| n.get()),
        n => n,
    }
}

/// Sessions cost memory, a copy of the weights each.
const MAX_DEFAULT_SESSIONS: usize = 16;
