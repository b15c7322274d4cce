//! The interface as C and C++ have it: installed, compiled against with every compiler that is here, run.
//!
//! `valgrind.sh` runs the same program under valgrind; `tests/c/load.c` says how it is run for longer.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

const FLAGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// Compilers, and how they read the same source.
const COMPILERS: [(&str, &[&str]); 5] = [
    ("cc", &["-std=c99"]),
    ("gcc", &["-std=c99"]),
    ("clang", &["-std=c99"]),
    ("g++", &["-x", "c++", "-std=c++11"]),
    ("clang++", &["-x", "c++", "-std=c++11"]),
];

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where cargo put the libraries that this test was built with.
fn built() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().into()
}

/// Runs a command that must succeed, and gives what it printed.
fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        println!("skipped: {program} is not on this machine");
    }
    found
}

/// The installed library.
fn prefix() -> &'static Path {
    static INSTALLED: OnceLock<TempDir> = OnceLock::new();
    let folder = INSTALLED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut install = Command::new(package().join("install.sh"));
        succeed(install.arg(folder.path()).arg("--from").arg(built()));
        folder
    });
    folder.path()
}

/// A line of `zerogr.pc` with its folders filled in, as words.
fn described(key: &str) -> Vec<String> {
    let page = std::fs::read_to_string(prefix().join("lib/pkgconfig/zerogr.pc")).unwrap();
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .unwrap();
    let prefix = prefix().to_str().unwrap();
    let line = line.replace("${includedir}", &format!("{prefix}/include"));
    let line = line.replace("${libdir}", &format!("{prefix}/lib"));
    line.split_whitespace().map(str::to_owned).collect()
}

fn compile(
    compiler: &str,
    standard: &[&str],
    sources: &[PathBuf],
    program: &Path,
    libraries: &[String],
) {
    let mut command = Command::new(compiler);
    command
        .args(FLAGS)
        .args(standard)
        .args(described("Cflags: "));
    command
        .args(sources)
        .args(["-x", "none", "-o"])
        .arg(program);
    succeed(command.args(libraries).args(["-lpthread", "-lm"]));
}

/// Runs a program with the installed library.
fn run(program: &Path, arguments: &[&OsStr], variables: &[(&str, &Path)]) -> String {
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", prefix().join("lib"));
    command.env("DYLD_LIBRARY_PATH", prefix().join("lib"));
    command.envs(variables.iter().copied());
    succeed(command.args(arguments))
}

fn run_part(program: &Path, part: &str, folder: &Path, variables: &[(&str, &Path)]) {
    let said = run(program, &[folder.as_os_str(), part.as_ref()], variables);
    assert_eq!(said, format!("{part}: passed\n"));
}

/// The parts of the test program.
fn sources() -> [PathBuf; 3] {
    ["interface.c", "use.c", "misuse.c"].map(|name| package().join("tests/c").join(name))
}

/// A test never skips because models are not installed: where the command line is built beside this
/// test, it installs what is missing.
fn set_up() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let program = built().parent().unwrap().join("zerogr");
        if program.is_file() {
            succeed(Command::new(program).arg("setup"));
        }
    });
}

#[test]
fn every_compiler_takes_the_header_and_the_words_pass() {
    let mut languages = BTreeSet::new();
    for (compiler, standard) in COMPILERS {
        if !is_there(compiler) {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("interface");
        compile(
            compiler,
            standard,
            &sources(),
            &program,
            &described("Libs: "),
        );
        run_part(&program, "words", folder.path(), &[]);
        languages.insert(standard);
    }
    assert!(languages.contains(&["-std=c99"].as_slice()));
}

#[test]
fn the_static_library_can_be_linked() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("interface");
    let mut libraries = vec![format!("{}/lib/libzerogr.a", prefix().display())];
    libraries.extend(described("Libs.private: "));
    compile("cc", &["-std=c99"], &sources(), &program, &libraries);
    run_part(&program, "words", folder.path(), &[]);
}

#[test]
#[cfg(feature = "models")]
fn models_are_trained_and_searched_and_missed_where_they_are_not() {
    set_up();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("interface");
    compile(
        "cc",
        &["-std=c99"],
        &sources(),
        &program,
        &described("Libs: "),
    );
    run_part(&program, "models", folder.path(), &[]);
    let nowhere = folder.path().join("nowhere");
    run_part(
        &program,
        "no-runtime",
        folder.path(),
        &[("ZEROGR_ORT", &nowhere)],
    );
}

#[test]
fn the_quickstart_finds_what_it_should() {
    let example = package().join("../../examples/c/quickstart.c");
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("quickstart");
    compile(
        "cc",
        &["-std=c99"],
        &[example],
        &program,
        &described("Libs: "),
    );
    let index = folder.path().join("words.zgr");
    let query = OsStr::new("wings that vibrate");
    let said = run(
        &program,
        &[index.as_os_str(), query, "--words".as_ref()],
        &[],
    );
    assert!(
        said.contains("  doc-1  [") && !said.contains("doc-3"),
        "{said}"
    );
    assert!(said.contains("Thin *wings* may *vibrate*"), "{said}");
    if cfg!(feature = "models") {
        set_up();
        let index = folder.path().join("planned.zgr");
        let query = OsStr::new("why do aerofoils shake?");
        let said = run(&program, &[index.as_os_str(), query], &[]);
        assert!(
            said.lines().next().unwrap().contains("  doc-1  ["),
            "{said}"
        );
    }
}

#[test]
fn nothing_is_lost_while_eight_threads_search() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("load");
    let source = package().join("tests/c/load.c");
    compile(
        "cc",
        &["-std=c99", "-O2"],
        &[source],
        &program,
        &described("Libs: "),
    );
    let said = run(&program, &[folder.path().as_os_str(), "3".as_ref()], &[]);
    assert!(said.contains(" commits; "), "{said}");
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_but_the_interface_is_exported() {
    let library = prefix().join("lib/libzerogr.so");
    let listed = succeed(
        Command::new("nm")
            .args(["-D", "--defined-only"])
            .arg(library),
    );
    let exported: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    let header = std::fs::read_to_string(package().join("include/zerogr.h")).unwrap();
    let declared: BTreeSet<&str> = header
        .lines()
        .filter(|line| line.starts_with("int zgr_") || line.starts_with("const char *zgr_"))
        .filter_map(|line| line.split_once('(')?.0.split([' ', '*']).next_back())
        .collect();
    assert!(declared.len() > 20);
    assert_eq!(exported, declared);
}
