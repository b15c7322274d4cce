//! Odd logits, passes of any size, budgets and cancellation: what no decoder may be moved by.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::exact::corpora;
use crate::support::decoding::shapes::{one_each, plain_logits, shapes};
use crate::support::decoding::*;
use zerogr::ErrorKind;
use zerogr::raw::decode::*;

fn documents(decoded: &Decoded) -> BTreeSet<Document> {
    decoded.passages.iter().map(place).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any bits at all for logits: either one that was asked for is no number, or none of its
    /// siblings is, and that is said; or live documents come out, each once, as many as are wanted.
    #[test]
    fn logits_lead_to_the_index_or_to_an_error(segments in corpora(), k in 0usize..20, seed in any::<u64>()) {
        let corpus = Corpus::new(segments);
        let live: BTreeSet<Document> = corpus.live_documents().map(|(place, _)| place).collect();
        let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0];
        let any_bits = move |prefix: &[u32], token: u32| {
            let bits = plain_logits(prefix, token).to_bits().wrapping_mul(seed as u32 | 1);
            odd.get(bits as usize % 9).copied().unwrap_or(f32::from_bits(bits))
        };
        let numbers = move |prefix: &[u32], token: u32| match any_bits(prefix, token) {
            one if one.is_finite() => one,
            _ => f32::MIN,
        };
        let constant: Vec<Box<Logits>> = odd.iter().map(|&one| Box::new(move |_: &[u32], _| one) as Box<Logits>).collect();
        let all = constant.iter().map(|one| &**one).chain([&any_bits as &Logits, &numbers]);
        for logits in all {
            let refused = AtomicBool::new(false);
            let noted = |prefix: &[u32], token: u32| {
                let logit = logits(prefix, token);
                refused.fetch_or(!logit.is_finite(), Ordering::Relaxed);
                logit
            };
            for decoder in all_decoders(seed) {
                let decoded = match try_run(&corpus, &noted, &decoder, k) {
                    Ok(decoded) => decoded,
                    Err(error) => {
                        prop_assert_eq!(error.kind(), ErrorKind::Model);
                        prop_assert!(refused.load(Ordering::Relaxed), "{}", error);
                        continue;
                    }
                };
                prop_assert!(decoded.complete);
                let found = documents(&decoded);
                prop_assert_eq!(found.len(), decoded.passages.len());
                prop_assert!(found.is_subset(&live));
                prop_assert!(found.len() >= k.min(live.len()), "{:?}", decoder);
                prop_assert!(decoded.passages.iter().all(|one| !one.score.is_nan() && one.log_prob <= 1e-9));
            }
        }
    }

    /// One prefix per pass or many: the same result.
    #[test]
    fn the_size_of_a_pass_changes_nothing(segments in corpora(), k in 1usize..20, seed in any::<u64>()) {
        let corpus = Corpus::new(segments);
        let forest = corpus.forest();
        for decoder in all_decoders(seed) {
            let by_batch = [1, 2, 7, 1_000].map(|batch| {
                let mut expander = TableExpander::new(&corpus, &plain_logits);
                expander.batch = batch;
                let mut memo = Memo::new(&forest, &mut expander);
                let mut decoded = decoder.decode(&mut memo, &request(&corpus, k)).unwrap();
                decoded.passages.sort_by(|a, b| {
                    b.score.total_cmp(&a.score).then(place(a).cmp(&place(b)))
                });
                decoded
            });
            prop_assert!(by_batch.iter().all(|one| *one == by_batch[0]), "{:?}", decoder);
        }
    }

    /// Every limit: either the whole result, or said to be incomplete and no more than that was
    /// spent; a limit that is enough changes nothing.
    #[test]
    fn budgets_refuse_and_do_nothing_else(segments in corpora(), k in 1usize..20, batch in 1usize..4) {
        let corpus = Corpus::new(segments);
        let forest = corpus.forest();
        let live: BTreeSet<Document> = corpus.live_documents().map(|(place, _)| place).collect();
        for decoder in all_decoders(1) {
            let limited = |budget: Budget| {
                let mut expander = TableExpander::new(&corpus, &plain_logits);
                expander.batch = batch;
                let mut memo = Memo::with_budget(&forest, &mut expander, budget);
                let decoded = decoder.decode(&mut memo, &request(&corpus, k)).unwrap();
                (decoded, memo.work())
            };
            let (whole, spent) = limited(Budget::default());
            prop_assert!(whole.complete);
            for limit in 0..=spent.node_evaluations {
                let (decoded, work) = limited(Budget::new().max_evaluations(limit));
                prop_assert!(work.node_evaluations <= limit);
                prop_assert!(documents(&decoded).is_subset(&live));
                prop_assert!(!decoded.complete || decoded == whole);
                prop_assert!(decoded.complete || limit < spent.node_evaluations);
            }
            for limit in 0..=spent.passes {
                let (decoded, work) = limited(Budget::new().max_passes(limit));
                prop_assert!(work.passes <= limit);
                prop_assert!(!decoded.complete || decoded == whole);
                prop_assert!(decoded.complete || limit < spent.passes);
            }
        }
    }
}

