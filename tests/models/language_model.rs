//! Language models: passes with and without a cache, texts alone and together. The model has
//! random weights, which is all that these laws need.

use std::path::Path;
use std::sync::OnceLock;

use crate::support::installed;
use tempfile::TempDir;
use zerogr::ErrorKind;
use zerogr::raw::convert::{DecoderConfig, random_decoder, small_llama};
use zerogr::raw::language::{
    Completion, Finish, GenerationRequest, Prompt, Sampling, TextGenerator,
};
use zerogr::raw::model::Device;
use zerogr::raw::model::language::{
    DecoderInput, DecoderOptions, DecoderSession, KvCache, KvRow, LanguageModel,
    LanguageModelConfig, LanguageModelOptions,
};

const POSITIONS: usize = 640;

fn config() -> DecoderConfig {
    small_llama(400, POSITIONS)
}

/// The folder of the model, made once.
fn folder() -> &'static Path {
    installed::setup();
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        random_decoder(folder.path(), &config(), 11).unwrap();
        folder
    });
    folder.path()
}

fn decoder_options() -> DecoderOptions {
    DecoderOptions::new().device(Device::Cpu).threads(1)
}

/// As the CPU runs it, and as CUDA would.
fn both_ways() -> [DecoderOptions; 2] {
    [false, true].map(|cuda| decoder_options().rehearse_cuda(cuda))
}

fn models(rows: usize) -> Vec<LanguageModel> {
    let open = |decoder| {
        let options = LanguageModelOptions::new()
            .decoder(decoder)
            .batch_rows(rows);
        LanguageModel::open(folder(), &options).unwrap()
    };
    both_ways().map(open).into()
}

/// Logits of every token of a text, read at once and without a cache.
fn all_logits(session: &DecoderSession, tokens: &[u32]) -> Vec<Vec<f32>> {
    let positions: Vec<u32> = (0..tokens.len() as u32).collect();
    let head_rows: Vec<usize> = (0..tokens.len()).collect();
    let output = session
        .run(&DecoderInput {
            tokens,
            positions: &positions,
            lens: &[tokens.len()],
            bias: None,
            past: None,
            head_rows: &head_rows,
            head_columns: &[],
            keep_present: false,
        })
        .unwrap();
    assert!(output.present.is_none());
    head_rows
        .iter()
        .map(|&row| output.logits.row(row).to_vec())
        .collect()
}

fn assert_close(found: &[f32], want: &[f32]) {
    assert_eq!(found.len(), want.len());
    for (found, want) in found.iter().zip(want) {
        assert!((found - want).abs() <= 1e-3, "{found} instead of {want}");
    }
}

/// One pass over one row; gives the logits of all its tokens and the cache.
fn read_on(
    session: &DecoderSession,
    past: Option<&KvCache>,
    tokens: &[u32],
    positions: &[u32],
    bias: Option<&[f32]>,
) -> (Vec<Vec<f32>>, KvCache) {
    let head_rows: Vec<usize> = (0..tokens.len()).collect();
    let output = session
        .run(&DecoderInput {
            tokens,
            positions,
            lens: &[tokens.len()],
            bias,
            past,
            head_rows: &head_rows,
            head_columns: &[],
            keep_present: true,
        })
        .unwrap();
    let rows = head_rows
        .iter()
        .map(|&row| output.logits.row(row).to_vec())
        .collect();
    (rows, output.present.unwrap())
}

fn sessions() -> Vec<DecoderSession> {
    let open = |options| DecoderSession::open(folder(), &options).unwrap();
    both_ways().map(open).into()
}

