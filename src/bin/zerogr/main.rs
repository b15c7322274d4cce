//! The program `zerogr`: the library of this package on the arguments of the process.

mod quiet;

use std::process::ExitCode;

fn main() -> ExitCode {
    quiet::switch_off_usage_reports();
    zerogr_cli::run(std::env::args_os())
}
