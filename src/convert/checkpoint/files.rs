//! Opening what a checkpoint consists of. A file that is not what its name says, but something
//! that is well known, is named for what it is.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::store::regular_file;
use crate::{Error, ErrorKind, Result};

/// The longest settings or tokenizer file that is read.
pub(in crate::convert) const MOST_JSON_BYTES: u64 = 256 << 20;

/// How a file begins that stands for another one in a Git repository.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// How the ends of names begin that programs give to what is not a whole file: part, partial,
/// part1of2, incomplete, crdownload, aria2, download.
const NOT_WHOLE: [&str; 5] = ["part", "incomplete", "crdownload", "aria2", "download"];

/// Opens a regular file.
///
/// # Errors
///
/// [`ErrorKind::NotFound`] when there is none; [`ErrorKind::Model`] when it is not whole or stands for another file; [`ErrorKind::Io`] when it cannot be opened.
pub(in crate::convert) fn open(path: &Path) -> Result<File> {
    let file = regular_file::open(path).map_err(|e| Error::io("opening", path, e))?;
    check_whole(path)?;
    let mut start = Vec::new();
    let length = LFS_POINTER.len() as u64;
    let read = (&file).take(length).read_to_end(&mut start);
    let rewound = read.and_then(|_| io::Seek::rewind(&mut &file));
    rewound.map_err(|e| Error::io("reading", path, e))?;
    check_pointer(path, &start)?;
    Ok(file)
}

/// The content of a settings or tokenizer file, or `None` when there is none.
///
/// # Errors
///
/// Those of [`open`] but for the file that is missing.
pub(in crate::convert) fn read_if_present(path: &Path) -> Result<Option<Vec<u8>>> {
    match regular_file::read(path, MOST_JSON_BYTES) {
        Ok(bytes) => {
            check_pointer(path, &bytes)?;
            Ok(Some(bytes))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("reading", path, e)),
    }
}

fn check_whole(path: &Path) -> Result<()> {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let extension = extension.to_ascii_lowercase();
    if !NOT_WHOLE.iter().any(|start| extension.starts_with(start)) {
        return Ok(());
    }
    let message = format!(
        "{} is a part of a file, or a download that was not finished: join the parts, or download \
         it again",
        path.display()
    );
    Err(Error::new(ErrorKind::Model, message))
}

fn check_pointer(path: &Path, start: &[u8]) -> Result<()> {
    if !start.starts_with(LFS_POINTER) {
        return Ok(());
    }
    let message = format!(
        "{} is a pointer of Git LFS and not the file itself: run `git lfs pull` where it was \
         cloned, or download the file",
        path.display()
    );
    Err(Error::new(ErrorKind::Model, message))
}

/// SHA-256 of files, one after the other.
pub(in crate::convert) fn sha256_of(files: &[PathBuf]) -> Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    for path in files {
        let failed = |e: io::Error| Error::io("reading", path, e);
        let mut file = open(path)?;
        loop {
            match file.read(&mut buffer).map_err(failed)? {
                0 => break,
                n => hash.update(buffer.get(..n).unwrap_or_default()),
            }
        }
    }
    Ok(format!("{:x}", hash.finalize()))
}
