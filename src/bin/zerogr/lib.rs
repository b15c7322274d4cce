//! The command line of zerogr as a library: one file per command or kin of commands, and this
//! dispatcher. The program is [`run`] on its arguments; a package that carries the command line
//! with it, as that of Python does, calls it too.
//!
//! Not under semantic versioning: who works with indexes uses the crate `zerogr`.
//!
//! Exit status: 0 ok, 1 failed, 2 usage. Results go to standard output (`--json` for machines),
//! everything else to standard error. A command that did its work and could not print the result
//! ends with 1.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod console;
mod demo;
mod eval;
mod install;
mod options;
mod read;
mod serve;
mod upkeep;
mod write;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use console::failure::Failure;
use console::{cut_file, output};
use install::{doctor, model, setup};
use read::{count, documents, info, search};
use serve::{mcp, page};
use upkeep::{recover, tend, upgrade};
use write::{build, expand, generate, sync, train};

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
    Demo(demo::Args),
    Build(build::Args),
    Add(build::AddArgs),
    Sync(sync::Args),
    Generate(generate::Args),
    Expand(expand::Args),
    Train(train::Args),
    Search(Box<search::Args>),
    Get(documents::GetArgs),
    List(documents::ListArgs),
    Count(count::Args),
    Delete(documents::DeleteArgs),
    Merge(tend::MergeArgs),
    Vacuum(tend::VacuumArgs),
    Upgrade(upgrade::Args),
    Backup(tend::BackupArgs),
    Info(info::Args),
    Check(info::CheckArgs),
    Recover(recover::Args),
    Eval(Box<eval::Args>),
    Mcp(mcp::Args),
    Serve(page::Args),
    Model(model::Args),
}

/// Runs one command line, of which the first argument is the name of the program, and says what the
/// process is to end with.
///
/// It is for a process of its own: it decides how the process ends when a mapped file is cut short.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    cut_file::end_with_a_message();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(said) => return answer(&said),
    };
    let result = match cli.command {
        Command::Setup(args) => setup::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Add(args) => build::add(&args),
        Command::Sync(args) => sync::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Expand(args) => expand::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Search(args) => search::run(&args),
        Command::Get(args) => documents::get(&args),
        Command::List(args) => documents::list(&args),
        Command::Count(args) => count::run(&args),
        Command::Delete(args) => documents::delete(&args),
        Command::Merge(args) => tend::merge(&args),
        Command::Vacuum(args) => tend::vacuum(&args),
        Command::Upgrade(args) => upgrade::run(&args),
        Command::Backup(args) => tend::backup(&args),
        Command::Info(args) => info::run(&args),
        Command::Check(args) => info::check(&args),
        Command::Recover(args) => recover::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Mcp(args) => mcp::run(&args),
        Command::Serve(args) => page::run(&args),
        Command::Model(args) => model::run(&args),
    };
    result.map_or_else(|failure: Failure| failure.report(), |()| ExitCode::SUCCESS)
}

/// Prints what clap has to say: help, the version, or what is wrong with the arguments, which may
/// be file names of somebody else's making.
fn answer(said: &clap::Error) -> ExitCode {
    let text = said.to_string();
    let text = text.trim_end();
    if said.use_stderr() {
        output::notice(text.trim_start_matches("error: "));
        return ExitCode::from(2);
    }
    output::line(text).map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}
