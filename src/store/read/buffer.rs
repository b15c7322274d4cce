//! A heap buffer that starts on a multiple of 64 bytes, like a section does in its file.

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::error::{Error, Result};

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// `len` bytes, 64-byte aligned.
#[derive(Debug)]
pub(in crate::store) struct AlignedBuffer {
    lines: Vec<Line>,
    len: usize,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

impl AlignedBuffer {
    /// A buffer of zeros for `len_bytes` of a file.
    ///
    /// # Errors
    /// `Limit` when the address space or the memory cannot hold them.
    pub(in crate::store) fn zeroed(len_bytes: u64) -> Result<Self> {
        let too_large = || {
            Error::limit(format!(
                "{len_bytes} bytes of the index do not fit this machine's memory; open it mapped"
            ))
        };
        let len = usize::try_from(len_bytes).map_err(|_| too_large())?;
        let count = len.div_ceil(64);
        let mut lines = Vec::new();
        lines.try_reserve_exact(count).map_err(|_| too_large())?;
        lines.resize(count, Line::new_zeroed());
        Ok(AlignedBuffer { lines, len })
    }

    pub(in crate::store) fn bytes(&self) -> &[u8] {
        self.lines
            .as_slice()
            .as_bytes()
            .get(..self.len)
            .unwrap_or_default()
    }

    pub(in crate::store) fn bytes_mut(&mut self) -> &mut [u8] {
        self.lines
            .as_mut_slice()
            .as_mut_bytes()
            .get_mut(..self.len)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_zeroed_and_exactly_as_long_as_asked() {
        for len in [0u64, 1, 63, 64, 65, 5000] {
            let mut buffer = AlignedBuffer::zeroed(len).unwrap();
            assert_eq!(buffer.bytes().len() as u64, len);
            assert_eq!(buffer.bytes_mut().len() as u64, len);
            assert!(buffer.bytes().iter().all(|&byte| byte == 0));
            assert!(len == 0 || (buffer.bytes().as_ptr() as usize).is_multiple_of(64));
        }
        assert!(
            AlignedBuffer::zeroed(u64::MAX)
                .unwrap_err()
                .is_invalid_input()
        );
    }
}
