//! A language model over a trie: decoding beside its literal form, in one run, on one model.
//!
//! `ZEROGR_BENCH_MODEL=DIR cargo bench --bench language` takes a model folder that `zerogr model
//! import` wrote (weights f32 or f16); without it, a model with random weights stands in. The
//! docids are the keyword docids of the first SciFact abstracts, one per document.
//!
//! The literal loop is the paper's decoder as its reference runs it: 100 draws, each of which
//! reads the prompt anew, then a token per pass with the logits of the whole vocabulary, down to
//! where its docid is alone in the trie. Both take the same random numbers, so that the draws
//! can be compared; sums in another order can make a close decision differ.

#![allow(clippy::unwrap_used)]

mod literal;
mod scifact;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use literal::{choose, undrawn};
use zerogr::DocidTokenizer;
use zerogr::raw::convert::{DecoderConfig, random_decoder, small_llama};
use zerogr::raw::decode::*;
use zerogr::raw::docs::{DocumentReader, ReadOptions};
use zerogr::raw::format::{SectionInput, SectionKind};
use zerogr::raw::generate::{DocidOptions, TermStats, keyword_docids};
use zerogr::raw::language::Prompt;
use zerogr::raw::model::language::{
    DecoderInput, DecoderOptions, DecoderSession, KvCache, LanguageModel, LanguageModelOptions,
};
use zerogr::raw::store::Section;
use zerogr::raw::trie::{END, Forest, ForestTrie, SegmentTrie, TokenWidth, build_trie};

const DOCUMENTS: usize = 1_000;
const QUERIES: usize = 3;
const DRAWS: usize = 100;

/// Docids with the documents that carry them.
struct Docids {
    trie: SegmentTrie,
    documents: Vec<Vec<u32>>,
    rank_of: Vec<u32>,
}

impl Docids {
    fn new(model: &LanguageModel) -> Self {
        let corpus = [scifact::data().join("corpus.jsonl.gz")];
        let reader = DocumentReader::open(&corpus, &ReadOptions::default()).unwrap();
        let documents: Vec<_> = reader.take(DOCUMENTS).map(Result::unwrap).collect();
        let mut stats = TermStats::new();
        documents.iter().for_each(|document| stats.add(document));
        let options = DocidOptions {
            per_document: 1,
            ..DocidOptions::default()
        };
        let mut carriers: BTreeMap<Vec<u32>, Vec<u32>> = BTreeMap::new();
        for (ordinal, document) in (0u32..).zip(&documents) {
            let docid = keyword_docids(document, &stats, &options).remove(0);
            let tokens = model.tokenizer().docid_tokens(&docid).unwrap();
            carriers.entry(tokens).or_default().push(ordinal);
        }
        let width = TokenWidth::for_vocabulary(model.config().vocab).unwrap();
        let keys = carriers.keys().map(|docid| width.key(docid).unwrap());
        let bytes = build_trie(keys).unwrap();
        let section = Section::from_input(&SectionInput::new(SectionKind(1), 0, bytes)).unwrap();
        let mut rank_of = vec![0; documents.len()];
        for (rank, ordinals) in (0u32..).zip(carriers.values()) {
            ordinals.iter().for_each(|&at| rank_of[at as usize] = rank);
        }
        Docids {
            trie: SegmentTrie::open(section, width, carriers.len() as u32).unwrap(),
            documents: carriers.into_values().collect(),
            rank_of,
        }
    }

    fn forest(&self) -> Forest<'_> {
        Forest::new([ForestTrie {
            trie: &self.trie,
            present: None,
            live: None,
        }])
    }
}

impl Postings for Docids {
    fn passages(&self, docid: DocidPlace, ordinals: &mut Vec<u32>) {
        ordinals.extend(&self.documents[docid.rank as usize]);
    }

    fn docids(&self, document: PassagePlace, ranks: &mut Vec<u32>) {
        ranks.push(self.rank_of[document.passage as usize]);
    }

    fn max_docids_per_passage(&self) -> usize {
        1
    }
}

/// What answering took.
#[derive(Default)]
struct Cost {
    seconds: f64,
    prefills: u64,
    passes: u64,
    prefixes: u64,
    tokens: u64,
}

impl Cost {
    fn print(&self, name: &str, queries: usize) {
        let per_query = |count: u64| count as f64 / queries as f64;
        println!(
            "{name:<38} {:>8.1} {:>8.1} {:>9.1} {:>9.1} {:>10.0}",
            per_query(self.prefills),
            per_query(self.passes),
            per_query(self.prefixes),
            per_query(self.tokens),
            self.seconds * 1e3 / queries as f64,
        );
    }
}

/// One pass of the literal loop: `tokens` behind `past`, logits of the whole vocabulary.
fn pass(session: &DecoderSession, tokens: &[u32], past: Option<&KvCache>) -> (Vec<f32>, KvCache) {
    let start = past.map_or(0, KvCache::width) as u32;
    let positions: Vec<u32> = (start..).take(tokens.len()).collect();
    let output = session
        .run(&DecoderInput {
            tokens,
            positions: &positions,
            lens: &[tokens.len()],
            bias: None,
            past,
            head_rows: &[tokens.len() - 1],
            head_columns: &[],
            keep_present: true,
        })
        .unwrap();
    (output.logits.row(0).to_vec(), output.present.unwrap())
}