fn big_corpus() -> Corpus {
    let docids: Vec<Docid> = (0..300u32)
        .map(|n| vec![n % 10, n / 10 % 10, n / 100])
        .collect();
    Corpus::new(vec![one_each(
        &docids.iter().map(Vec::as_slice).collect::<Vec<_>>(),
    )])
}

#[test]
fn a_time_limit_and_a_cancellation_end_the_search() {
    let corpus = big_corpus();
    let forest = corpus.forest();
    for decoder in all_decoders(1) {
        let mut expander = TableExpander::new(&corpus, &plain_logits);
        let budget = Budget::new().max_time(Duration::ZERO);
        let mut memo = Memo::with_budget(&forest, &mut expander, budget);
        let decoded = decoder.decode(&mut memo, &request(&corpus, 10)).unwrap();
        assert!(!decoded.complete && decoded.passages.is_empty() && memo.work().passes == 0);

        // Another thread stops the search while its second pass runs; it gets no third.
        let token = CancelToken::new();
        let budget = Budget::new().cancel(token.clone());
        let mut expander = TableExpander::new(&corpus, &plain_logits);
        expander.before_pass = Box::new(|pass| {
            if pass == 1 {
                let token = token.clone();
                std::thread::spawn(move || token.cancel()).join().unwrap();
            }
        });
        let mut memo = Memo::with_budget(&forest, &mut expander, budget);
        let decoded = decoder.decode(&mut memo, &request(&corpus, 200)).unwrap();
        assert!(!decoded.complete);
        assert_eq!(memo.work().passes, 2);
    }
}

#[test]
fn large_passes_save_passes() {
    let corpus = big_corpus();
    let forest = corpus.forest();
    for decoder in all_decoders(1) {
        let [one, many] = [1, 64].map(|batch| {
            let mut expander = TableExpander::new(&corpus, &plain_logits);
            expander.batch = batch;
            let mut memo = Memo::new(&forest, &mut expander);
            decoder.decode(&mut memo, &request(&corpus, 100)).unwrap();
            memo.work()
        });
        assert_eq!((one.prefills, many.prefills), (1, 1));
        // A beam asks for whole levels whatever a pass costs.
        let is_beam = matches!(decoder, Decoder::Beam(_));
        assert!(
            if is_beam {
                many.passes <= 4
            } else {
                many.passes * 3 <= one.passes
            },
            "{decoder:?}: {one:?} {many:?}"
        );
    }
}

