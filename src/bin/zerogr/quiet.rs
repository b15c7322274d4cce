//! Keeping ONNX Runtime from reporting usage.
//!
//! Published builds newer than 1.28 start a usage reporter when they are loaded, unless an
//! environment variable says no. The library refuses to load them without it; this program sets
//! it for itself, so that a newer library works and stays silent. A value that the user has
//! chosen is left alone.
#![allow(unsafe_code)]

use zerogr::raw::model::runtime::TELEMETRY_VARIABLE;

/// Sets the variable. Must be the first thing that `main` does.
pub fn switch_off_usage_reports() {
    if std::env::var_os(TELEMETRY_VARIABLE).is_none() {
        // SAFETY: `set_var` is unsound only while another thread may read or write the
        // environment. This runs as the first statement of `main`; the program has started no
        // thread, and none of its dependencies starts one before `main`.
        unsafe { std::env::set_var(TELEMETRY_VARIABLE, "1") };
    }
}