#[test]
fn a_cache_changes_nothing() {
    for session in sessions() {
        let text: Vec<u32> = (0..40).map(|i| 1 + (i * 37) % 256).collect();
        let want = all_logits(&session, &text);
        let (first, mut cache) = read_on(&session, None, &text[..7], &[0, 1, 2, 3, 4, 5, 6], None);
        for (found, want) in first.iter().zip(&want) {
            assert_close(found, want);
        }
        let positions: Vec<u32> = (7..20).collect();
        let (more, grown) = read_on(&session, Some(&cache), &text[7..20], &positions, None);
        for (found, want) in more.iter().zip(&want[7..]) {
            assert_close(found, want);
        }
        cache = grown;
        for at in 20..40 {
            let (one, grown) = read_on(&session, Some(&cache), &text[at..=at], &[at as u32], None);
            assert_close(&one[0], &want[at]);
            cache = grown;
        }
        assert_eq!((cache.rows(), cache.width()), (1, 40));
        // Cut back, another way on gives what that text gives from the start.
        let cut = cache.truncate(11).unwrap();
        let (one, _) = read_on(&session, Some(&cut), &[99], &[11], None);
        let other = [&text[..11], &[99]].concat();
        assert_close(&one[0], all_logits(&session, &other).last().unwrap());
    }
}

#[test]
fn rows_of_different_lengths_go_on_together() {
    for session in sessions() {
        let texts: [&[u32]; 3] = [&[5, 6, 7, 8, 9], &[50, 60], &[7; 9]];
        let width = 9;
        let mut tokens = Vec::new();
        for text in texts {
            tokens.extend_from_slice(text);
            tokens.resize(tokens.len() + width - text.len(), 3);
        }
        let lens = texts.map(<[u32]>::len);
        let positions: Vec<u32> = (0..3).flat_map(|_| 0..9).collect();
        let head_rows = [4, 9 + 1, 18 + 8];
        let output = session
            .run(&DecoderInput {
                tokens: &tokens,
                positions: &positions,
                lens: &lens,
                bias: None,
                past: None,
                head_rows: &head_rows,
                head_columns: &[],
                keep_present: true,
            })
            .unwrap();
        for (row, text) in texts.iter().enumerate() {
            assert_close(
                output.logits.row(row),
                all_logits(&session, text).last().unwrap(),
            );
        }
        let cache = output.present.unwrap();
        assert_eq!(cache.row_lens(), [5, 2, 9]);
        // The last row twice, the first not at all, in another order.
        let row = |row| KvRow { cache: &cache, row };
        let gathered = KvCache::gather(&[row(2), row(1), row(2)]).unwrap();
        let mut texts = [texts[2].to_vec(), texts[1].to_vec(), texts[2].to_vec()];
        let mut cache = gathered;
        for step in 0..4u32 {
            let tokens = [10 + step, 20 + step, 30 + step];
            let positions: Vec<u32> = texts.iter().map(|text| text.len() as u32).collect();
            let output = session
                .run(&DecoderInput {
                    tokens: &tokens,
                    positions: &positions,
                    lens: &[1, 1, 1],
                    bias: None,
                    past: Some(&cache),
                    head_rows: &[0, 1, 2],
                    head_columns: &[],
                    keep_present: true,
                })
                .unwrap();
            for (row, text) in texts.iter_mut().enumerate() {
                text.push(tokens[row]);
                assert_close(
                    output.logits.row(row),
                    all_logits(&session, text).last().unwrap(),
                );
            }
            cache = output.present.unwrap();
        }
    }
}

