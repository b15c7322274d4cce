//! What is to be measured on what, before anything is.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use zerogr::raw::eval::{Collection, Qrels, Query};

use super::args::Args;
use crate::console::failure::Failure;
use crate::console::output;
use crate::options::mode::ModeArg;

/// Documents measured per query of a search.
pub const DEPTH: usize = 100;

/// Everything to be measured.
pub struct Plan {
    /// In the order of the command line; never empty.
    pub datasets: Vec<Dataset>,
    /// In the order of the command line, run files last; never empty, names are unique.
    pub systems: Vec<System>,
}

/// Queries and judgements, and what answers them.
pub struct Dataset {
    /// Unique among the datasets.
    pub name: String,
    /// The judged queries; empty where only a judgement file was given.
    pub queries: Vec<Query>,
    /// The judgements.
    pub qrels: Qrels,
    /// What is searched.
    pub index: IndexPlace,
}

/// Where the index of a dataset comes from.
#[derive(Clone, PartialEq)]
pub enum IndexPlace {
    /// It exists.
    Existing(PathBuf),
    /// It is built of `corpus`, unless it exists.
    Built {
        /// The index file.
        path: PathBuf,
        /// The corpus file.
        corpus: PathBuf,
    },
    /// There is none: only run files are measured.
    Nowhere,
}

/// Something that ranks documents.
pub struct System {
    /// What it is called in tables and file names.
    pub name: String,
    /// What it is.
    pub kind: SystemKind,
}

/// Where rankings come from.
pub enum SystemKind {
    /// From searching the dataset's index.
    Search(ModeArg),
    /// From a run file; `{}` in its path stands for the dataset.
    RunFile(String),
}

/// Reads the command line, the collections' queries and judgements.
pub fn plan(args: &Args) -> Result<Plan, Failure> {
    // Wrong usage is said before files are read.
    if !args.mode.is_empty() {
        check_modes(args, &args.mode)?;
    }
    let datasets = datasets(args)?;
    let mut names = HashSet::new();
    for dataset in &datasets {
        if !names.insert(&dataset.name) {
            return Err(Failure::usage(format!(
                "two datasets are called {:?}: rename one of their folders",
                dataset.name
            )));
        }
    }
    let systems = systems(args, &datasets)?;
    if args.run.is_some() && (datasets.len() > 1 || systems.len() > 1 || args.seeds > 1) {
        return Err(Failure::usage(
            "`--run` writes the ranking of one system on one dataset: use `--runs DIR` for more",
        ));
    }
    if let Some(baseline) = &args.baseline
        && !systems.iter().any(|system| system.name == *baseline)
    {
        return Err(Failure::usage(format!(
            "the baseline {baseline:?} is not among what is measured: add it to `--mode`, or give \
             its run file with `--read-run`"
        )));
    }
    Ok(Plan { datasets, systems })
}

fn datasets(args: &Args) -> Result<Vec<Dataset>, Failure> {
    let mut datasets = Vec::new();
    let mut index: Option<&Path> = None;
    let mut unused: Option<&Path> = None;
    for path in &args.paths {
        let names_index = path.extension().is_some_and(|extension| extension == "zgr");
        if path.is_file() || (names_index && !path.is_dir()) {
            crate::options::open::check_exists(path)?;
            if let Some(unused) = unused.replace(path) {
                return Err(no_folder_after(unused));
            }
            index = Some(path);
            continue;
        }
        for collection in Collection::open_all(path, &args.split)? {
            let index = match (index, &args.build_dir) {
                (Some(index), _) => IndexPlace::Existing(index.to_owned()),
                (None, Some(folder)) => built(folder, &collection)?,
                (None, None) if !args.read_run.is_empty() => IndexPlace::Nowhere,
                (None, None) => {
                    return Err(Failure::usage(format!(
                        "there is no index for {}: name one before it, or give `--build-dir DIR` \
                         to have one built and kept",
                        output::path(path)
                    )));
                }
            };
            datasets.push(Dataset {
                name: collection.name,
                queries: collection.queries,
                qrels: collection.qrels,
                index,
            });
        }
        unused = None;
    }
    if let Some(unused) = unused {
        return Err(no_folder_after(unused));
    }
    if let Some(path) = &args.qrels {
        replace_judgements(&mut datasets, path)?;
    }
    if datasets.is_empty() {
        return Err(Failure::usage(
            "there is nothing to measure: name an index and the folder of a collection",
        ));
    }
    Ok(datasets)
}

fn no_folder_after(index: &Path) -> Failure {
    Failure::usage(format!(
        "there is no folder after the index {}: name the collection it is measured on",
        output::path(index)
    ))
}

