//! The command line of zerogr: one file per command, and this dispatcher.
//!
//! Exit status: 0 ok, 1 failed, 2 usage. Results go to standard output (`--json` for machines),
//! everything else to standard error.

mod doctor;
mod failure;
mod output;
mod packages;
mod pip;
mod quiet;
mod setup;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Generative retrieval in one file: index your documents, search them by meaning, offline.
#[derive(Parser)]
#[command(name = "zerogr", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Setup(setup::Args),
    Doctor(doctor::Args),
}

fn main() -> ExitCode {
    quiet::switch_off_usage_reports();
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Setup(args) => setup::run(&args),
        Command::Doctor(args) => doctor::run(&args),
    };
    result.map_or_else(|failure: Failure| failure.report(), |()| ExitCode::SUCCESS)
}
