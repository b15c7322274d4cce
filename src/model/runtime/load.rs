//! Finding ONNX Runtime and loading it, once per process.
//!
//! The order of the search; the first two are the caller's word, so a failure there is final:
//!
//! 1. the path given to [`Runtime::load`];
//! 2. the environment: `ZEROGR_ORT`, then `ORT_DYLIB_PATH` (a file, or a folder that holds one);
//! 3. the folders given to [`Runtime::look_in`];
//! 4. the cache folder that `zerogr setup` fills ([`cache::runtime_dir`]);
//! 5. beside the executable, in `lib` there, and in `../lib`;
//! 6. the folders of the dynamic loader (`LD_LIBRARY_PATH` and its kin) and of the system.
//!
//! Invariants:
//!
//! - I1. One library and one environment per process, never unloaded: ONNX Runtime cannot be
//!   taken down and started again.
//! - I2. No library is loaded whose version is known to be too old, and none newer than
//!   1.28 unless `ORT_DISABLE_TELEMETRY=1` is in the environment: those versions
//!   start a usage reporter (a thread and a database in the user's cache folder) when they are
//!   loaded, and only that variable stops it. This crate does not set the variable itself,
//!   because changing the environment of a process that may have threads is not sound; the
//!   command line does so as its first act.
//! - I3. No library is loaded that is not whole.
//! - I4. A failure never panics, and the next call may try again with another path.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;
use ort::ep::ExecutionProvider;
use ort::logging::LogLevel;
use parking_lot::Mutex;

use super::version::Version;
use super::{cache, library_file};
use crate::{Error, ErrorKind, Result};

/// The oldest version that works.
const OLDEST: Version = Version {
    major: 1,
    minor: 24,
    patch: 0,
};
/// The last version whose published builds contain no usage reporter.
const NEWEST_QUIET: Version = Version {
    major: 1,
    minor: 28,
    patch: u32::MAX,
};
/// What to do when there is no usable library.
const ADVICE: &str = "run `zerogr setup`, or set ZEROGR_ORT to libonnxruntime 1.24 or newer";

/// The variable that keeps newer libraries from reporting usage.
pub const TELEMETRY_VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// The loaded ONNX Runtime.
#[derive(Debug)]
pub struct Runtime {
    environment: Environment,
    path: PathBuf,
    version: Option<Version>,
}

static LOADED: OnceLock<Runtime> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());
/// Folders that the application knows of.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

impl Runtime {
    /// Loads ONNX Runtime, or returns the one already loaded.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Runtime`] when no usable library is found, when the one named by `path` or
    /// by the environment is missing, foreign or too old, when it would report usage (see the
    /// module head), or when `path` names another library than the one already loaded.
    pub fn load(path: Option<&Path>) -> Result<&'static Runtime> {
        let _one_at_a_time = LOADING.lock();
        if let Some(runtime) = LOADED.get() {
            return match path {
                Some(path) if !runtime.is_at(path) => Err(Error::new(
                    ErrorKind::Runtime,
                    format!(
                        "ONNX Runtime is already loaded from {}, and a process can hold only one; \
                         start another process to use {}",
                        runtime.path.display(),
                        path.display()
                    ),
                )),
                _ => Ok(runtime),
            };
        }
        let runtime = find_and_open(path)?;
        Ok(LOADED.get_or_init(|| runtime))
    }

    /// Adds a folder to those where the library is looked for: behind what the environment names, in
    /// front of the cache folder. It may hold none, or one that cannot be used. Of no account once a
    /// library is loaded.
    pub fn look_in(folder: impl Into<PathBuf>) {
        FOLDERS.lock().push(folder.into());
    }

    /// The library file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version of the library, for example `1.28.0`, or `unknown`.
    pub fn version(&self) -> String {
        self.version
            .map_or_else(|| "unknown".into(), |version| version.to_string())
    }

    /// True if published builds of this version report usage unless told not to.
    pub fn can_report_usage(&self) -> bool {
        can_report_usage(self.version)
    }

    /// The execution providers that this library was built with, of those zerogr can use. Being
    /// listed does not mean that the hardware is there.
    pub fn providers(&self) -> Vec<&'static str> {
        let mut providers = vec!["CPU"];
        if self.has_cuda() {
            providers.push("CUDA");
        }
        providers
    }

    /// True if the library was built with CUDA.
    pub(in crate::model) fn has_cuda(&self) -> bool {
        ort::ep::CUDA::is_available().unwrap_or(false)
    }

    /// The process-wide environment that sessions are made in.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    fn is_at(&self, path: &Path) -> bool {
        let path = library_in(path).unwrap_or_else(|| path.to_path_buf());
        let same = |a: &Path, b: &Path| a.canonicalize().ok() == b.canonicalize().ok();
        path == self.path || (path.exists() && same(&path, &self.path))
    }
}

/// Walks the documented order.
fn find_and_open(path: Option<&Path>) -> Result<Runtime> {
    if let Some(path) = path {
        return open_named(path, "the path given");
    }
    for variable in ["ZEROGR_ORT", "ORT_DYLIB_PATH"] {
        if let Some(value) = env::var_os(variable).filter(|value| !value.is_empty()) {
            return open_named(Path::new(&value), variable);
        }
    }
    let mut refused = Vec::new();
    for folder in search_folders() {
        for candidate in libraries_in(&folder) {
            match open(&candidate) {
                Ok(runtime) => return Ok(runtime),
                Err(error) => refused.push(error),
            }
        }
    }
    Err(match refused.into_iter().next() {
        Some(first) => first,
        None => Error::new(
            ErrorKind::Runtime,
            format!("ONNX Runtime is not installed; {ADVICE}"),
        ),
    })
}