/// The index of a corpus in the folder of built ones.
fn built(folder: &Path, collection: &Collection) -> Result<IndexPlace, Failure> {
    let corpus = &collection.corpus_path;
    let home = corpus.canonicalize();
    let home = home.map_err(|error| Failure::io("finding", corpus, &error))?;
    let name = home.parent().and_then(Path::file_name).unwrap_or_default();
    let mut file = name.to_owned();
    file.push(".zgr");
    Ok(IndexPlace::Built {
        path: folder.join(file),
        corpus: corpus.clone(),
    })
}

/// Puts the judgements of a file in the place of the only dataset's.
fn replace_judgements(datasets: &mut Vec<Dataset>, path: &Path) -> Result<(), Failure> {
    if datasets.len() > 1 {
        return Err(Failure::usage(
            "`--qrels` replaces the judgements of one dataset, and there are several",
        ));
    }
    let qrels = Qrels::read(path)?;
    match datasets.first_mut() {
        None => {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            datasets.push(Dataset {
                name: name.into_owned(),
                queries: Vec::new(),
                qrels,
                index: IndexPlace::Nowhere,
            });
            Ok(())
        }
        Some(only) => {
            // Judged in the file and not in the folder: the text is not known here.
            let known: HashSet<&str> = only.queries.iter().map(|query| &*query.id).collect();
            if let Some((id, _)) = qrels.iter().find(|(id, _)| !known.contains(id)) {
                return Err(Failure::new(format!(
                    "{}: the query {id:?} is judged here and not in the split of the folder: \
                     choose the split with `--split`, or leave the query out",
                    output::path(path)
                )));
            }
            only.queries.retain(|query| qrels.get(&query.id).is_some());
            only.qrels = qrels;
            Ok(())
        }
    }
}

fn systems(args: &Args, datasets: &[Dataset]) -> Result<Vec<System>, Failure> {
    let searches = datasets
        .iter()
        .all(|dataset| dataset.index != IndexPlace::Nowhere);
    let modes = match args.mode.as_slice() {
        [] if searches => &[ModeArg::Planned],
        modes => modes,
    };
    if !searches && !modes.is_empty() {
        return Err(Failure::usage(
            "`--mode` needs an index to search: name one before every folder, or give \
             `--build-dir DIR`",
        ));
    }
    if args.mode.is_empty() {
        check_modes(args, modes)?;
    }
    let search = |mode: &ModeArg| System {
        name: mode.name().to_owned(),
        kind: SystemKind::Search(*mode),
    };
    let mut systems: Vec<System> = modes.iter().map(search).collect();
    for given in &args.read_run {
        let Some((name, path)) = given.split_once('=').filter(|(name, _)| is_name(name)) else {
            return Err(Failure::usage(format!(
                "`--read-run {given}` must be NAME=FILE, with a name of letters, digits, `-`, `_` \
                 and `.`"
            )));
        };
        systems.push(System {
            name: name.to_owned(),
            kind: SystemKind::RunFile(path.to_owned()),
        });
    }
    let mut names = HashSet::new();
    for system in &systems {
        if !names.insert(&system.name) {
            return Err(Failure::usage(format!(
                "two systems are called {:?}: leave one out, or give it another name",
                system.name
            )));
        }
    }
    match systems.is_empty() {
        true => Err(Failure::usage(
            "there is nothing to measure: name an index, or run files with `--read-run`",
        )),
        false => Ok(systems),
    }
}

/// What is given for a mode must be of use to one that is measured.
fn check_modes(args: &Args, modes: &[ModeArg]) -> Result<(), Failure> {
    let generates = modes.iter().any(|mode| mode.generates());
    let planned = modes.contains(&ModeArg::Planned);
    if args.decoding.demands_rerank() && !generates {
        return Err(Failure::usage(
            "`--rerank on` needs `--mode generative` or `--mode planned`: others do not rerank",
        ));
    }
    if args.decoding.weighs_planner() && !planned {
        return Err(Failure::usage(
            "`--planner` and `--prior-share` need `--mode planned`",
        ));
    }
    if args.fusion_share.is_some() && !modes.contains(&ModeArg::Fusion) {
        return Err(Failure::usage("`--fusion-share` needs `--mode fusion`"));
    }
    if args.seeds > 1 && !(generates && args.decoding.samples()) {
        return Err(Failure::usage(
            "`--seeds` needs a decoder that samples: `--decoder reverse-annealed` or `--decoder \
             gumbel`",
        ));
    }
    let depth = args.depth.map_or(DEPTH, |depth| depth as usize);
    let deepest = args.metrics.iter().max_by_key(|metric| metric.cutoff());
    match deepest {
        Some(metric) if metric.cutoff() > Some(depth) && !modes.is_empty() => {
            Err(Failure::usage(format!(
                "{metric} looks at more than the {depth} documents that are searched for: add \
                 `--depth {}`",
                metric.cutoff().unwrap_or_default()
            )))
        }
        _ => Ok(()),
    }
}

/// Whether a name can be a file name on every platform and a column of a run file.
fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(is_plain)
}
