//! One run of a session whose outputs stay where they are wanted.

use std::borrow::Cow;

use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{Session, SessionInputValue};
use ort::value::DynValue;

use crate::model::runtime::device::CudaOptions;

/// The memory of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model::language) enum Memory {
    /// That of the process.
    Host,
    /// That of a CUDA device, by its number.
    Cuda(u16),
}

impl Memory {
    /// The memory of the device in use.
    pub(in crate::model::language) fn of(cuda: Option<CudaOptions>) -> Memory {
        cuda.map_or(Memory::Host, |options| Memory::Cuda(options.device_id))
    }

    fn info(self) -> ort::Result<MemoryInfo<'static>> {
        let (device, number) = match self {
            Memory::Host => (AllocationDevice::CPU, 0),
            Memory::Cuda(number) => (AllocationDevice::CUDA, i32::from(number)),
        };
        MemoryInfo::new(device, number, AllocatorType::Device, MemoryType::Default)
    }
}

/// An input by its name.
pub(in crate::model::language) type Input<'a> = (Cow<'a, str>, SessionInputValue<'a>);

/// Runs a session; gives the outputs asked for, in that order, each in the memory asked for.
/// Inputs are taken from wherever they are; they must own their values, because `ort` 2.0.0-rc.15
/// copies others under a lock that copying takes again.
pub(in crate::model::language) fn run_bound(
    session: &mut Session,
    inputs: &[Input<'_>],
    outputs: &[(&str, Memory)],
) -> ort::Result<Vec<DynValue>> {
    let mut binding = session.create_binding()?;
    for (name, value) in inputs {
        binding.bind_input(name.as_ref(), value)?;
    }
    for &(name, memory) in outputs {
        binding.bind_output_to_device(name, &memory.info()?)?;
    }
    let mut values = session.run_binding(&binding)?;
    let taken = outputs.iter().map(|&(name, _)| {
        let value = values.remove(name);
        value.ok_or_else(|| ort::Error::new(format!("the graph gave no {name}")))
    });
    taken.collect()
}
