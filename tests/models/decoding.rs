//! A language model over the trie: tree attention gives what reading each path alone gives, and
//! every decoder finds the same.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::rc::Rc;

use tempfile::TempDir;
use zerogr::Result;
use zerogr::raw::convert::{random_decoder, small_llama};
use zerogr::raw::decode::*;
use zerogr::raw::model::Device;
use zerogr::raw::model::language::{
    DecoderInput, DecoderOptions, DecoderSession, LanguageModel, LanguageModelOptions,
};
use zerogr::raw::trie::{END, Forest};

use crate::support::decoding::shapes::{one_each, shapes};
use crate::support::decoding::*;
use crate::support::installed;

const PROMPT: [u32; 5] = [31, 7, 299, 7, 120];
const END_TOKEN: u32 = 0;
const RERANK_TOKEN: u32 = 298;
const MAX_POSITIONS: usize = 200;

/// Sums in another order differ by this much.
const NOISE: f32 = 1e-3;

fn model() -> (TempDir, Rc<DecoderSession>) {
    installed::setup();
    let config = small_llama(300, MAX_POSITIONS);
    let folder = tempfile::tempdir().unwrap();
    random_decoder(folder.path(), &config, 11).unwrap();
    let session = open(folder.path(), false);
    (folder, session)
}

/// The model as the CPU runs it, or as CUDA would.
fn open(folder: &Path, as_on_cuda: bool) -> Rc<DecoderSession> {
    let options = DecoderOptions::new().device(Device::Cpu).threads(1);
    let options = options.rehearse_cuda(as_on_cuda);
    Rc::new(DecoderSession::open(folder, &options).unwrap())
}

fn asked(prompt: &[u32]) -> LanguageQuery<'_> {
    LanguageQuery {
        prompt,
        end_token: END_TOKEN,
        rerank_token: Some(RERANK_TOKEN),
        max_positions: MAX_POSITIONS,
    }
}

/// Reads the prompt and the whole path anew for every logit.
struct PathByPath {
    decoder: Rc<DecoderSession>,
    known: RefCell<HashMap<Vec<u32>, Vec<f32>>>,
}

impl PathByPath {
    fn new(decoder: &Rc<DecoderSession>) -> Rc<Self> {
        Rc::new(PathByPath {
            decoder: decoder.clone(),
            known: RefCell::default(),
        })
    }

    /// The same as a table.
    fn table(self: &Rc<Self>) -> Box<Logits<'static>> {
        let alone = self.clone();
        Box::new(move |prefix: &[u32], token: u32| alone.logit(prefix, token))
    }

    fn logit(&self, prefix: &[u32], token: u32) -> f32 {
        let mut known = self.known.borrow_mut();
        let logits = known.entry(prefix.to_vec()).or_insert_with(|| {
            let tokens = [&PROMPT, prefix].concat();
            let positions: Vec<u32> = (0..tokens.len() as u32).collect();
            let input = DecoderInput {
                tokens: &tokens,
                positions: &positions,
                lens: &[tokens.len()],
                bias: None,
                past: None,
                head_rows: &[tokens.len() - 1],
                head_columns: &[],
                keep_present: false,
            };
            self.decoder.run(&input).unwrap().logits.row(0).to_vec()
        });
        logits[if token == END { END_TOKEN } else { token } as usize]
    }
}

/// Tree attention, each of its logits held against the path read alone.
struct Compared<'a> {
    tree: LanguageExpander<'a>,
    alone: &'a PathByPath,
    forest: &'a Forest<'a>,
}

