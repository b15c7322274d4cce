use std::cell::Cell;
use std::path::Path;

use super::batch::Batch;
use super::order::Order;
use super::*;
use crate::convert::{random_decoder, small_llama};
use crate::decode::HIDDEN;
use crate::model::Runtime;
use crate::model::language::DecoderOptions;
use crate::{Error, Result};

const VOCAB: usize = 300;
const END: u32 = 0;

fn target(prefix: &[u32], allowed: &[u32], wanted: u32) -> PrefixTarget {
    PrefixTarget {
        prefix: prefix.to_vec(),
        allowed: Some(allowed.to_vec()),
        wanted: vec![(wanted, 1.0)],
    }
}

fn ranked(better: &[u32], worse: &[&[u32]]) -> Option<RankedPaths> {
    Some(RankedPaths {
        token: 9,
        better: better.to_vec(),
        worse: worse.iter().map(|path| path.to_vec()).collect(),
    })
}

/// Two docids below prompts that tell them apart.
fn texts() -> Vec<TrainingText> {
    let docids = [[21, 31], [22, 32], [23, 33], [24, 34]];
    let first: Vec<u32> = docids.iter().map(|docid| docid[0]).collect();
    let text = |(number, docid): (usize, &[u32; 2])| TrainingText {
        prompt: vec![7, 100 + number as u32, 50, 51],
        targets: vec![
            target(&[], &first, docid[0]),
            target(&docid[..1], &[31, 32, 33, 34, END], docid[1]),
        ],
        ranked: ranked(
            docid,
            &[&docids[(number + 1) % 4], &docids[(number + 2) % 4]],
        ),
    };
    docids.iter().enumerate().map(text).collect()
}

/// A model; `None` where ONNX Runtime is not installed.
fn model() -> Option<tempfile::TempDir> {
    if let Err(error) = Runtime::load(None) {
        eprintln!("skipped: {error}");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    random_decoder(folder.path(), &small_llama(VOCAB, 64), 1).unwrap();
    Some(folder)
}

fn options() -> AdapterFitOptions {
    AdapterFitOptions {
        rank: 4,
        learning_rate: 1e-2,
        batch_texts: 3,
        steps: 60,
        steps_per_ranking: 4,
        ..AdapterFitOptions::default()
    }
}

fn fit(folder: &Path, options: &AdapterFitOptions) -> AdapterFit {
    let decoder = DecoderOptions::new().threads(1);
    AdapterFit::open(folder, &decoder, options).unwrap()
}

fn run(fit: &AdapterFit) -> FittedAdapter {
    fit.run(&texts(), &texts(), None, &mut |_| Ok(())).unwrap()
}

#[test]
fn shared_prefixes_are_read_once_and_see_only_their_own_way() {
    let text = TrainingText {
        prompt: vec![1, 2],
        targets: vec![
            target(&[], &[5, 6], 5),
            target(&[5], &[7, 8], 8),
            target(&[5, 7], &[9, END], END),
            target(&[6], &[7, 9], 7),
        ],
        ranked: None,
    };
    let other = TrainingText {
        prompt: vec![3],
        targets: vec![target(&[], &[5, 6], 6)],
        ranked: None,
    };
    let Batch { rows, objective } = Batch::generating(&[&text, &other], VOCAB);
    assert_eq!((rows.rows, rows.width), (2, 5));
    assert_eq!(rows.tokens, [1, 2, 5, 7, 6, 3, 0, 0, 0, 0]);
    assert_eq!(rows.positions[..6], [0, 1, 2, 3, 2, 0]);
    let sees = |row: usize, token: usize| -> Vec<usize> {
        let line = &rows.bias[(row * 5 + token) * 5..][..5];
        (0..5).filter(|&at| line[at] == 0.0).collect()
    };
    assert_eq!(sees(0, 1), [0, 1]);
    assert_eq!(sees(0, 3), [0, 1, 2, 3]);
    assert_eq!(sees(0, 4), [0, 1, 4]);
    assert_eq!(sees(1, 0), [0]);
    assert_eq!(objective.head_rows, [1, 2, 3, 4, 5]);
    assert_eq!(objective.head_columns, [0, 5, 6, 7, 8, 9]);
    assert_eq!(
        objective.column_bias[..6],
        [HIDDEN, 0.0, 0.0, HIDDEN, HIDDEN, HIDDEN]
    );
    let places: Vec<(usize, usize)> = objective
        .targets
        .iter()
        .map(|target| (target.row, target.column))
        .collect();
    assert_eq!(places, [(0, 1), (1, 4), (2, 0), (3, 3), (4, 2)]);
}

#[test]
fn the_better_path_is_compared_with_each_of_the_others() {
    let text = TrainingText {
        prompt: vec![1],
        targets: Vec::new(),
        ranked: ranked(&[5, 6], &[&[5, 7], &[8]]),
    };
    let Batch { rows, objective } = Batch::ranking(&[&text, &text]);
    assert_eq!(rows.tokens[..5], [1, 5, 6, 7, 8]);
    assert_eq!(objective.head_rows, [2, 3, 4, 7, 8, 9]);
    assert_eq!(objective.head_columns, [9]);
    let pairs: Vec<(usize, usize)> = objective
        .pairs
        .iter()
        .map(|pair| (pair.better, pair.worse))
        .collect();
    assert_eq!(pairs, [(0, 1), (0, 2), (3, 4), (3, 5)]);
}

#[test]
fn every_round_sees_every_text_once_whatever_came_before() {
    let widths: Vec<usize> = (0..23).map(|at| 3 + at % 5).collect();
    let mut order = Order::new(&widths, 4, 3);
    let round = |order: &mut Order<'_>, number: usize| -> Vec<usize> {
        let steps = number * 6..(number + 1) * 6;
        steps.flat_map(|step| order.texts(step).to_vec()).collect()
    };
    let (first, second) = (round(&mut order, 0), round(&mut order, 1));
    assert_ne!(first, second);
    assert_eq!(round(&mut Order::new(&widths, 4, 3), 1), second);
    for mut seen in [first, second] {
        seen.sort_unstable();
        assert_eq!(seen, (0..23).collect::<Vec<_>>());
    }
}

