//! What is drawn once and put in order again is what a search finds.

use crate::index::support::corpus::{document, empty, queries};
use crate::{MergePolicy, Mode, SearchOptions};

#[test]
fn a_pool_in_order_is_a_planned_search() {
    let index = empty();
    for numbers in [0..40, 40..70] {
        let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
        numbers.for_each(|number| writer.add(document(number)).unwrap());
        writer.train(&Default::default(), &mut |_| {}).unwrap();
    }
    let snapshot = index.snapshot();
    let searcher = snapshot.searcher();
    let ids = |hits: Vec<crate::search::Hit>| -> Vec<String> {
        hits.into_iter().map(|hit| hit.id).collect()
    };
    for query in queries() {
        let encoded = snapshot.encode_query(&query, None).unwrap();
        let pool = searcher.pool(&query, &encoded).unwrap();
        for (prior_share, token_share) in [(0.25, 0.67), (0.6, 0.0), (0.0, 1.0)] {
            let mut search = snapshot.params().search.clone();
            (search.prior_share, search.token_share) = (prior_share, token_share);
            let best = searcher.order(&pool, &search, 10).unwrap();
            let best: Vec<&str> = best
                .into_iter()
                .map(|place| crate::segment::id_at(&snapshot.state.segments, place))
                .collect();
            let options = SearchOptions::new()
                .mode(Mode::Planned)
                .prior_share(prior_share)
                .token_share(token_share);
            let found = snapshot.search_encoded(&query, &encoded, &options).unwrap();
            assert_eq!(best, ids(found.hits), "{query} {prior_share} {token_share}");
        }
    }
}