#[test]
fn a_few_documents_need_few_passes_and_little_ahead() {
    let corpus = big_corpus();
    let forest = corpus.forest();
    let sampling = Decoder::GumbelTopK(GumbelTopK::default());
    for decoder in [Decoder::BestFirst, sampling] {
        for k in [1, 10, 100] {
            let work = [1, 16, 1_000].map(|batch| {
                let mut expander = TableExpander::new(&corpus, &plain_logits);
                expander.batch = batch;
                let mut memo = Memo::new(&forest, &mut expander);
                decoder.decode(&mut memo, &request(&corpus, k)).unwrap();
                memo.work()
            });
            let [one, some, many] = work;
            let ahead = one.node_evaluations + 2 * k as u64;
            assert!(some.node_evaluations <= ahead, "{k}: {one:?} {some:?}");
            assert!(many.node_evaluations <= ahead, "{k}: {one:?} {many:?}");
            let saved = if k == 1 { 0 } else { one.passes / 3 };
            assert!(some.passes <= one.passes - saved, "{k}: {one:?} {some:?}");
        }
    }
}

#[test]
fn a_memo_serves_one_decoder_after_another() {
    let corpus = big_corpus();
    let forest = corpus.forest();
    let mut expander = TableExpander::new(&corpus, &plain_logits);
    let mut memo = Memo::new(&forest, &mut expander);
    for _ in 0..2 {
        for decoder in all_decoders(3) {
            let shared = decoder.decode(&mut memo, &request(&corpus, 50)).unwrap();
            assert_eq!(shared, run(&corpus, &plain_logits, &decoder, 50));
        }
    }
}

#[test]
fn an_empty_index_has_no_documents() {
    let corpus = Corpus::new(vec![]);
    for decoder in all_decoders(1) {
        let decoded = run(&corpus, &plain_logits, &decoder, 5);
        assert!(decoded.passages.is_empty() && decoded.complete);
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let (_, corpus) = shapes().swap_remove(0);
    let paper = ReverseAnnealed::default;
    let wrong = [
        Decoder::ReverseAnnealed(ReverseAnnealed {
            t_max: -1.0,
            ..paper()
        }),
        Decoder::ReverseAnnealed(ReverseAnnealed {
            t_max: f64::NAN,
            ..paper()
        }),
        Decoder::ReverseAnnealed(ReverseAnnealed {
            steepness: 0.0,
            ..paper()
        }),
        Decoder::ReverseAnnealed(ReverseAnnealed {
            midpoint: f64::INFINITY,
            ..paper()
        }),
        Decoder::ReverseAnnealed(ReverseAnnealed {
            top_k: Some(0),
            ..paper()
        }),
        Decoder::ReverseAnnealed(ReverseAnnealed {
            top_p: Some(0.0),
            ..paper()
        }),
        Decoder::GumbelTopK(GumbelTopK {
            seed: 0,
            temperature: 0.0,
        }),
        Decoder::Beam(Beam { width: 0 }),
    ];
    let prior = Prior::default();
    let decode = |decoder: &Decoder, planner: Option<Planner<'_>>| {
        let forest = corpus.forest();
        let mut expander = TableExpander::new(&corpus, &plain_logits);
        let mut memo = Memo::new(&forest, &mut expander);
        let result = decoder.decode(
            &mut memo,
            &Request {
                planner,
                ..request(&corpus, 1)
            },
        );
        result.map_err(|error| error.kind())
    };
    for decoder in &wrong {
        assert_eq!(
            decode(decoder, None),
            Err(ErrorKind::InvalidInput),
            "{decoder:?}"
        );
    }
    let planner = |lambda| {
        Some(Planner {
            prior: &prior,
            lambda,
        })
    };
    assert_eq!(
        decode(&Decoder::BestFirst, planner(-1.0)),
        Err(ErrorKind::InvalidInput)
    );
    assert_eq!(
        decode(&Decoder::Beam(Beam::default()), planner(1.0)),
        Err(ErrorKind::InvalidInput)
    );
    assert!(decode(&Decoder::BestFirst, planner(1.0)).is_ok());
    for value in [-1.0, f32::NAN, f32::INFINITY] {
        assert!(Prior::new(&corpus, vec![vec![(0, value)]]).is_err());
    }
}
