//! Where an extent is, as the manifest has it.

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::format::extent::ExtentRef;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy)]
#[repr(C)]
pub(super) struct RawRef {
    off: U64,
    len: U64,
    nonce: U64,
    header_crc: U32,
    reserved: U32,
}

pub(super) const NO_REF: RawRef = RawRef {
    off: U64::ZERO,
    len: U64::ZERO,
    nonce: U64::ZERO,
    header_crc: U32::ZERO,
    reserved: U32::ZERO,
};

impl From<ExtentRef> for RawRef {
    fn from(reference: ExtentRef) -> Self {
        RawRef {
            off: reference.off_bytes.into(),
            len: reference.len_bytes.into(),
            nonce: reference.nonce.into(),
            header_crc: reference.header_crc.into(),
            reserved: U32::ZERO,
        }
    }
}

impl RawRef {
    pub(super) fn get(&self) -> ExtentRef {
        ExtentRef {
            off_bytes: self.off.get(),
            len_bytes: self.len.get(),
            nonce: self.nonce.get(),
            header_crc: self.header_crc.get(),
        }
    }

    /// Offset 0 is a superblock, never an extent: it stands for "none".
    pub(super) fn get_optional(&self) -> Option<ExtentRef> {
        (self.off.get() != 0).then(|| self.get())
    }

    pub(super) fn from_optional(reference: Option<ExtentRef>) -> Self {
        reference.map_or(NO_REF, RawRef::from)
    }
}
