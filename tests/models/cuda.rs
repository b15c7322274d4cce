//! The checks that need a GPU: `cargo test --test models cuda -- --ignored --nocapture`, with
//! `ZEROGR_ORT` naming a GPU build of ONNX Runtime and, for the language model,
//! `ZEROGR_CUDA_MODEL` a folder that `zerogr model import` wrote.

use crate::support::installed;
use std::time::Instant;

use zerogr::raw::language::{GenerationRequest, Prompt, Sampling, TextGenerator};
use zerogr::raw::model::language::{
    Adapter, DecoderInput, DecoderOptions, DecoderSession, KvCache, KvRow, LanguageModel,
    LanguageModelOptions, LinearModule, LowRank,
};
use zerogr::raw::model::{CudaOptions, Device, Encoder, EncoderOptions};
use zerogr::raw::train::{AdapterFit, AdapterFitOptions, TrainingText};

fn cuda() -> Device {
    Device::Cuda(CudaOptions::new())
}

fn model_folder() -> std::path::PathBuf {
    let folder = std::env::var_os("ZEROGR_CUDA_MODEL");
    let message = "ZEROGR_CUDA_MODEL must name an imported model";
    folder.ok_or(message).unwrap().into()
}

fn open(device: Device) -> DecoderSession {
    DecoderSession::open(&model_folder(), &DecoderOptions::new().device(device)).unwrap()
}

#[test]
#[ignore = "needs a GPU"]
fn the_encoder_gives_the_same_vectors() {
    installed::setup();
    let texts: Vec<String> = (0..256)
        .map(|n| format!("wing number {n} flutters"))
        .collect();
    let encode = |device| {
        let encoder = Encoder::from_cache(&EncoderOptions::new().device(device)).unwrap();
        let started = Instant::now();
        let vectors = encoder.encode(&texts, 64, |_, _| Ok(())).unwrap();
        println!(
            "{device:?}: {:.0} texts/s",
            256.0 / started.elapsed().as_secs_f64()
        );
        (vectors, encoder.dim())
    };
    let ((on_cpu, dim), (on_cuda, _)) = (encode(Device::Cpu), encode(cuda()));
    for (a, b) in on_cpu.chunks_exact(dim).zip(on_cuda.chunks_exact(dim)) {
        let cosine: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        assert!(cosine > 0.999, "{cosine}");
    }
}

#[test]
#[ignore = "needs a GPU"]
fn a_pass_with_an_attention_bias_gives_the_same_logits() {
    installed::setup();
    let tokens: Vec<u32> = (1..9).collect();
    let positions = [0, 1, 2, 3, 4, 4, 5, 5];
    // Tokens 4 and 5 are siblings, 6 and 7 their children.
    let hidden = |row: usize, column: usize| match (row, column) {
        (5, 4) | (6, 5) | (7, 4) | (7, 6) => -30_000.0,
        _ => 0.0,
    };
    let bias: Vec<f32> = (0..64).map(|cell| hidden(cell / 8, cell % 8)).collect();
    let logits = [Device::Cpu, cuda()].map(|device| {
        let output = open(device).run(&DecoderInput {
            tokens: &tokens,
            positions: &positions,
            lens: &[8],
            bias: Some(&bias),
            past: None,
            head_rows: &[4, 5, 6, 7],
            head_columns: &[],
            keep_present: false,
        });
        let logits = output.unwrap().logits;
        (0..4)
            .flat_map(|row| logits.row(row).to_vec())
            .collect::<Vec<f32>>()
    });
    let difference = logits[0].iter().zip(&logits[1]).map(|(a, b)| (a - b).abs());
    let greatest = difference.fold(0.0, f32::max);
    println!("greatest difference of a logit: {greatest}");
    assert!(greatest < 0.05);
}

#[test]
#[ignore = "needs a GPU"]
fn caches_that_stay_on_the_device_give_the_same_logits() {
    installed::setup();
    let logits = [Device::Cpu, cuda()].map(|device| {
        let session = open(device);
        let pass = |tokens: &[u32], from: u32, past: Option<&KvCache>| {
            let rows = past.map_or(1, KvCache::rows);
            let positions: Vec<u32> = (from..).take(tokens.len() / rows).collect();
            let output = session.run(&DecoderInput {
                tokens,
                positions: &positions.repeat(rows),
                lens: &vec![tokens.len() / rows; rows],
                bias: None,
                past,
                head_rows: &(0..rows).collect::<Vec<_>>(),
                head_columns: &[],
                keep_present: true,
            });
            output.unwrap()
        };
        let first = pass(&[11, 12, 13, 14, 15], 0, None).present.unwrap();
        let second = pass(&[21, 22, 23], 0, None).present.unwrap();
        let first = first.select_columns(&[0, 1, 3]).unwrap();
        let (a, b) = (
            KvRow {
                cache: &first,
                row: 0,
            },
            KvRow {
                cache: &second,
                row: 0,
            },
        );
        let joined = KvCache::gather(&[a, b, a]).unwrap();
        let output = pass(&[31, 32, 33], 5, Some(&joined));
        let rows = (0..3).flat_map(|row| output.logits.row(row).to_vec());
        rows.collect::<Vec<f32>>()
    });
    let difference = logits[0].iter().zip(&logits[1]).map(|(a, b)| (a - b).abs());
    let greatest = difference.fold(0.0, f32::max);
    println!("greatest difference of a logit: {greatest}");
    assert!(greatest < 0.05);
}

