//! `--device`: where models run.

use zerogr::model::Device;

/// Where the encoder runs.
#[derive(clap::Args, Clone, Copy)]
pub struct DeviceArg {
    /// Where models run; `cuda` fails rather than falling back.
    #[arg(long, value_enum, default_value_t = Kind::Auto)]
    device: Kind,
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
            Kind::Cuda => Device::Cuda,
        }
    }
}
