//! Looking at the file of a shared library before it is loaded.
//!
//! Loading maps the file, and a page that is missing at its end ends the process with a signal, in
//! the middle of whatever it did. A download that was cut short, or a full disk, leaves such files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use object::read::{Object, ObjectSection, ObjectSegment};
use sha2::{Digest, Sha256};

use super::cache;
use crate::store::regular_file;

/// Checks that the library at `path` is whole: the one that `zerogr setup` installs by its hash,
/// any other by what its own headers say of its length.
///
/// # Errors
///
/// What is wrong, in words.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let file = regular_file::open(path).map_err(|error| error.to_string())?;
    let is_installed = cache::runtime_dir().is_ok_and(|folder| path.parent() == Some(&*folder));
    match cache::RUNTIME_SHA256.filter(|_| is_installed) {
        Some(expected) => {
            let found = sha256(file).map_err(|error| error.to_string())?;
            match found == expected {
                true => Ok(()),
                false => Err("it is not the file that was installed, or damaged".to_owned()),
            }
        }
        None => is_whole(file),
    }
}

fn sha256(mut file: File) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(format!("{:x}", hash.finalize())),
            count => hash.update(buffer.get(..count).unwrap_or_default()),
        }
    }
}

/// Whether everything that the headers name lies within the file.
fn is_whole(file: File) -> Result<(), String> {
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    let len_bytes = metadata.len();
    let cache = object::ReadCache::new(file);
    let unreadable = |error: object::Error| format!("it is no whole shared library: {error}");
    let kind = object::FileKind::parse(&cache).map_err(unreadable)?;
    // Libraries for several processors in one file; the loader checks its tables.
    if matches!(
        kind,
        object::FileKind::MachOFat32 | object::FileKind::MachOFat64
    ) {
        return Ok(());
    }
    let library = object::File::parse(&cache).map_err(unreadable)?;
    let segments = library.segments().map(|segment| segment.file_range());
    let sections = library
        .sections()
        .filter_map(|section| section.file_range());
    for (off_bytes, part_bytes) in segments.chain(sections) {
        let end = off_bytes.saturating_add(part_bytes);
        if end > len_bytes {
            return Err(format!(
                "it is cut short: it has {len_bytes} bytes, and a part of it ends at {end}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test program is a whole object file too.
    #[test]
    fn an_object_file_cut_anywhere_is_not_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("library");
        let whole = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        std::fs::write(&path, &whole).unwrap();
        check(&path).unwrap();
        for eighth in 0..8 {
            std::fs::write(&path, &whole[..whole.len() / 8 * eighth]).unwrap();
            check(&path).unwrap_err();
        }
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        check(&path).unwrap_err();
    }
}
