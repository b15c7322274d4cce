//! An index whose docids take a language model's tokens, searched by that model. The model has
//! random weights: what it prefers means nothing, but it must be the same by every way there.

use crate::support::installed;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::encoder::HashingEncoder;
use tempfile::TempDir;
use zerogr::raw::convert::{random_decoder, small_llama};
use zerogr::raw::decode::{Decoder, ReverseAnnealed};
use zerogr::raw::model::language::{LanguageModelConfig, WeightFormat};
use zerogr::{
    Document, EncoderSource, ErrorKind, Filter, Index, IndexOptions, Mode, OpenOptions,
    RetrieverKind, SearchOptions,
};

pub fn encoder() -> Arc<HashingEncoder> {
    Arc::new(HashingEncoder::named("hashing-1"))
}

/// A model folder in `folder`.
pub fn model(folder: &Path, seed: u64) -> PathBuf {
    installed::setup();
    let path = folder.join(format!("model-{seed}"));
    let config = small_llama(300, 512);
    random_decoder(&path, &config, seed).unwrap();
    path
}

pub fn documents() -> Vec<Document> {
    let docids = [
        ("wing", "wing flutter"),
        ("wings", "wing vibration tunnel"),
        ("heat", "heat transfer plate"),
        ("heats", "heat"),
        ("shock", "shock wave cone"),
        ("gene", "gene yeast stress"),
        ("brain", "memory sleep"),
        ("fish", "salmon river"),
    ];
    docids
        .map(|(id, docid)| {
            Document::new(id)
                .text(format!("All about {docid}"))
                .docid(docid)
                .tag(if id.len() > 4 { "long" } else { "short" })
        })
        .to_vec()
}

pub fn options(model: &Path) -> IndexOptions {
    IndexOptions::with_encoder(EncoderSource::Custom(encoder()))
        .file_seed(3)
        .language_model(model)
}

pub fn build(path: &Path, options: IndexOptions) -> Index {
    let index = Index::create(path, options).unwrap();
    let mut writer = index.writer().unwrap();
    let documents = documents();
    let (first, second) = documents.split_at(5);
    // Two segments, so that their tries are walked as one.
    for part in [first, second] {
        part.iter()
            .for_each(|document| writer.add(document.clone()).unwrap());
        writer.commit().unwrap();
    }
    drop(writer);
    index
}

fn setting() -> (TempDir, PathBuf, Index) {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), 1);
    let index = build(&folder.path().join("a.zgr"), options(&model));
    (folder, model, index)
}

fn reopen(index: &Index) -> OpenOptions {
    let _ = index;
    OpenOptions::new().encoder(encoder())
}

pub fn by_model() -> SearchOptions {
    SearchOptions::new()
        .mode(Mode::Generative)
        .retriever(RetrieverKind::LanguageModel)
}

pub fn found(index: &Index, options: &SearchOptions) -> Vec<(String, f64)> {
    let result = index.search("what makes wings shake", options).unwrap();
    assert!(result.complete);
    let hits = result.hits.into_iter();
    hits.map(|hit| (hit.id, hit.score)).collect()
}

#[test]
fn the_model_ranks_all_documents_and_their_probabilities_are_a_distribution() {
    let (_folder, _, index) = setting();
    let result = index.search("wings", &by_model().explain(true)).unwrap();
    assert_eq!(result.hits.len(), 8);
    let sum: f64 = result.hits.iter().map(|hit| hit.log_prob.exp()).sum();
    assert!((sum - 1.0).abs() < 1e-4, "{sum}");
    assert_eq!(result.work.prefills, 1);
    for hit in &result.hits {
        let decisions = &hit.explanation.as_ref().unwrap().decisions;
        let together: f64 = decisions.iter().map(|one| one.log_prob).sum();
        assert!((together - hit.log_prob).abs() < 1e-6);
    }
}

#[test]
fn a_reopened_index_answers_the_same_and_so_do_merged_segments() {
    let (_folder, _, index) = setting();
    let before = found(&index, &by_model());
    let again = Index::open_with(index.path(), reopen(&index)).unwrap();
    assert_eq!(found(&again, &by_model()), before);
    again.merge().unwrap();
    let after = found(&again, &by_model());
    assert_eq!(after.len(), before.len());
    for ((a, score_a), (b, score_b)) in after.iter().zip(&before) {
        assert_eq!(a, b);
        assert!((score_a - score_b).abs() < 1e-3);
    }
}

#[test]
fn decoders_filters_deletes_and_the_planner_work_on_it() {
    let (_folder, _, index) = setting();
    let paper = Decoder::ReverseAnnealed(ReverseAnnealed::default());
    assert_eq!(found(&index, &by_model().decoder(paper)).len(), 8);
    let short = found(&index, &by_model().filter(Filter::tag("short")));
    assert_eq!(short.len(), 4);
    let mut planned = by_model().mode(Mode::Planned);
    planned.planner = Some(1_000.0);
    let best = index.search("salmon river", &planned).unwrap();
    assert_eq!(best.hits[0].id, "fish");
    let mut writer = index.writer().unwrap();
    writer.delete("fish").unwrap();
    writer.commit().unwrap();
    assert!(
        found(&index, &by_model())
            .iter()
            .all(|(id, _)| id != "fish")
    );
}

