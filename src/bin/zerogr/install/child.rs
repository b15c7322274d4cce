//! Starting another program: the only place that does.
//!
//! Problem: a user may stand in a folder that somebody else filled: an unpacked archive, a
//! corpus. Interpreters look for code where they are started, and shells have relative folders in
//! their `PATH`.
//!
//! - I1. A program is looked for in the absolute folders of `PATH` only.
//! - I2. It runs in an empty folder of ours, so that nothing is found there; Python is told not to
//!   look there at all.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A command that runs the program called `name` in `empty_folder`, if there is such a program.
/// Paths among its arguments must be absolute.
pub fn command(name: &str, empty_folder: &Path) -> Option<Command> {
    let mut command = Command::new(find(name, &env::var_os("PATH")?)?);
    command
        .current_dir(empty_folder)
        .env("PYTHONSAFEPATH", "1")
        .stdin(Stdio::null());
    Some(command)
}

fn find(name: &str, search_path: &std::ffi::OsStr) -> Option<PathBuf> {
    let file_name = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(search_path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(&file_name))
        .find(|program| is_program(program))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn relative_folders_and_plain_files_are_passed_over() {
        use std::os::unix::fs::PermissionsExt;
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(first.path().join("tool"), "").unwrap();
        let tool = second.path().join("tool");
        std::fs::write(&tool, "").unwrap();
        std::fs::set_permissions(&tool, PermissionsExt::from_mode(0o700)).unwrap();
        let path = |folders: &[&Path]| env::join_paths(folders).unwrap();
        let (first, second) = (first.path(), second.path());
        assert_eq!(
            find("tool", &path(&[Path::new("."), first, second])),
            Some(tool)
        );
        assert_eq!(find("tool", &path(&[Path::new(""), first])), None);
    }
}
