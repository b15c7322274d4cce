//! Index files by somebody who means harm: every checksum is right and one number is not. Every
//! command answers or says what is wrong, with exit status 0, 1 or 2, and with bounded memory.
//!
//! ```text
//! ZEROGR_MUTANTS=500 cargo test --test cli hostile_index      500 of each file instead of a few
//! ```

#[path = "../../fuzz/bodies/fields.rs"]
mod fields;
#[path = "../../fuzz/bodies/repair.rs"]
mod repair;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rayon::prelude::*;

use crate::support::command::{Folder, corpus};
use crate::support::installed::{stderr, stdout};
use crate::support::repository::repository;
use fields::{Field, Group, fields};
use repair::repair;

/// Mutants of each file in an ordinary run.
const MUTANTS: usize = 6;

/// A command with the address space it may use in MiB. `{}` is the index.
type Limited = (&'static str, u64);

/// Commands that run no model. The program and its threads take some 200 MiB of address space.
const WITHOUT_MODEL: &[Limited] = &[
    ("info {}", 640),
    ("info {} --json", 640),
    ("check {}", 640),
    ("list {}", 640),
    ("list {} --json", 640),
    ("get {} heat", 640),
    ("search {} heat --mode lexical --explain", 640),
    ("recover {} --into new.zgr", 640),
    ("backup {} copy.zgr", 640),
    ("vacuum {} --into compact.zgr", 640),
    ("delete {} heat", 640),
    ("merge {}", 640),
    ("vacuum {}", 640),
    ("add {} more.jsonl", 640),
    ("train {}", 640),
];

/// Commands that load the encoder, with its sessions.
const WITH_MODEL: &[Limited] = &[
    ("search {} heat --explain", 3072),
    (
        "search {} heat --mode generative --decoder reverse-annealed",
        3072,
    ),
    ("search {} heat --mode fusion --json", 3072),
    ("add {} more.jsonl", 3072),
    ("train {}", 3072),
];

/// A number that depends on everything given.
fn draw(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// Values that a field of `len` bytes is set to: the smallest, the largest, those beside what was
/// right, and a random one.
fn hostile_value(old: u64, len: usize, file_len: usize, seed: u64) -> u64 {
    let top = 1_u64 << (8 * len.min(8) - 1);
    let values = [
        0,
        1,
        old.wrapping_add(1),
        old.wrapping_sub(1),
        old ^ 1 << (seed % (8 * len as u64)),
        old.wrapping_mul(2),
        u64::MAX,
        u64::MAX - 1,
        top,
        top - 1,
        file_len as u64,
        4096,
        old.wrapping_add(4096),
        seed,
    ];
    values[draw(seed) as usize % values.len()]
}

/// Text of exactly `len` bytes in place of a number.
fn hostile_text(len: usize, seed: u64) -> Vec<u8> {
    let all = [
        "0",
        "-1",
        "1e39",
        "1e400",
        "null",
        "99999999999999999999",
        "[]",
        "0.5",
    ];
    let text = all[seed as usize % all.len()];
    format!("{text:<len$}").into_bytes()[..len].to_vec()
}

/// A copy of `file` with one field set to a hostile value and every checksum right.
fn mutant(file: &[u8], fields: &[Field], seed: u64) -> (Vec<u8>, Field) {
    let mut groups: BTreeMap<Group, Vec<Field>> = BTreeMap::new();
    for field in fields {
        groups.entry(field.group).or_default().push(*field);
    }
    let group = groups.values().nth(seed as usize % groups.len()).unwrap();
    let field = group[draw((seed, "field")) as usize % group.len()];
    let mut mutant = file.to_vec();
    let bytes = &mut mutant[field.off..field.off + field.len];
    if field.group == Group::Params {
        bytes.copy_from_slice(&hostile_text(field.len, draw((seed, "text"))));
    } else {
        let mut old = [0; 8];
        old[..field.len].copy_from_slice(bytes);
        let old = u64::from_le_bytes(old);
        let value = hostile_value(old, field.len, file.len(), draw((seed, "value")));
        bytes.copy_from_slice(&value.to_le_bytes()[..field.len]);
    }
    repair(&mut mutant);
    (mutant, field)
}

/// Runs a command with a limit to its memory and to its time.
fn run_limited(folder: &Path, (command, limit_mib): Limited, index: &str) -> Output {
    let words = command.split(' ').map(|word| word.replace("{}", index));
    Command::new("sh")
        .current_dir(folder)
        .args(["-c", "ulimit -v $0; exec timeout 300 \"$@\""])
        .arg((limit_mib * 1024).to_string())
        .arg(env!("CARGO_BIN_EXE_zerogr"))
        .args(words)
        .output()
        .unwrap()
}

/// Runs every command on a copy of its own.
fn expect_answers(file: &[u8], commands: &[Limited], what: &str) -> BTreeMap<i32, usize> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("more.jsonl"), corpus()).unwrap();
    let mut statuses = BTreeMap::new();
    for &limited in commands {
        std::fs::write(path("m.zgr"), file).unwrap();
        let output = run_limited(folder.path(), limited, "m.zgr");
        let (command, message) = (limited.0, stderr(&output));
        let status = output.status.code();
        assert!(
            matches!(status, Some(0..=2)) && !message.contains("panicked"),
            "{what}: {command}: {}: {message}\n{}",
            output.status,
            keep(file)
        );
        assert!(status == Some(0) || !message.is_empty() || !stdout(&output).is_empty());
        *statuses.entry(status.unwrap()).or_insert(0) += 1;
        let recovered = path("new.zgr");
        if recovered.exists() {
            let checked = run_limited(folder.path(), ("check {}", 640), "new.zgr");
            assert!(
                checked.status.success(),
                "{what}: recovered, and refused: {}\n{}",
                stdout(&checked),
                keep(file)
            );
            std::fs::remove_file(recovered).unwrap();
        }
        for name in ["copy.zgr", "compact.zgr"] {
            let _ = std::fs::remove_file(path(name));
        }
    }
    statuses
}