#[test]
fn a_model_learns_to_generate_and_to_rank() {
    let Some(folder) = model() else { return };
    let fitted = run(&fit(folder.path(), &options()));
    let report = &fitted.report;
    // Two choices: one among four, one among five.
    assert!(report.initial_loss > 1.0, "{report:?}");
    assert!(report.best_loss < 0.1 * report.initial_loss, "{report:?}");
    assert!(report.best_step > 0);
    let upper = AdapterFitOptions {
        first_layer: 1,
        ..options()
    };
    let above = run(&fit(folder.path(), &upper));
    assert_eq!(above.shapes.len(), 7);
    assert!(above.report.best_loss < 0.3 * above.report.initial_loss);
    assert_eq!(above.report.initial_loss, report.initial_loss);

    // It goes on from there without having to learn it again.
    let on = AdapterFitOptions {
        steps: 1,
        ..options()
    };
    let again = fit(folder.path(), &on)
        .run(
            &texts(),
            &texts(),
            Some(fitted.factors.clone()),
            &mut |_| Ok(()),
        )
        .unwrap();
    assert_eq!(again.report.initial_loss, report.best_loss);
    let other = AdapterFitOptions { rank: 5, ..on };
    let error =
        fit(folder.path(), &other).run(&texts(), &texts(), Some(fitted.factors), &mut |_| Ok(()));
    assert!(error.unwrap_err().is_invalid_input());
}

#[test]
fn a_fit_that_was_stopped_anywhere_ends_with_the_same_bytes() {
    let Some(folder) = model() else { return };
    let options = AdapterFitOptions {
        steps: 50,
        ..options()
    };
    let whole = run(&fit(folder.path(), &options));
    for stop in [1, 7, 20, 21, 39, 40, 49] {
        let path = folder.path().join("checkpoint");
        let _ = std::fs::remove_file(&path);
        let stopped = fit(folder.path(), &options).checkpoint(path.clone());
        let cut = stopped.run(
            &texts(),
            &texts(),
            None,
            &mut |so_far| match so_far.steps == stop {
                true => Err(Error::invalid("stopped")),
                false => Ok(()),
            },
        );
        assert!(cut.is_err());
        let first = Cell::new(None);
        let on = fit(folder.path(), &options).checkpoint(path.clone());
        let rest = on.run(&texts(), &texts(), None, &mut |so_far| {
            first.set(first.get().or(Some(so_far.steps)));
            Ok(())
        });
        assert_eq!(first.get(), Some(stop / 20 * 20 + 1));
        assert_eq!(rest.unwrap(), whole, "stopped at {stop}");
    }
}

#[test]
fn a_checkpoint_of_something_else_or_a_damaged_one_is_none() {
    let Some(folder) = model() else { return };
    let options = AdapterFitOptions {
        steps: 20,
        ..options()
    };
    let path = folder.path().join("checkpoint");
    let steps_of = |options: &AdapterFitOptions| -> Result<usize> {
        let steps = Cell::new(0);
        let fit = fit(folder.path(), options).checkpoint(path.clone());
        fit.run(&texts(), &texts(), None, &mut |_| {
            steps.set(steps.get() + 1);
            Ok(())
        })?;
        Ok(steps.get())
    };
    assert_eq!(steps_of(&options).unwrap(), 20);
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(steps_of(&options).unwrap(), 0);
    for at in [21, 30, 60, 100, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(steps_of(&options).unwrap(), 20, "byte {at}");
        std::fs::write(&path, &whole[..at]).unwrap();
        assert_eq!(steps_of(&options).unwrap(), 20, "cut at {at}");
    }
    std::fs::write(&path, b"").unwrap();
    assert_eq!(steps_of(&options).unwrap(), 20);
    let other = AdapterFitOptions { seed: 2, ..options };
    assert_eq!(steps_of(&other).unwrap(), 20);
    for foreign in [&b"a letter"[..], &whole[1..]] {
        std::fs::write(&path, foreign).unwrap();
        let error = steps_of(&other).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::AlreadyExists, "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), foreign);
    }
}