#[test]
fn a_tree_below_a_prompt_is_read_in_one_pass() {
    for session in sessions() {
        let prompt: Vec<u32> = vec![11, 12, 13, 14];
        let (_, past) = read_on(&session, None, &prompt, &[0, 1, 2, 3], None);
        // (token, parent), ancestors first.
        let nodes: [(u32, Option<usize>); 6] = [
            (21, None),
            (22, None),
            (31, Some(0)),
            (32, Some(0)),
            (33, Some(1)),
            (41, Some(3)),
        ];
        let path = |mut node: usize| {
            let mut path = vec![node];
            while let Some(parent) = nodes[node].1 {
                path.insert(0, parent);
                node = parent;
            }
            path
        };
        let total = prompt.len() + nodes.len();
        let mut bias = vec![-1e9_f32; nodes.len() * total];
        let mut positions = Vec::new();
        for node in 0..nodes.len() {
            let line = &mut bias[node * total..(node + 1) * total];
            line[..prompt.len()].fill(0.0);
            path(node)
                .iter()
                .for_each(|&seen| line[prompt.len() + seen] = 0.0);
            positions.push((prompt.len() + path(node).len() - 1) as u32);
        }
        let tokens = nodes.map(|(token, _)| token);
        let (logits, present) = read_on(&session, Some(&past), &tokens, &positions, Some(&bias));
        let text = |node: usize| {
            let own = path(node).into_iter().map(|node| tokens[node]);
            prompt.iter().copied().chain(own).collect::<Vec<u32>>()
        };
        for (node, found) in logits.iter().enumerate() {
            assert_close(found, all_logits(&session, &text(node)).last().unwrap());
        }
        // The columns of one path, kept, are the cache of that text.
        let kept: Vec<usize> = (0..4).chain([4, 4 + 3, 4 + 5]).collect();
        let kept = present.select_columns(&kept).unwrap();
        let (next, _) = read_on(&session, Some(&kept), &[77], &[7], None);
        let longer = [text(5), vec![77]].concat();
        assert_close(&next[0], all_logits(&session, &longer).last().unwrap());
    }
}

#[test]
fn only_the_columns_asked_for_are_computed() {
    for session in sessions() {
        let input = DecoderInput {
            tokens: &[5, 6, 7],
            positions: &[0, 1, 2],
            lens: &[3],
            bias: None,
            past: None,
            head_rows: &[2, 0],
            head_columns: &[9, 200, 3],
            keep_present: false,
        };
        let logits = session.run(&input).unwrap().logits;
        let all = all_logits(&session, &[5, 6, 7]);
        assert_eq!(logits.columns(), 3);
        assert_close(logits.row(0), &[all[2][9], all[2][200], all[2][3]]);
        assert_close(logits.row(1), &[all[0][9], all[0][200], all[0][3]]);
        assert!(logits.row(2).is_empty());
    }
}

#[test]
fn passes_that_make_no_sense_are_refused() {
    for session in sessions() {
        let good = DecoderInput {
            tokens: &[5, 6],
            positions: &[0, 1],
            lens: &[2],
            bias: None,
            past: None,
            head_rows: &[1],
            head_columns: &[],
            keep_present: true,
        };
        let cache = session.run(&good).unwrap().present.unwrap();
        let bad = [
            DecoderInput {
                tokens: &[],
                positions: &[],
                ..good
            },
            DecoderInput {
                positions: &[0],
                ..good
            },
            DecoderInput { lens: &[3], ..good },
            DecoderInput { lens: &[0], ..good },
            DecoderInput {
                lens: &[1, 1],
                past: Some(&cache),
                ..good
            },
            DecoderInput {
                bias: Some(&[0.0; 3]),
                ..good
            },
            DecoderInput {
                head_rows: &[2],
                ..good
            },
        ];
        for input in bad {
            assert!(
                session.run(&input).unwrap_err().is_invalid_input(),
                "{input:?}"
            );
        }
        let unknown = DecoderInput {
            tokens: &[5, 1_000_000],
            ..good
        };
        assert_eq!(session.run(&unknown).unwrap_err().kind(), ErrorKind::Model);
        assert!(cache.truncate(3).unwrap_err().is_invalid_input());
        assert!(KvCache::gather(&[]).unwrap_err().is_invalid_input());
    }
}

fn request(name: &str, prompt: &str) -> GenerationRequest {
    GenerationRequest {
        prompt: Prompt::Completion(prompt.to_owned()),
        name: name.to_owned(),
        samples: 1,
        sampling: Sampling::GREEDY,
        max_new_tokens: 12,
        stop: Vec::new(),
    }
}

