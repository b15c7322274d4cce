//! What the inputs of one reading are: files of lines, standard input, other files and folders of
//! them, which are listed here.
//!
//! The id of a file that is a document is its path below the deepest folder that holds all such files and
//! folders given. So one folder gives paths below itself, and two folders with a file of the same
//! name give two ids.
//!
//! ```text
//! notes                    a.md  deep/b.md
//! one two                  one/README.md  two/README.md
//! one/README.md page.md    one/README.md  page.md
//! ```

use std::collections::VecDeque;
use std::path::{Component, Path, PathBuf};

use super::file_kind::FileKind;
use super::folder::{Found, PassedOver, list_folder};
use crate::{Error, ErrorKind, Result};

/// Something to read documents from.
pub(super) enum Source {
    Lines(PathBuf),
    StandardInput,
    File {
        kind: FileKind,
        path: PathBuf,
        id: String,
    },
    /// It cannot be read, which is known without opening it.
    Bad(Error),
    /// It is left out by rule.
    LeftOut(Error),
}

/// The sources of an input, in order.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) list: VecDeque<Source>,
    /// Bytes of all files; unknown with standard input.
    pub(super) bytes_total: Option<u64>,
    /// What is not read of the folders.
    pub(super) passed_over: PassedOver,
}

impl Sources {
    /// Lists `paths`; `-` is standard input.
    pub(super) fn of<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self> {
        let paths: Vec<P> = paths.into_iter().collect();
        let mut inputs = Vec::with_capacity(paths.len());
        let mut has_standard_input = false;
        for path in &paths {
            let given = Given::of(path.as_ref())?;
            let is_standard_input = matches!(given, Given::StandardInput);
            if is_standard_input && has_standard_input {
                return Err(Error::invalid(
                    "`-` is given twice, and standard input can only be read once: leave one out",
                ));
            }
            has_standard_input |= is_standard_input;
            inputs.push(given);
        }
        let root = common_root(&inputs);
        let mut sources = Sources {
            list: VecDeque::new(),
            bytes_total: (!has_standard_input).then_some(0),
            passed_over: PassedOver::default(),
        };
        for given in inputs {
            match given {
                Given::StandardInput => sources.list.push_back(Source::StandardInput),
                Given::Lines(path) => {
                    sources.count(&path)?;
                    sources.list.push_back(Source::Lines(path));
                }
                Given::File {
                    kind,
                    path,
                    absolute,
                } => sources.push_file(kind, path, &absolute, &root)?,
                Given::Folder { path, absolute } => {
                    for found in list_folder(&path, &mut sources.passed_over)? {
                        match found {
                            Found::File { kind, path, below } => {
                                sources.push_file(kind, path, &absolute.join(below), &root)?;
                            }
                            Found::Bad { error, .. } => sources.list.push_back(Source::Bad(error)),
                            Found::LeftOut(error) => sources.list.push_back(Source::LeftOut(error)),
                        }
                    }
                }
            }
        }
        Ok(sources)
    }

    fn count(&mut self, path: &Path) -> Result<()> {
        let file = std::fs::metadata(path).map_err(|error| opening(path, error))?;
        self.bytes_total = self
            .bytes_total
            .map(|total| total.saturating_add(file.len()));
        Ok(())
    }

    fn push_file(
        &mut self,
        kind: FileKind,
        path: PathBuf,
        absolute: &Path,
        root: &Path,
    ) -> Result<()> {
        let source = match id_below(root, absolute) {
            Some(id) => {
                self.count(&path)?;
                Source::File { kind, path, id }
            }
            None => Source::Bad(Error::invalid(format!(
                "{}: the name is not valid UTF-8; rename the file",
                path.display()
            ))),
        };
        self.list.push_back(source);
        Ok(())
    }
}

/// A path that was given.
enum Given {
    StandardInput,
    Lines(PathBuf),
    File {
        kind: FileKind,
        path: PathBuf,
        absolute: PathBuf,
    },
    Folder {
        path: PathBuf,
        absolute: PathBuf,
    },
}

impl Given {
    fn of(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Ok(Given::StandardInput);
        }
        let kind = std::fs::metadata(path).map_err(|error| opening(path, error))?;
        let path = path.to_owned();
        if kind.is_dir() {
            let absolute = absolute(&path)?;
            return Ok(Given::Folder { path, absolute });
        }
        if let Some(kind) = FileKind::of(&path) {
            let absolute = absolute(&path)?;
            return Ok(Given::File {
                kind,
                path,
                absolute,
            });
        }
        Ok(Given::Lines(path))
    }

    /// The deepest folder that holds everything which has its id from here.
    fn root(&self) -> Option<&Path> {
        match self {
            Given::Folder { absolute, .. } => Some(absolute),
            Given::File { absolute, .. } => absolute.parent(),
            _ => None,
        }
    }
}

fn common_root(inputs: &[Given]) -> PathBuf {
    let shared = |a: &Path, b: &Path| -> PathBuf {
        let pairs = a.components().zip(b.components());
        let same = pairs.take_while(|(a, b)| a == b);
        same.map(|(component, _)| component).collect()
    };
    let mut roots = inputs.iter().filter_map(Given::root);
    let first = roots.next().unwrap_or(Path::new("")).to_owned();
    roots.fold(first, |root, other| shared(&root, other))
}

/// `path` from the root of the file system on, without `.` and `..`. Links keep their names.
fn absolute(path: &Path) -> Result<PathBuf> {
    let whole = std::path::absolute(path).map_err(|error| Error::io("resolving", path, error))?;
    let mut clean = PathBuf::new();
    for component in whole.components() {
        match component {
            Component::ParentDir => drop(clean.pop()),
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    Ok(clean)
}

/// The path below `root`, with `/` on every platform; `None` when it is not UTF-8.
pub(super) fn id_below(root: &Path, absolute: &Path) -> Option<String> {
    let below = absolute.strip_prefix(root).unwrap_or(absolute);
    let names = below.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_str()),
        _ => None,
    });
    Some(names.collect::<Option<Vec<&str>>>()?.join("/"))
}

/// The error of a source that cannot be opened.
fn opening(path: &Path, error: std::io::Error) -> Error {
    if error.kind() != std::io::ErrorKind::NotFound {
        return Error::io("opening", path, error);
    }
    let message = format!(
        "there is no file or folder {}; check the path",
        path.display()
    );
    Error::new(ErrorKind::NotFound, message)
}
