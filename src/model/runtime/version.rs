//! The version of an ONNX Runtime library, read from the file before it is loaded.
//!
//! Loading a library runs its code, and some versions must not be loaded as they are (too old,
//! or newer ones that report usage). The version is therefore taken from the bytes of the file:
//!
//! 1. on Linux every exported symbol carries the version node `VERS_1.NN.P`, near the start;
//! 2. else from the file name (`libonnxruntime.1.NN.P.dylib`, `libonnxruntime.so.1.NN.P`);
//! 3. else from the NUL-delimited literal `1.NN.P` that the library's own version call returns.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A version of ONNX Runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// How much of the file is searched for the version node; the table lies in its first pages.
const HEAD_BYTES: u64 = 1 << 20;
/// How much of the file is read at most; the largest library known has about 60 MB.
const WHOLE_BYTES: u64 = 512 << 20;

impl Version {
    /// Reads the version of the library at `path`, or `None` if the file does not say.
    pub(super) fn of_file(path: &Path) -> std::io::Result<Option<Version>> {
        let mut file = File::open(path)?;
        let mut bytes = Vec::new();
        file.by_ref().take(HEAD_BYTES).read_to_end(&mut bytes)?;
        if let Some(version) = after_marker(&bytes, b"VERS_") {
            return Ok(Some(version));
        }
        let real = std::fs::canonicalize(path)?;
        let name = real.file_name().unwrap_or_default().to_string_lossy();
        if let Some(version) = name
            .strip_prefix("libonnxruntime.so.")
            .or_else(|| name.strip_prefix("libonnxruntime."))
            .and_then(|rest| leading(rest.as_bytes()))
        {
            return Ok(Some(version));
        }
        file.take(WHOLE_BYTES).read_to_end(&mut bytes)?;
        Ok(literal(&bytes))
    }
}

/// The version that follows the first `marker` with a version behind it.
fn after_marker(bytes: &[u8], marker: &[u8]) -> Option<Version> {
    bytes
        .windows(marker.len())
        .enumerate()
        .filter(|(_, window)| *window == marker)
        .find_map(|(at, _)| leading(bytes.get(at + marker.len()..)?))
}

/// The version of the first NUL-delimited string `1.NN.P` with a two- or three-digit minor.
fn literal(bytes: &[u8]) -> Option<Version> {
    bytes
        .split(|&b| b == 0)
        .filter(|text| (6..=9).contains(&text.len()) && text.starts_with(b"1."))
        .filter(|text| text.iter().all(|b| b.is_ascii_digit() || *b == b'.'))
        .filter_map(leading)
        .find(|version| version.minor >= 10)
}

/// Parses `major.minor.patch` at the start of `bytes`.
fn leading(bytes: &[u8]) -> Option<Version> {
    let end = bytes
        .iter()
        .take(24)
        .position(|b| !b.is_ascii_digit() && *b != b'.')
        .unwrap_or(bytes.len().min(24));
    let text = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let mut parts = text
        .split('.')
        .filter(|part| !part.is_empty())
        .map(str::parse::<u32>);
    let mut next = || parts.next()?.ok();
    Some(Version {
        major: next()?,
        minor: next()?,
        patch: next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const V: Version = Version {
        major: 1,
        minor: 28,
        patch: 0,
    };

    #[test]
    fn reads_the_three_places() {
        assert_eq!(after_marker(b"xxVERS_yyVERS_1.28.0\0", b"VERS_"), Some(V));
        assert_eq!(leading(b"1.28.0.dylib"), Some(V));
        assert_eq!(leading(b"1.dylib"), None);
        assert_eq!(literal(b"a\x001.2.11\x001.28.0\0b"), Some(V));
        assert_eq!(literal(b"nothing here"), None);
    }

    #[test]
    fn a_text_file_has_no_version() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hello").unwrap();
        assert_eq!(Version::of_file(file.path()).unwrap(), None);
    }

    #[test]
    fn orders_by_number() {
        let older = Version {
            major: 1,
            minor: 9,
            patch: 9,
        };
        assert!(older < V);
        assert_eq!(V.to_string(), "1.28.0");
    }
}