/// Opens what the caller named.
fn open_named(path: &Path, who: &str) -> Result<Runtime> {
    let Some(file) = library_in(path) else {
        return Err(Error::new(
            ErrorKind::Runtime,
            format!(
                "no ONNX Runtime at {} (from {who}); {ADVICE}",
                path.display()
            ),
        ));
    };
    open(&file)
}

/// Checks the version of a library file and loads it.
fn open(path: &Path) -> Result<Runtime> {
    let path = std::path::absolute(path).map_err(|e| Error::io("resolving", path, e))?;
    let version = Version::of_file(&path).map_err(|e| {
        let message = format!("cannot read {}: {e}; {ADVICE}", path.display());
        Error::with_source(ErrorKind::Runtime, message, e)
    })?;
    if let Some(version) = version.filter(|version| *version < OLDEST) {
        return Err(Error::new(
            ErrorKind::Runtime,
            format!(
                "{} is ONNX Runtime {version}, which is too old; {ADVICE}",
                path.display()
            ),
        ));
    }
    let quiet = env::var_os(TELEMETRY_VARIABLE).is_some_and(|value| value == "1");
    // A file without any version is most likely foreign, and the loader says so better.
    if version.is_some() && can_report_usage(version) && !quiet {
        return Err(Error::new(
            ErrorKind::Runtime,
            format!(
                "{} is ONNX Runtime {}, which reports usage when loaded: start the program with \
                 {TELEMETRY_VARIABLE}=1 in its environment, or use ONNX Runtime {}",
                path.display(),
                version.map_or_else(String::new, |v| v.to_string()),
                cache::RUNTIME_VERSION
            ),
        ));
    }
    let failed = |what: String| {
        format!(
            "{} is not a usable ONNX Runtime ({what}); {ADVICE}",
            path.display()
        )
    };
    library_file::check(&path).map_err(|what| Error::new(ErrorKind::Runtime, failed(what)))?;
    let environment = ort::init_from(&path)
        .map_err(|e| Error::with_source(ErrorKind::Runtime, failed(e.to_string()), e))?
        .with_name("zerogr")
        .with_telemetry(false)
        .build()
        .map_err(|e| Error::new(ErrorKind::Runtime, failed(e.to_string())))?;
    // Failures come back as errors; a library does not write to standard error.
    if env::var_os("ORT_LOG").is_none() {
        environment.set_log_level(LogLevel::Fatal);
    }
    Ok(Runtime {
        environment,
        path,
        version,
    })
}

fn can_report_usage(version: Option<Version>) -> bool {
    version.is_none_or(|version| version > NEWEST_QUIET)
}

/// The folders searched when nobody named a library, in order.
fn search_folders() -> Vec<PathBuf> {
    let mut folders = FOLDERS.lock().clone();
    folders.extend(cache::runtime_dir());
    let executable = env::current_exe().ok();
    if let Some(beside) = executable.as_deref().and_then(Path::parent) {
        folders.extend([beside.to_path_buf(), beside.join("lib")]);
        folders.extend(beside.parent().map(|above| above.join("lib")));
    }
    let variable = match env::consts::OS {
        "windows" => "PATH",
        "macos" => "DYLD_LIBRARY_PATH",
        _ => "LD_LIBRARY_PATH",
    };
    if let Some(paths) = env::var_os(variable) {
        folders.extend(env::split_paths(&paths).filter(|path| path.is_absolute()));
    }
    let system: &[&str] = match env::consts::OS {
        // The system folder of Windows holds an old library of the same name.
        "windows" => &[],
        "macos" => &["/opt/homebrew/lib", "/usr/local/lib"],
        _ => &[
            "/usr/local/lib",
            "/usr/local/lib64",
            "/usr/lib64",
            "/usr/lib",
        ],
    };
    folders.extend(system.iter().map(PathBuf::from));
    if cfg!(target_os = "linux") {
        let triple = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
        folders.push(PathBuf::from(triple));
    }
    folders
}

/// The library that `path` names: the file itself, or the first one in the folder.
fn library_in(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        libraries_in(path).into_iter().next()
    } else {
        path.is_file().then(|| path.to_path_buf())
    }
}

/// The ONNX Runtime libraries in `folder`, sorted by name so that the choice is stable.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| is_library_name(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found
}

/// True for the names under which ONNX Runtime's main library is published on this platform.
pub fn is_library_name(name: &str) -> bool {
    match env::consts::OS {
        "windows" => name.eq_ignore_ascii_case("onnxruntime.dll"),
        "macos" => name.starts_with("libonnxruntime.") && name.ends_with(".dylib"),
        _ => name == "libonnxruntime.so" || name.starts_with("libonnxruntime.so."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_the_application_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        Runtime::look_in(folder.path());
        assert_eq!(
            search_folders().first().map(PathBuf::as_path),
            Some(folder.path())
        );
    }
}