/// The paper's decoder with nothing shared; ranks in the order drawn.
fn literal(
    session: &DecoderSession,
    forest: &Forest<'_>,
    prompt: &[u32],
    end_token: u32,
    options: &ReverseAnnealed,
    cost: &mut Cost,
) -> Vec<u32> {
    let started = Instant::now();
    let mut drawn: Vec<u32> = Vec::new();
    let mut order = Vec::new();
    for draw in 0..options.draws {
        let (mut logits, mut cache) = pass(session, prompt, None);
        cost.prefills += 1;
        cost.tokens += prompt.len() as u64;
        let mut node = forest.root();
        for depth in 0.. {
            cost.prefixes += 1;
            let mut children = forest.children(&node).unwrap();
            children.retain(|child| undrawn(&child.node, &drawn) > 0);
            let label = |token| if token == END { end_token } else { token };
            let own: Vec<f32> = children
                .iter()
                .map(|child| logits[label(child.token) as usize])
                .collect();
            let uniform = draw_uniform(options.seed, draw as u64, depth);
            let child = children.swap_remove(choose(&own, options.temperature(draw), uniform));
            node = child.node;
            let part = &node.parts[0].node;
            if part.hi - part.lo == 1 {
                break;
            }
            (logits, cache) = pass(session, &[label(child.token)], Some(&cache));
            cost.passes += 1;
            cost.tokens += 1;
        }
        let rank = node.parts[0].node.lo;
        drawn.insert(drawn.partition_point(|&one| one < rank), rank);
        order.push(rank);
    }
    cost.seconds += started.elapsed().as_secs_f64();
    order
}

fn model_folder(folder: &std::path::Path) -> PathBuf {
    if let Some(path) = std::env::var_os("ZEROGR_BENCH_MODEL") {
        return path.into();
    }
    let config = DecoderConfig {
        hidden: 256,
        layers: 6,
        heads: 8,
        kv_heads: 4,
        head_dim: 32,
        feed_forward: 768,
        ..small_llama(8_192, 2_048)
    };
    random_decoder(folder, &config, 1).unwrap();
    folder.to_owned()
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = model_folder(folder.path());
    let decoder = DecoderOptions::new().prepack(true);
    let options = LanguageModelOptions::new().decoder(decoder);
    let model = LanguageModel::open(&path, &options).unwrap();
    let session = model.session().unwrap();
    let docids = Docids::new(&model);
    let forest = docids.forest();
    let end_token = model.config().eos_token_ids[0];
    let prompts: Vec<Vec<u32>> = scifact::queries()
        .into_iter()
        .take(QUERIES)
        .map(|query| {
            let text = format!("Find the abstract that supports or refutes the claim.\n{query}");
            let prompt = match model.config().chat_template {
                Some(_) => Prompt::Chat {
                    system: String::new(),
                    user: text,
                },
                None => Prompt::Completion(text),
            };
            model.prompt_ids(&prompt).unwrap()
        })
        .collect();
    let mean_len = prompts.iter().map(Vec::len).sum::<usize>() / prompts.len();
    println!(
        "{}: {} documents, {} docids, {} below the root, prompts of {mean_len} tokens, \
         {QUERIES} queries; per query:\n{:<38} {:>8} {:>8} {:>9} {:>9} {:>10}",
        model.config().name,
        DOCUMENTS,
        docids.trie.docid_count(),
        forest.children(&forest.root()).unwrap().len(),
        "",
        "prefills",
        "passes",
        "prefixes",
        "tokens",
        "ms"
    );
    // The first pass pays for what later ones find ready.
    pass(session, &prompts[0], None);

    let paper = ReverseAnnealed::default();
    let mut cost = Cost::default();
    let drawn: Vec<Vec<u32>> = prompts
        .iter()
        .map(|prompt| literal(session, &forest, prompt, end_token, &paper, &mut cost))
        .collect();
    cost.print("reverse-annealed, literally", QUERIES);
    let literal_seconds = cost.seconds;

    let decoders = [
        ("reverse-annealed, K = 100", Decoder::ReverseAnnealed(paper)),
        ("best-first, top 100", Decoder::BestFirst),
        ("best-first, top 10", Decoder::BestFirst),
        ("beam, width 100", Decoder::Beam(Beam::default())),
    ];
    for (name, decoder) in &decoders {
        for batch in [1, 8, 16, 32, 64] {
            let mut cost = Cost::default();
            let (mut agreeing, mut all) = (0, 0);
            for (prompt, drawn) in prompts.iter().zip(&drawn) {
                let started = Instant::now();
                let query = LanguageQuery {
                    prompt,
                    end_token,
                    rerank_token: None,
                    max_positions: model.config().max_positions,
                };
                let mut expander = LanguageExpander::new(session, query, &forest).batch_of(batch);
                let mut memo = Memo::new(&forest, &mut expander);
                let request = Request {
                    k: if name.ends_with("top 10") { 10 } else { DRAWS },
                    postings: &docids,
                    planner: None,
                };
                let decoded = decoder.decode(&mut memo, &request).unwrap();
                let work = memo.work();
                cost.seconds += started.elapsed().as_secs_f64();
                cost.prefills += work.prefills;
                cost.prefixes += work.node_evaluations;
                cost.passes += expander.model_passes() - work.prefills;
                cost.tokens += expander.tokens_read();
                if matches!(decoder, Decoder::ReverseAnnealed(_)) {
                    let ours = decoded.passages.iter().map(|one| one.best_rank);
                    all += drawn.len();
                    agreeing += ours.zip(drawn).filter(|(a, b)| a == *b).count();
                }
            }
            cost.print(&format!("{name}, {batch} prefixes a pass"), QUERIES);
            let ratio = literal_seconds / cost.seconds;
            match all {
                0 => println!("    {ratio:.1} times faster than the literal loop"),
                _ => println!(
                    "    {ratio:.1} times faster than the literal loop; {agreeing} of {all} draws \
                     the same"
                ),
            }
        }
    }
}