fn requests(sampling: Sampling) -> Vec<GenerationRequest> {
    (0..13usize)
        .map(|number| {
            let prompt = "abc de fgh i. ".repeat(1 + number * 5 % 7);
            GenerationRequest {
                samples: 1 + number % 3,
                sampling,
                max_new_tokens: 3 + number,
                ..request(&format!("r{number}"), &format!("{prompt}{number}"))
            }
        })
        .collect()
}

fn write(model: &LanguageModel, requests: &[GenerationRequest]) -> Vec<Vec<Completion>> {
    let mut found = vec![Vec::new(); requests.len()];
    model
        .generate(requests, &mut |at, generated| {
            assert!(found[at].is_empty(), "reported twice");
            found[at] = generated.completions;
            Ok(())
        })
        .unwrap();
    found
}

const HOT: Sampling = Sampling {
    temperature: 1.0,
    top_k: 40,
    top_p: 0.95,
    seed: 3,
};

#[test]
fn texts_do_not_depend_on_what_is_written_with_them() {
    for model in models(5) {
        for sampling in [Sampling::GREEDY, HOT] {
            let requests = requests(sampling);
            let together = write(&model, &requests);
            for (request, together) in requests.iter().zip(&together) {
                assert_eq!(together.len(), request.samples);
                let alone = write(&model, std::slice::from_ref(request));
                assert_eq!(alone[0], *together, "{}", request.name);
            }
            let mut reversed = requests.clone();
            reversed.reverse();
            let mut again = write(&model, &reversed);
            again.reverse();
            assert_eq!(again, together);
        }
    }
}

#[test]
fn greedy_text_is_the_maximum_of_every_step() {
    for model in models(4) {
        let session = model.session().unwrap();
        let found = write(&model, &[request("a", "some text to go on with")]);
        let mut tokens = model
            .prompt_ids(&Prompt::Completion("some text to go on with".into()))
            .unwrap();
        let start = tokens.len();
        for _ in 0..12 {
            let logits = all_logits(session, &tokens).pop().unwrap();
            let best =
                (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]).then(b.cmp(&a)));
            if best == Some(0) {
                break;
            }
            tokens.push(best.unwrap() as u32);
        }
        let text = model.tokenizer().decode(&tokens[start..]).unwrap();
        assert_eq!(found[0][0].text, text.trim_end_matches('\u{fffd}').trim());
        assert_eq!(found[0][0].tokens, tokens.len() - start);
    }
}

#[test]
fn a_shared_beginning_is_read_once_and_changes_nothing() {
    for model in models(4) {
        let shared = "These words stand in front of every one of the prompts here. ";
        let requests: Vec<GenerationRequest> = (0..6)
            .map(|number| {
                request(
                    &format!("s{number}"),
                    &format!("{shared}{}", "x".repeat(1 + number)),
                )
            })
            .collect();
        let together = write(&model, &requests);
        for (request, together) in requests.iter().zip(&together) {
            assert_eq!(write(&model, std::slice::from_ref(request))[0], *together);
        }
    }
}

#[test]
fn seeds_decide() {
    for model in models(8) {
        let hot = |seed| GenerationRequest {
            samples: 4,
            sampling: Sampling {
                temperature: 2.0,
                top_k: 0,
                top_p: 1.0,
                seed,
            },
            ..request("a", "once upon a time")
        };
        let found = write(&model, &[hot(1), hot(2), hot(1)]);
        assert_eq!(found[0], found[2]);
        assert_ne!(found[0], found[1]);
        assert_ne!(found[0][0], found[0][1]);
    }
}

