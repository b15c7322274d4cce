//! The files of a folder, one by one, for who keeps an index in step with them.

use std::path::{Path, PathBuf};

use super::file_kind::FileKind;
use super::folder::{Found, PassedOver, list_folder};
use super::sources::{Source, id_below};
use crate::{Error, Result};

/// A file of a folder: one document, or a table of them.
#[derive(Debug, Clone)]
pub struct FolderFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its path below the folder, with `/` on every platform.
    pub id: String,
    kind: FileKind,
}

impl FolderFile {
    pub(super) fn source(&self) -> Source {
        Source::File {
            kind: self.kind,
            path: self.path.clone(),
            id: self.id.clone(),
        }
    }
}

/// What a folder holds, without a look at what is in the files.
#[derive(Debug, Default)]
pub struct FolderFiles {
    /// What can be read, in the order of the ids.
    pub files: Vec<FolderFile>,
    /// What cannot be read, a file or a folder, and why: its path below the folder where that is text.
    pub unreadable: Vec<(Option<String>, Error)>,
    /// Links to folders, which are not followed.
    pub left_out: Vec<Error>,
    /// What is not read by rule.
    pub passed_over: PassedOver,
}

impl FolderFiles {
    /// Lists a folder as [`DocumentReader::open`](super::DocumentReader::open) does.
    ///
    /// # Errors
    ///
    /// There is no such folder, it may not be listed, or it has no files that are read.
    pub fn list(folder: impl AsRef<Path>) -> Result<Self> {
        let mut listed = FolderFiles::default();
        for found in list_folder(folder.as_ref(), &mut listed.passed_over)? {
            match found {
                Found::File { kind, path, below } => match id_below(Path::new(""), &below) {
                    Some(id) => listed.files.push(FolderFile { path, id, kind }),
                    None => {
                        let path = path.display();
                        let message =
                            format!("{path}: the name is not valid UTF-8; rename the file");
                        listed.unreadable.push((None, Error::invalid(message)));
                    }
                },
                Found::Bad { below, error } => {
                    let id = id_below(Path::new(""), &below);
                    listed.unreadable.push((id, error));
                }
                Found::LeftOut(error) => listed.left_out.push(error),
            }
        }
        Ok(listed)
    }
}
