//! Reranking by tokens: what is kept of them survives everything that happens to an index, and
//! weighs as much as it is asked to.

use std::sync::Arc;

use crate::support::encoder::HashingEncoder;
use zerogr::raw::store::VerifyLevel;
use zerogr::{
    Document, EncoderSource, ErrorKind, Index, IndexOptions, MergePolicy, Mode, OpenOptions,
    SearchOptions, check, recover,
};

const ENCODER: HashingEncoder = HashingEncoder::named("hashing");

fn options() -> IndexOptions {
    IndexOptions::with_encoder(EncoderSource::Custom(Arc::new(ENCODER))).file_seed(1)
}

fn open_options() -> OpenOptions {
    OpenOptions::new().encoder(Arc::new(ENCODER))
}

fn documents() -> impl Iterator<Item = Document> {
    const WORDS: [&str; 9] = [
        "wing", "heat", "ice", "gene", "salmon", "river", "coin", "verse", "bridge",
    ];
    (0..120usize).map(|number| {
        let word = |step: usize| WORDS[(number * step + number / 9) % WORDS.len()];
        let text: Vec<&str> = (1..7).map(word).collect();
        Document::new(format!("d{number}")).text(format!("{} no{number}", text.join(" ")))
    })
}

fn filled(index: &Index, commits: usize) {
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    let all: Vec<Document> = documents().collect();
    for part in all.chunks(all.len() / commits) {
        for document in part {
            writer.add(document.clone()).unwrap();
        }
        writer.commit().unwrap();
    }
}

const QUERIES: [&str; 4] = [
    "salmon river",
    "verse no7",
    "ice bridge coin",
    "nothing known",
];

/// Ids and scores of reranked searches.
fn answers(index: &Index, options: &SearchOptions) -> Vec<(String, f64)> {
    let answer = |query: &str| index.search(query, options).unwrap().hits;
    let hits = QUERIES.into_iter().flat_map(answer);
    hits.map(|hit| (hit.id, hit.score)).collect()
}

fn generative() -> SearchOptions {
    SearchOptions::new().mode(Mode::Generative).k(200)
}

fn assert_close(found: &[(String, f64)], expected: &[(String, f64)]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found.1 - expected.1).abs() < 2e-3,
            "{found:?} {expected:?}"
        );
    }
}

#[test]
fn shares_go_from_whole_texts_to_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let with = Index::create(folder.path().join("with.zgr"), options()).unwrap();
    let without = options().token_vectors(false);
    let without = Index::create(folder.path().join("without.zgr"), without).unwrap();
    filled(&with, 1);
    filled(&without, 1);
    assert!(with.snapshot().params().encoder.token_vectors);
    assert!(!without.snapshot().params().encoder.token_vectors);
    let whole = answers(&without, &generative());
    assert_eq!(answers(&with, &generative().token_share(0.0)), whole);
    assert_eq!(answers(&without, &generative().token_share(1.0)), whole);

    let score = |share: f64, id: &str| {
        let options = generative().token_share(share);
        let hits = with.search("salmon river", &options).unwrap().hits;
        hits.into_iter().find(|hit| hit.id == id).unwrap().score
    };
    for id in ["d3", "d50", "d119"] {
        let mixed = 0.25 * score(0.0, id) + 0.75 * score(1.0, id);
        assert!((score(0.75, id) - mixed).abs() < 1e-6);
    }
    let best = with.search("verse no7", &generative().token_share(1.0));
    assert_eq!(best.unwrap().hits[0].id, "d7");
    for share in [-0.1, 1.1, f64::NAN] {
        let error = with.search("wing", &generative().token_share(share));
        assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn an_instruction_is_not_compared_with_documents() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::create(folder.path().join("a.zgr"), options()).unwrap();
    filled(&index, 1);
    let tokens_alone = generative().token_share(1.0);
    let instructed = tokens_alone
        .clone()
        .instruction("find the gene of the wing");
    let by_id = |options: &SearchOptions| {
        let mut hits = index.search("salmon river", options).unwrap().hits;
        hits.sort_by(|a, b| a.id.cmp(&b.id));
        let scores = hits.into_iter().map(|hit| (hit.id, hit.score));
        scores.collect::<Vec<_>>()
    };
    assert_eq!(by_id(&instructed), by_id(&tokens_alone));
    let whole = |options: &SearchOptions| by_id(&options.clone().token_share(0.0));
    assert_ne!(whole(&instructed), whole(&tokens_alone));
}

#[test]
fn merge_vacuum_and_recovery_keep_what_is_known_of_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = Index::create(&path, options()).unwrap();
    filled(&index, 4);
    let before = answers(&index, &generative().token_share(1.0));

    let mut writer = index.writer().unwrap();
    assert!(writer.delete("d5").unwrap());
    writer.commit().unwrap();
    drop(writer);
    let after_delete = answers(&index, &generative().token_share(1.0));
    assert_eq!(after_delete.len(), before.len() - QUERIES.len());
    index.merge().unwrap();
    assert_close(
        &answers(&index, &generative().token_share(1.0)),
        &after_delete,
    );
    index.vacuum().unwrap();
    drop(index);
    assert!(check(&path, VerifyLevel::Full).unwrap().is_ok());

    let rescued = folder.path().join("rescued.zgr");
    recover(&path, &rescued).unwrap();
    for path in [&path, &rescued] {
        let index = Index::open_with(path, open_options()).unwrap();
        assert_close(
            &answers(&index, &generative().token_share(1.0)),
            &after_delete,
        );
    }
}

#[test]
fn planned_search_reranks_what_is_drawn_without_the_words_too() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::create(folder.path().join("a.zgr"), options()).unwrap();
    filled(&index, 2);
    let ids = |options: SearchOptions| -> Vec<String> {
        let hits = index.search("salmon river", &options).unwrap().hits;
        hits.into_iter().map(|hit| hit.id).collect()
    };
    let few = SearchOptions::new().k(10).draws(10);
    let meaning = ids(few.clone().mode(Mode::Generative).rerank(false));
    let by_words = few
        .mode(Mode::Planned)
        .planner(1e6)
        .prior_share(0.0)
        .token_share(0.0);
    let words = ids(by_words.clone().rerank(false));
    let planned = ids(by_words);
    assert!(planned.iter().any(|id| !words.contains(id)), "{planned:?}");
    let drawn = |id: &String| words.contains(id) || meaning.contains(id);
    assert!(planned.iter().all(drawn), "{planned:?}");
}