/// Keeps a file that somebody has to look at; where it is.
fn keep(file: &[u8]) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{:x}.zgr", draw(file)));
    std::fs::write(&path, file).unwrap();
    format!("the file is kept as {}", path.display())
}

fn mutants() -> usize {
    let wanted = std::env::var("ZEROGR_MUTANTS").ok();
    wanted.map_or(MUTANTS, |number| number.parse().unwrap())
}

fn try_mutants(file: &[u8], commands: &[Limited], name: &str) -> BTreeMap<i32, usize> {
    let fields = fields(file);
    let try_one = |number: usize| {
        let (mutant, field) = mutant(file, &fields, draw((name, number)));
        expect_answers(
            &mutant,
            commands,
            &format!("{name}, mutant {number}, {field:?}"),
        )
    };
    let sum = |mut left: BTreeMap<i32, usize>, right: BTreeMap<i32, usize>| {
        for (status, count) in right {
            *left.entry(status).or_insert(0) += count;
        }
        left
    };
    (0..mutants())
        .into_par_iter()
        .map(try_one)
        .reduce(BTreeMap::new, sum)
}

fn golden_files() -> Vec<PathBuf> {
    let folder = repository("tests/golden");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "zgr"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_command_answers_whatever_a_golden_file_says() {
    let files = golden_files();
    assert!(files.len() >= 11);
    for path in files {
        let file = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        let statuses = try_mutants(&file, WITHOUT_MODEL, &name);
        println!("{name}: {} fields, {statuses:?}", fields(&file).len());
        // Some are refused and some read: the mutations are neither all fatal nor all harmless.
        assert!(statuses.contains_key(&0) && statuses.contains_key(&1));
    }
}

#[test]
fn every_search_answers_whatever_an_index_says() {
    let folder = Folder::new();
    folder.write("corpus.jsonl", corpus());
    folder.ok(&["build", "corpus.jsonl", "-o", "a.zgr", "--external-encoder"]);
    let file = std::fs::read(folder.path("a.zgr")).unwrap();
    let statuses = try_mutants(&file, WITH_MODEL, "a.zgr");
    println!("{} fields, {statuses:?}", fields(&file).len());
    assert!(statuses.contains_key(&0));
}