impl Expander for Compared<'_> {
    fn prefill(&mut self) -> Result<()> {
        self.tree.prefill()
    }

    fn batch(&self) -> usize {
        self.tree.batch()
    }

    fn expand(&mut self, nodes: &[Branching<'_>], logits: &mut Vec<f32>) -> Result<()> {
        let first = logits.len();
        self.tree.expand(nodes, logits)?;
        let mut got = logits[first..].iter();
        for branching in nodes {
            let prefix = self.forest.tokens_to(branching.node)?;
            for child in branching.children {
                let (got, alone) = (got.next().unwrap(), self.alone.logit(&prefix, child.token));
                let difference = (got - alone).abs();
                assert!(
                    difference < NOISE,
                    "{prefix:?}, {}: {got} {alone}",
                    child.token
                );
            }
        }
        assert!(got.next().is_none());
        Ok(())
    }
}

fn corpora() -> Vec<(&'static str, Corpus)> {
    let wide: Vec<Docid> = (0..300u32)
        .map(|n| vec![n % 7, n / 7 % 5, n / 35, n % 2, n])
        .map(|docid| docid.into_iter().map(|token| token % 97).collect())
        .collect();
    let wide: Vec<&[u32]> = wide.iter().map(Vec::as_slice).collect();
    let mut corpora = shapes();
    corpora.push(("three hundred docids", Corpus::new(vec![one_each(&wide)])));
    corpora
}

/// Documents with scores to the precision that float noise leaves.
fn found(decoded: &Decoded) -> Vec<(Document, i64)> {
    let of = |one: &Drawn| (place(one), (one.log_prob * 200.0).round() as i64);
    let mut all: Vec<_> = decoded.passages.iter().map(of).collect();
    all.sort_unstable();
    all
}

#[test]
fn tree_attention_equals_reading_each_path_alone_and_finds_the_same() {
    let (folder, decoder) = model();
    check_tree_attention(&decoder, &decoder);
    check_tree_attention(&open(folder.path(), true), &decoder);
}

fn check_tree_attention(decoder: &Rc<DecoderSession>, one_by_one: &Rc<DecoderSession>) {
    let alone = PathByPath::new(one_by_one);
    let logits = alone.table();
    for (name, corpus) in corpora() {
        let forest = corpus.forest();
        for one in all_decoders(5) {
            let expected = run(&corpus, &*logits, &one, 20);
            for batch in [1, 3, 16] {
                let query = asked(&PROMPT);
                let mut expander = Compared {
                    tree: LanguageExpander::new(decoder, query, &forest).batch_of(batch),
                    alone: &alone,
                    forest: &forest,
                };
                let mut memo = Memo::new(&forest, &mut expander);
                let decoded = one.decode(&mut memo, &request(&corpus, 20)).unwrap();
                let documents = |decoded: &Decoded| -> Vec<Document> {
                    let all = decoded.passages.iter();
                    all.map(place).collect()
                };
                let same_order = documents(&decoded) == documents(&expected);
                assert!(
                    same_order || found(&decoded) == found(&expected),
                    "{name}, {one:?}, {batch} a pass"
                );
                assert!(memo.work().prefills <= 1);
            }
        }
    }
}

#[test]
fn draws_of_a_language_model_equal_the_literal_loop() {
    let (_folder, decoder) = model();
    let alone = PathByPath::new(&decoder);
    let logits = alone.table();
    for (name, corpus) in corpora() {
        let forest = corpus.forest();
        for seed in 0..5 {
            let options = ReverseAnnealed {
                seed,
                ..ReverseAnnealed::default()
            };
            let order = literal(&corpus.live_docids(), &*logits, &options);
            let query = asked(&PROMPT);
            let mut expander = LanguageExpander::new(&decoder, query, &forest);
            let mut memo = Memo::new(&forest, &mut expander);
            let decoder = Decoder::ReverseAnnealed(options);
            let decoded = decoder
                .decode(&mut memo, &request(&corpus, usize::MAX))
                .unwrap();
            let drawn: Vec<BTreeSet<Document>> = groups(&decoded.passages);
            assert_eq!(drawn, corpus.documents_by_draw(&order), "{name}, {seed}");
        }
    }
}

