//! `--device`: where models run.

use zerogr::raw::model::{CudaOptions, Device};

/// Where the encoder runs.
#[derive(clap::Args, Clone, Copy)]
pub struct DeviceArg {
    /// Where models run; `cuda` fails rather than falling back.
    #[arg(long, value_enum, default_value_t = Kind::Auto)]
    device: Kind,
    /// Number of the CUDA device.
    #[arg(long, default_value_t = 0, value_name = "N")]
    cuda_device: u16,
    /// Most memory of the CUDA device to take, in MB.
    #[arg(long, value_name = "MB")]
    cuda_memory_mb: Option<usize>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    Auto,
    Cpu,
    Cuda,
}

impl DeviceArg {
    /// The library's name for it.
    pub fn device(self) -> Device {
        match self.device {
            Kind::Auto => Device::Auto,
            Kind::Cpu => Device::Cpu,
            Kind::Cuda => {
                let mut options = CudaOptions::new().device_id(self.cuda_device);
                options.memory_limit_bytes = self
                    .cuda_memory_mb
                    .map(|megabytes| megabytes.saturating_mul(1_000_000));
                Device::Cuda(options)
            }
        }
    }
}