#[test]
#[ignore = "needs a GPU"]
fn greedy_text_is_the_same_and_its_speed_is_printed() {
    installed::setup();
    let requests: Vec<GenerationRequest> = (0..16)
        .map(|n| GenerationRequest {
            prompt: Prompt::Completion(format!("The {n} most common causes of rust are")),
            name: n.to_string(),
            samples: 1,
            sampling: Sampling::GREEDY,
            max_new_tokens: 32,
            stop: Vec::new(),
        })
        .collect();
    let texts = [Device::Cpu, cuda()].map(|device| {
        let decoder = DecoderOptions::new().device(device);
        let options = LanguageModelOptions::new().decoder(decoder);
        let model = LanguageModel::open(model_folder(), &options).unwrap();
        let mut texts = vec![String::new(); requests.len()];
        let (started, mut tokens) = (Instant::now(), 0);
        model
            .generate(&requests, &mut |at, generated| {
                tokens += generated.completions[0].tokens;
                texts[at] = generated.completions[0].text.clone();
                Ok(())
            })
            .unwrap();
        let seconds = started.elapsed().as_secs_f64();
        println!("{device:?}: {:.0} tokens/s", tokens as f64 / seconds);
        texts
    });
    let same = texts[0]
        .iter()
        .zip(&texts[1])
        .filter(|(a, b)| a == b)
        .count();
    println!("{same} of 16 texts the same");
    assert!(same >= 14);
}

#[test]
#[ignore = "needs a GPU"]
fn an_adapter_of_the_last_layer_gives_the_same_logits() {
    installed::setup();
    let prompts = [(1..40).collect::<Vec<u32>>()];
    let logits = |device, is_adapted: bool| {
        let decoder = DecoderOptions::new().device(device);
        let options = LanguageModelOptions::new().decoder(decoder);
        let model = LanguageModel::open(model_folder(), &options).unwrap();
        let config = model.config();
        let (inputs, outputs) = (config.hidden, config.heads * config.head_dim);
        let wave = |n: usize| (n as f32 * 0.7).sin() / 10.0;
        let change = LowRank {
            layer: config.layers - 1,
            module: LinearModule::Query,
            inputs,
            outputs,
            a: (0..inputs * 4).map(wave).collect(),
            b: (0..outputs * 4).map(wave).collect(),
        };
        let adapter = Adapter::new(model.as_base(), 4, vec![change]).unwrap();
        match is_adapted {
            true => model.with_adapter(&adapter).unwrap().next_logits(&prompts),
            false => model.next_logits(&prompts),
        }
        .unwrap()
        .concat()
    };
    let off = |a: &[f32], b: &[f32]| {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    let (on_cpu, on_cuda) = (logits(Device::Cpu, true), logits(cuda(), true));
    assert!(off(&on_cpu, &on_cuda) < 0.05, "{}", off(&on_cpu, &on_cuda));
    assert!(off(&on_cuda, &logits(cuda(), false)) > 0.1);
}

#[test]
#[ignore = "needs a GPU"]
fn a_training_comes_to_the_same_losses() {
    installed::setup();
    let text = |number: u32| {
        let prompt = vec![number, 50, 51, 52];
        TrainingText::continuation(prompt, &[100 + number, 200], 2)
    };
    let texts: Vec<TrainingText> = (60..76).map(text).collect();
    let mut options = AdapterFitOptions::default();
    options.steps = 20;
    options.batch_texts = 8;
    let losses = [Device::Cpu, cuda()].map(|device| {
        let decoder = DecoderOptions::new().device(device);
        let fit = AdapterFit::open(&model_folder(), &decoder, &options).unwrap();
        let started = Instant::now();
        let mut losses = Vec::new();
        let fitted = fit.run(&texts, &texts, None, &mut |so_far| {
            losses.push(so_far.loss);
            Ok(())
        });
        let seconds = started.elapsed().as_secs_f64();
        println!("{device:?}: {:.2} s a step", seconds / 20.0);
        assert!(fitted.unwrap().report.best_step > 0);
        losses
    });
    for (a, b) in losses[0].iter().zip(&losses[1]) {
        assert!((a - b).abs() < 0.02 * (1.0 + a), "{a} {b}");
    }
}