#[test]
fn a_tree_that_grows_too_large_is_read_again_with_the_same_result() {
    let (_folder, decoder) = model();
    let alone = PathByPath::new(&decoder);
    let many: Vec<Docid> = (0..1_500u32)
        .map(|n| vec![n % 83, n / 83 + n % 3, n % 61, n % 11])
        .collect();
    let many: Vec<&[u32]> = many.iter().map(Vec::as_slice).collect();
    let corpus = Corpus::new(vec![one_each(&many)]);
    let forest = corpus.forest();
    let query = asked(&PROMPT);
    let mut expander = Compared {
        tree: LanguageExpander::new(&decoder, query, &forest),
        alone: &alone,
        forest: &forest,
    };
    let mut memo = Memo::new(&forest, &mut expander);
    let decoded = Decoder::BestFirst
        .decode(&mut memo, &request(&corpus, 1_500))
        .unwrap();
    assert_eq!(decoded.passages.len(), 1_500);
    assert!(expander.tree.tokens_read() > 2 * MAX_POSITIONS as u64);
}

#[test]
fn a_prompt_without_room_for_a_docid_is_refused() {
    let (_folder, decoder) = model();
    let corpus = Corpus::new(vec![one_each(&[&[1, 2], &[1, 3]])]);
    let forest = corpus.forest();
    let query = asked(&[7; 150]);
    let mut expander = LanguageExpander::new(&decoder, query, &forest);
    let mut memo = Memo::new(&forest, &mut expander);
    let refused = Decoder::BestFirst.decode(&mut memo, &request(&corpus, 1));
    assert_eq!(refused.unwrap_err().kind(), zerogr::ErrorKind::Limit);
}

#[test]
fn the_rerank_logit_is_that_behind_the_whole_docid() {
    let (_folder, decoder) = model();
    let alone = PathByPath::new(&decoder);
    let corpus = Corpus::new(vec![one_each(&[&[1], &[1, 2], &[1, 2, 3], &[9, 9, 4, 5]])]);
    let forest = corpus.forest();
    let query = asked(&PROMPT);
    let mut expander = LanguageExpander::new(&decoder, query, &forest);
    let places: Vec<DocidPlace> = (0..4).map(|rank| DocidPlace { segment: 0, rank }).collect();
    let scores = expander.rerank(&places).unwrap().unwrap();
    let docids: [&[u32]; 4] = [&[1], &[1, 2], &[1, 2, 3], &[9, 9, 4, 5]];
    for (score, docid) in scores.iter().zip(docids) {
        assert!(
            (score - alone.logit(docid, RERANK_TOKEN)).abs() < NOISE,
            "{docid:?}"
        );
    }
}

#[test]
fn rows_of_their_own_give_what_tree_attention_gives() {
    let (folder, decoder) = model();
    let rows = LanguageModel::open(folder.path(), &LanguageModelOptions::new()).unwrap();
    let places: Vec<DocidPlace> = [2, 0, 4]
        .map(|rank| DocidPlace { segment: 0, rank })
        .to_vec();
    for (name, corpus) in corpora() {
        let forest = corpus.forest();
        let mut results = Vec::new();
        let mut scores = Vec::new();
        let tree = LanguageExpander::new(&decoder, asked(&PROMPT), &forest);
        let rows = RowsExpander::new(&rows, asked(&PROMPT), &forest);
        let expanders: [Box<dyn Expander + '_>; 2] = [Box::new(tree), Box::new(rows)];
        for mut expander in expanders {
            let mut memo = Memo::new(&forest, &mut *expander);
            let decoded = Decoder::BestFirst.decode(&mut memo, &request(&corpus, 50));
            results.push(found(&decoded.unwrap()));
            if name == "three hundred docids" {
                scores.push(memo.rerank(&places).unwrap().unwrap());
            }
        }
        assert_eq!(results[0], results[1], "{name}");
        if let [tree, rows] = scores.as_slice() {
            let close = tree.iter().zip(rows).all(|(a, b)| (a - b).abs() < NOISE);
            assert!(close, "{tree:?} {rows:?}");
        }
    }
}
