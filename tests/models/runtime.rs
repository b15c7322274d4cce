//! Finding ONNX Runtime: what is missing, foreign or too old is a typed error that says what to
//! do; a later call with a good path still works. One process can load one library only, so
//! this test has one to itself.

use crate::support::installed;
use crate::support::process::alone;
use std::path::Path;

use zerogr::ErrorKind;
use zerogr::raw::model::Runtime;

fn refused(path: &Path) -> String {
    let error = Runtime::load(Some(path)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Runtime, "{error}");
    error.to_string()
}

#[test]
fn bad_libraries_are_refused_and_a_good_one_still_loads() {
    alone(
        concat!(
            module_path!(),
            "::bad_libraries_are_refused_and_a_good_one_still_loads"
        ),
        bad_libraries_are_refused_and_a_good_one_still_loads_alone,
    );
}

fn bad_libraries_are_refused_and_a_good_one_still_loads_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let advice = "zerogr setup";
    assert!(refused(&folder.path().join("missing.so")).contains(advice));
    assert!(refused(folder.path()).contains(advice), "an empty folder");
    assert!(refused(&at("text.so", b"hello")).contains(advice));
    assert!(refused(&at("empty.so", b"")).contains(advice));
    assert!(refused(&at("old.so", b"..VERS_1.17.1\0..")).contains("too old"));
    assert!(refused(&at("new.so", b"..VERS_1.31.0\0..")).contains("ORT_DISABLE_TELEMETRY"));
    if let Some(other) = another_library() {
        assert!(
            refused(&other).contains(advice),
            "a library that is not ONNX Runtime"
        );
    }

    let home = installed::home();
    let good = home.join(format!(
        "onnxruntime-{}",
        zerogr::raw::model::cache::RUNTIME_VERSION
    ));
    let runtime = Runtime::load(Some(&good)).unwrap();
    assert_eq!(runtime.version(), "1.28.0");
    assert!(runtime.providers().contains(&"CPU"));
    assert!(!runtime.can_report_usage());
    assert!(std::ptr::eq(runtime, Runtime::load(None).unwrap()));
    assert!(std::ptr::eq(
        runtime,
        Runtime::load(Some(runtime.path())).unwrap()
    ));
    assert!(refused(&folder.path().join("text.so")).contains("already loaded"));
}

/// Some shared library of the system.
fn another_library() -> Option<std::path::PathBuf> {
    let arch = std::env::consts::ARCH;
    let folders = [
        format!("/usr/lib/{arch}-linux-gnu"),
        "/usr/lib64".into(),
        "/usr/lib".into(),
    ];
    folders
        .iter()
        .map(|folder| Path::new(folder).join("libm.so.6"))
        .find(|path| path.exists())
}