#[test]
fn limits_and_stops_hold() {
    for model in models(8) {
        let long = GenerationRequest {
            max_new_tokens: 40,
            sampling: HOT,
            ..request("a", "some text")
        };
        let found = &write(&model, std::slice::from_ref(&long))[0][0];
        assert!(found.tokens <= 40);
        assert_eq!(found.finish == Finish::Length, found.tokens == 40);
        // Stop before a letter of what came.
        let middle = found
            .text
            .chars()
            .filter(|c| c.is_alphanumeric())
            .nth(5)
            .unwrap();
        let stop = GenerationRequest {
            stop: vec![middle.to_string()],
            ..long.clone()
        };
        let cut = &write(&model, &[stop])[0][0];
        assert_eq!(cut.finish, Finish::Stop);
        assert_eq!(
            cut.text,
            found.text.split(middle).next().unwrap().trim_end()
        );

        let does_not_fit = GenerationRequest {
            max_new_tokens: POSITIONS,
            ..long.clone()
        };
        let fits = GenerationRequest {
            prompt: Prompt::Completion("y".repeat(POSITIONS - 9)),
            max_new_tokens: 9,
            ..long.clone()
        };
        let mut calls = 0;
        let error = model
            .generate(&[long.clone(), does_not_fit], &mut |_, _| {
                calls += 1;
                Ok(())
            })
            .unwrap_err();
        assert_eq!((error.kind(), calls), (ErrorKind::Limit, 0));
        assert!(write(&model, &[fits, long])[0][0].tokens <= 9);
        let empty = model.generate(&[request("a", "")], &mut |_, _| Ok(()));
        assert!(empty.unwrap_err().is_invalid_input());
        let chat = Prompt::Chat {
            system: String::new(),
            user: "x".into(),
        };
        let chat = GenerationRequest {
            prompt: chat,
            ..request("a", "")
        };
        let refused = model.generate(&[chat], &mut |_, _| Ok(()));
        assert!(refused.unwrap_err().is_invalid_input());
    }
}

#[test]
fn special_tokens_in_a_document_are_text() {
    for model in models(1) {
        let ids = model
            .prompt_ids(&Prompt::Completion("a <|endoftext|> b".into()))
            .unwrap();
        assert!(!ids.contains(&0), "{ids:?}");
        let line = "long ".repeat(20_000);
        let cut = model.first_tokens(&line, 10).unwrap();
        assert_eq!(
            model
                .prompt_ids(&Prompt::Completion(cut.into()))
                .unwrap()
                .len(),
            10
        );
        let unbroken = "x".repeat(100_000);
        assert_eq!(model.first_tokens(&unbroken, 300).unwrap().len(), 300);
        assert_eq!(model.first_tokens("short", 300).unwrap(), "short");
    }
}

