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
    /// The first CUDA device; an error of kind [`Device`](crate::ErrorKind::Device) when it
    /// cannot be used.
    Cuda,
}

/// How an [`Encoder`](super::Encoder) uses the machine. None of it changes which text a vector
/// stands for; see the encoder for the float noise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct EncoderOptions {
    /// Which hardware to use.
    pub device: Device,
    /// Threads in all; 0 means one per core.
    pub threads: usize,
    /// Independent sessions that work side by side, each with an equal share of the threads and
    /// its own copy of the weights; 0 means the measured default.
    pub sessions: usize,
    /// Most texts in one run of the model; 0 means the measured default.
    pub batch_texts: usize,
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

    /// Sets the most texts in one run of the model; 0 means the measured default.
    pub fn batch_texts(mut self, batch_texts: usize) -> Self {
        self.batch_texts = batch_texts;
        self
    }

    /// (sessions, threads of each session) on this machine.
    pub(super) fn layout(&self, on_gpu: bool) -> (usize, usize) {
        let cores = thread::available_parallelism().map_or(1, |n| n.get());
        let threads = if self.threads == 0 {
            cores
        } else {
            self.threads
        };
        let sessions = match self.sessions {
            _ if on_gpu => 1,
            0 => threads.min(MAX_DEFAULT_SESSIONS),
            n => n.min(threads),
        };
        (sessions, (threads / sessions).max(1))
    }

    /// Most texts in one run.
    pub(super) fn batch_texts_or_default(&self) -> usize {
        if self.batch_texts == 0 {
            DEFAULT_BATCH_TEXTS
        } else {
            self.batch_texts
        }
    }
}

/// Sessions cost memory (a copy of the weights each), and beyond a few the memory bus is shared.
const MAX_DEFAULT_SESSIONS: usize = 4;

/// See the measurements in the encoder's module head.
const DEFAULT_BATCH_TEXTS: usize = 32;
