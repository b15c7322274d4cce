//! What the library is called where programs look for it when they start. Before version 1 each minor
//! version may change the interface.

use std::env;

fn main() {
    let part = |name: &str| env::var(format!("CARGO_PKG_VERSION_{name}")).unwrap_or_default();
    let series = match part("MAJOR").as_str() {
        "0" => format!("0.{}", part("MINOR")),
        major => major.to_owned(),
    };
    let name = match env::var("CARGO_CFG_TARGET_OS").unwrap_or_default().as_str() {
        "macos" | "ios" => format!("-install_name,@rpath/libzerogr.{series}.dylib"),
        "windows" => return,
        _ => format!("-soname,libzerogr.so.{series}"),
    };
    println!("cargo:rustc-cdylib-link-arg=-Wl,{name}");
    println!("cargo:rerun-if-changed=build.rs");
}
