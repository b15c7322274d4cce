//! `include/zerogr.h` is what cbindgen makes of the source now.
//!
//! `ZEROGR_BLESS=1 cargo test --package zerogr-c --test header` writes it anew.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

#[test]
fn the_header_is_current() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = package.join("include/zerogr.h");
    let mut made = Vec::new();
    cbindgen::generate(package).unwrap().write(&mut made);
    let made = String::from_utf8(made).unwrap();
    if std::env::var_os("ZEROGR_BLESS").is_some() {
        return fs::write(&path, made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "{} is not current", path.display());
}
