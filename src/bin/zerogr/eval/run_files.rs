//! Rankings from files and to files, in TREC's layouts.

use std::fs;
use std::io::BufWriter;
use std::path::Path;

use zerogr::raw::eval::Run;

use super::args::Args;
use super::measured::Cost;
use super::plan::Dataset;
use crate::console::failure::Failure;
use crate::console::result_file::{Content, ResultFile};

/// The answers of one system under one seed.
pub struct Answers {
    /// What was found.
    pub run: Run,
    /// What it cost; nothing is known of a run file.
    pub cost: Option<Cost>,
    /// The seed, where there are several.
    pub seed: Option<u64>,
}

/// Reads a run file; `{}` in its path stands for the name of the dataset.
pub fn read_run(path: &str, dataset: &Dataset) -> Result<Answers, Failure> {
    let path = path.replace("{}", &dataset.name);
    let run = Run::read(Path::new(&path))?;
    if !run
        .iter()
        .any(|(query, _)| dataset.qrels.get(query).is_some())
    {
        return Err(Failure::new(format!(
            "{path} answers no judged query of {}: it is the run of another collection, or empty",
            dataset.name
        )));
    }
    Ok(Answers {
        run,
        cost: None,
        seed: None,
    })
}

/// Writes what was asked for as run and judgement files.
pub fn write_runs(
    args: &Args,
    dataset: &Dataset,
    system: &str,
    answers: &[Answers],
) -> Result<(), Failure> {
    let write_run = |path: &Path, run: &Run, tag: &str| {
        let mut file = BufWriter::new(ResultFile::create(path, Content::Run)?);
        run.write(&mut file, tag)?;
        into_place(file, path)
    };
    if let (Some(path), [only]) = (&args.run, answers) {
        write_run(path, &only.run, "zerogr")?;
    }
    let Some(folder) = &args.runs else {
        return Ok(());
    };
    let folder = folder.join(&dataset.name);
    fs::create_dir_all(&folder).map_err(|error| Failure::io("creating", &folder, &error))?;
    let path = folder.join("qrels.trec");
    let mut file = BufWriter::new(ResultFile::create(&path, Content::Judgements)?);
    dataset.qrels.write_trec(&mut file)?;
    into_place(file, &path)?;
    for answers in answers {
        let name = match answers.seed {
            Some(seed) => format!("{system}.seed-{seed}.run"),
            None => format!("{system}.run"),
        };
        write_run(&folder.join(name), &answers.run, system)?;
    }
    Ok(())
}

fn into_place(file: BufWriter<ResultFile>, path: &Path) -> Result<(), Failure> {
    let file = file.into_inner();
    file.map_err(|error| Failure::io("writing", path, &error.into()))?
        .finish()
}