#[test]
fn the_document_head_reranks_if_asked_and_the_model_where_it_can() {
    let (folder, model, index) = setting();
    let by_head = found(&index, &by_model().rerank(true));
    let words = "what makes wings shake";
    let query = index.encode_query(words, None).unwrap();
    let mut compact = SearchOptions::new().mode(Mode::Generative).rerank(true);
    compact.k = 8;
    let expected = index
        .snapshot()
        .search_encoded(words, &query, &compact)
        .unwrap();
    let expected = expected.hits.into_iter().map(|hit| (hit.id, hit.score));
    // Ties are in the order of the draws, which differ.
    let sorted = |mut hits: Vec<(String, f64)>| {
        hits.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        hits
    };
    assert_eq!(sorted(by_head), sorted(expected.collect()));

    let mut reranking = options(&model);
    reranking.rerank_token = Some(299);
    let index = build(&folder.path().join("b.zgr"), reranking);
    let by_logit = found(&index, &by_model());
    let drawn = found(&index, &by_model().rerank(false));
    assert_ne!(by_logit, drawn);
    // A very long instruction is cut; it takes nothing from the docid, whose score differs still.
    let long = by_model().instruction("find what is meant ".repeat(2_000));
    let scores: Vec<f64> = found(&index, &long).iter().map(|hit| hit.1).collect();
    assert!(
        scores.windows(2).all(|pair| pair[0] > pair[1]),
        "{scores:?}"
    );
}

#[test]
fn another_model_or_none_is_refused() {
    let (folder, first, index) = setting();
    let other = model(folder.path(), 2);
    let open = |options: OpenOptions| Index::open_with(index.path(), options).unwrap();
    let with_other = open(reopen(&index).language_model(&other));
    let refused = with_other.search("wings", &by_model()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ModelMismatch);

    let moved = folder.path().join("moved");
    std::fs::rename(&first, &moved).unwrap();
    let refused = open(reopen(&index))
        .search("wings", &by_model())
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Model);
    let found_again = open(reopen(&index).language_model(&moved));
    assert_eq!(found(&found_again, &by_model()).len(), 8);
    // The compact retriever needs no language model.
    assert!(
        !open(reopen(&index))
            .search("wings", &SearchOptions::new().mode(Mode::Generative))
            .unwrap()
            .hits
            .is_empty()
    );

    let plain = IndexOptions::with_encoder(EncoderSource::Custom(encoder()));
    let plain = build(&folder.path().join("plain.zgr"), plain);
    let refused = plain.search("wings", &by_model()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    let refused = index
        .search("wings", &by_model().mode(Mode::Dense))
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}

#[test]
fn weights_whose_scores_depend_on_the_pass_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = model(folder.path(), 1);
    let mut config = LanguageModelConfig::read(&path).unwrap();
    config.weights = Some(WeightFormat::Int8);
    config.write(&path).unwrap();
    let refused = Index::create(folder.path().join("a.zgr"), options(&path)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Model);
    assert!(refused.to_string().contains("f32"), "{refused}");
}

/// Weights that make every logit NaN give no ranking, and the error says which model they are of.
#[test]
fn a_model_of_no_numbers_ranks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), 1);
    let weights = model.join("model.weights");
    let values = std::fs::metadata(&weights).unwrap().len() as usize / 4;
    std::fs::write(&weights, f32::NAN.to_le_bytes().repeat(values)).unwrap();
    let index = build(&folder.path().join("a.zgr"), options(&model));
    let searches = [
        by_model(),
        by_model().mode(Mode::Planned),
        by_model().decoder(Decoder::ReverseAnnealed(ReverseAnnealed::default())),
    ];
    for options in searches {
        let error = index.search("wings", &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model);
        let name = LanguageModelConfig::read(&model).unwrap().name;
        let said = error.to_string();
        assert!(
            said.starts_with(&name) && said.contains("a logit that is NaN"),
            "{said}"
        );
    }
    let model =
        zerogr::raw::model::language::LanguageModel::open(&model, &Default::default()).unwrap();
    let request = zerogr::raw::language::GenerationRequest {
        prompt: zerogr::raw::language::Prompt::Completion("a".into()),
        name: "one".into(),
        samples: 1,
        sampling: zerogr::raw::language::Sampling::GREEDY,
        max_new_tokens: 4,
        stop: Vec::new(),
    };
    let error =
        zerogr::raw::language::TextGenerator::generate(&model, &[request], &mut |_, _| Ok(()));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Model);
}