/// A copy of the model's folder.
fn copy(source: &std::path::Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

#[test]
fn the_special_tokens_of_a_chat_are_those_of_its_template() {
    let source = folder();
    let copy = copy(source);
    LanguageModelConfig {
        chat_template: Some("{{ messages[0].content }}<|endoftext|>{{ eos_token }}".into()),
        ..LanguageModelConfig::read(source).unwrap()
    }
    .write(copy.path())
    .unwrap();
    let options = LanguageModelOptions::new().decoder(decoder_options());
    let model = LanguageModel::open(copy.path(), &options).unwrap();
    let ask = |user: &str| {
        let system = String::new();
        let user = user.to_owned();
        model.prompt_ids(&Prompt::Chat { system, user }).unwrap()
    };
    let plain = model.prompt_ids(&Prompt::Completion("a b".into())).unwrap();
    assert_eq!(ask("a b"), [plain, vec![0, 0]].concat());
    let ends = |ids: Vec<u32>| ids.into_iter().filter(|&id| id == 0).count();
    assert_eq!(ends(ask("a <|endoftext|> b")), 2);
    // A template is part of what the model computes.
    assert_ne!(
        model.fingerprint(),
        LanguageModel::open(source, &options).unwrap().fingerprint()
    );
}

#[test]
fn a_chat_template_that_does_not_work_leaves_the_rest() {
    let source = folder();
    let copy = copy(source);
    LanguageModelConfig {
        chat_template: Some("{% unheard_of %}".into()),
        ..LanguageModelConfig::read(source).unwrap()
    }
    .write(copy.path())
    .unwrap();
    let options = LanguageModelOptions::new().decoder(decoder_options());
    let model = LanguageModel::open(copy.path(), &options).unwrap();
    assert_eq!(model.config().chat_template, None);
    model.prompt_ids(&Prompt::Completion("a".into())).unwrap();
    let (system, user) = (String::new(), "a".to_owned());
    let error = model
        .prompt_ids(&Prompt::Chat { system, user })
        .unwrap_err();
    assert!(error.to_string().contains("unheard_of"), "{error}");
}

#[test]
fn a_record_that_leads_out_of_its_folder_is_refused() {
    let source = folder();
    let copy = copy(source);
    let record = LanguageModelConfig::read(source).unwrap();
    for graph in ["../model.onnx", "/model.onnx", "a/../../model.onnx"] {
        let graph = graph.to_owned();
        let changed = LanguageModelConfig {
            graph,
            ..record.clone()
        };
        changed.write(copy.path()).unwrap();
        let error = LanguageModelConfig::read(copy.path()).unwrap_err();
        assert!(error.to_string().contains("outside the folder"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_at_once() {
    let source = folder();
    let options = LanguageModelOptions::new().decoder(decoder_options());
    for file in [
        "tokenizer.json",
        "zerogr-model.json",
        "model.onnx",
        "model.weights",
    ] {
        let copy = copy(source);
        let path = copy.path().join(file);
        std::fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let error = LanguageModel::open(copy.path(), &options).unwrap_err();
        assert!(
            error.to_string().contains("regular file"),
            "{file}: {error}"
        );
    }
}

#[test]
fn a_tokenizer_of_another_model_is_refused() {
    let source = folder();
    let copy = copy(source);
    let config = LanguageModelConfig::read(source).unwrap();
    LanguageModelConfig {
        vocab: 300,
        ..config
    }
    .write(copy.path())
    .unwrap();
    let options = LanguageModelOptions::new().decoder(decoder_options());
    let error = LanguageModel::open(copy.path(), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model);
    assert!(error.to_string().contains("belong together"), "{error}");
}

#[test]
fn damaged_folders_say_what_is_wrong() {
    let source = folder();
    let options = LanguageModelOptions::new().decoder(decoder_options());
    for (file, replacement) in [
        ("tokenizer.json", None),
        ("tokenizer.json", Some("{}")),
        ("zerogr-model.json", None),
        ("zerogr-model.json", Some("{\"format\": 1}")),
        ("model.onnx", None),
        ("model.onnx", Some("not a graph")),
        ("model.weights", None),
        ("model.weights", Some("short")),
    ] {
        let copy = copy(source);
        let path = copy.path().join(file);
        match replacement {
            Some(text) => std::fs::write(&path, text).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let error = LanguageModel::open(copy.path(), &options).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Model,
            "{file} {replacement:?}: {error}"
        );
    }
}

#[test]
fn a_folder_without_a_graph_for_cuda_runs_on_the_cpu_alone() {
    let source = folder();
    let copy = copy(source);
    std::fs::remove_file(copy.path().join("model.cuda.onnx")).unwrap();
    let mut config = LanguageModelConfig::read(copy.path()).unwrap();
    for cuda_graph in [config.cuda_graph.take(), None] {
        config.cuda_graph = cuda_graph;
        config.write(copy.path()).unwrap();
        let [cpu, cuda] = both_ways();
        DecoderSession::open(copy.path(), &cpu).unwrap();
        let error = DecoderSession::open(copy.path(), &cuda).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model);
        assert!(error.to_string().contains("zerogr model import"), "{error}");
    }
}
