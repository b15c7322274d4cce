//! From pieces to passages: as few as may be, of even length, cut where cutting is good.

use std::ops::Range;

use super::blocks::Strength;
use super::pieces::Piece;

/// What an empty passage would cost; one that is full costs nothing, between them it is a square. So
/// even lengths are cheapest, and no rest at the end is tiny.
const EMPTY: u64 = 10_000;

/// What a cut costs. A paragraph is cut in the middle only where the passages around would otherwise
/// be less than about half full.
fn cost_of_cut(strength: Strength) -> u64 {
    match strength {
        Strength::Heading | Strength::Block => 0,
        Strength::Item => 4_000,
        Strength::Line => 6_000,
        Strength::Sentence => 7_000,
        Strength::InnerLine => 12_000,
        Strength::GoesOn => 18_000,
        Strength::AfterHeading => 15_000,
        Strength::Word => 20_000,
        Strength::Within => 25_000,
        Strength::Grapheme => 40_000,
    }
}

fn cost_of_passage(tokens: usize, max_tokens: usize) -> u64 {
    let free = max_tokens.saturating_sub(tokens) as u128;
    let max_tokens = max_tokens.max(1) as u128;
    (free * free * u128::from(EMPTY) / (max_tokens * max_tokens)) as u64
}

/// The cheapest way to put `pieces` into passages of at most `max_tokens` tokens, in order.
///
/// Dynamic programming over the pieces: the best way up to each is one of few passages behind the best
/// way up to an earlier one, because a piece has at least one token.
pub(super) fn pack(pieces: &[Piece], max_tokens: usize) -> Vec<Range<usize>> {
    let total: usize = pieces.iter().map(|piece| piece.tokens).sum();
    if total <= max_tokens {
        return (!pieces.is_empty())
            .then_some(0..pieces.len())
            .into_iter()
            .collect();
    }
    // Of the pieces before each end: the least cost, and where the last passage begins.
    let mut best: Vec<(u64, usize)> = vec![(0, 0)];
    for end in 1..=pieces.len() {
        let mut cheapest = (u64::MAX, end - 1);
        let mut tokens: usize = 0;
        // A way is known up to the start of each of them.
        let before = pieces.get(..end).unwrap_or(pieces).iter().zip(&best);
        for (start, (piece, (cost_before, _))) in before.enumerate().rev() {
            tokens = tokens.saturating_add(piece.tokens);
            if tokens > max_tokens && start + 1 < end {
                break;
            }
            let cut = match start {
                0 => 0,
                _ => cost_of_cut(piece.strength),
            };
            let cost = cost_before.saturating_add(cut + cost_of_passage(tokens, max_tokens));
            if cost < cheapest.0 {
                cheapest = (cost, start);
            }
        }
        best.push(cheapest);
    }
    let mut passages = Vec::new();
    let mut end = pieces.len();
    while let Some((_, start)) = best.get(end).filter(|_| end > 0) {
        passages.push(*start..end);
        end = *start;
    }
    passages.reverse();
    passages
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn piece(tokens: usize, strength: Strength) -> Piece {
        Piece {
            bytes: 0..1,
            tokens,
            strength,
        }
    }

    fn lengths(pieces: &[(usize, Strength)], max_tokens: usize) -> Vec<usize> {
        let pieces: Vec<Piece> = pieces
            .iter()
            .map(|&(tokens, strength)| piece(tokens, strength))
            .collect();
        let sum = |part: Range<usize>| pieces[part].iter().map(|piece| piece.tokens).sum();
        pack(&pieces, max_tokens).into_iter().map(sum).collect()
    }

    #[test]
    fn lengths_are_even() {
        assert_eq!(lengths(&[(10, Strength::Sentence); 11], 100), [60, 50]);
        assert_eq!(lengths(&[(1, Strength::Word); 201], 100), [67, 67, 67]);
        assert_eq!(lengths(&[(10, Strength::Sentence); 10], 100), [100]);
        assert!(lengths(&[], 100).is_empty());
    }

    #[test]
    fn strong_places_are_cut_first() {
        use Strength::{Block, Sentence};
        assert_eq!(
            lengths(
                &[
                    (30, Block),
                    (30, Sentence),
                    (30, Block),
                    (30, Sentence),
                    (30, Sentence)
                ],
                100
            ),
            [60, 90]
        );
        assert_eq!(
            lengths(
                &[(60, Block), (30, Sentence), (30, Block), (60, Sentence)],
                100
            ),
            [90, 90]
        );
        assert_eq!(lengths(&[(500, Block), (10, Block)], 100), [500, 10]);
    }

    /// All ways to cut, one after the other.
    fn least_cost(pieces: &[Piece], max_tokens: usize) -> u64 {
        (0_u32..1 << (pieces.len() - 1))
            .filter_map(|cuts| {
                let (mut cost, mut start) = (0, 0);
                for end in 1..=pieces.len() {
                    if end < pieces.len() && cuts >> (end - 1) & 1 == 0 {
                        continue;
                    }
                    cost += cost_of_part(pieces, start..end, max_tokens)?;
                    start = end;
                }
                Some(cost)
            })
            .min()
            .unwrap()
    }

    fn cost_of_part(pieces: &[Piece], part: Range<usize>, max_tokens: usize) -> Option<u64> {
        let tokens = pieces[part.clone()].iter().map(|piece| piece.tokens).sum();
        let cut = match part.start {
            0 => 0,
            start => cost_of_cut(pieces[start].strength),
        };
        (tokens <= max_tokens || part.len() == 1).then(|| cut + cost_of_passage(tokens, max_tokens))
    }

    fn strengths() -> impl Strategy<Value = Strength> {
        use Strength::{Block, Grapheme, Item, Line, Sentence, Word};
        prop::sample::select(vec![Block, Item, Line, Sentence, Word, Grapheme])
    }

    proptest! {
        #[test]
        fn no_other_way_is_cheaper(
            pieces in prop::collection::vec((1_usize..9, strengths()), 1..11),
            max_tokens in 1_usize..20,
        ) {
            let pieces: Vec<Piece> = pieces.into_iter().map(|(tokens, strength)| piece(tokens, strength)).collect();
            let parts = pack(&pieces, max_tokens);
            prop_assert_eq!(parts.iter().map(Range::len).sum::<usize>(), pieces.len());
            let costs: Option<Vec<u64>> = parts.into_iter().map(|part| cost_of_part(&pieces, part, max_tokens)).collect();
            let cost: u64 = costs.unwrap().into_iter().sum();
            let total: usize = pieces.iter().map(|piece| piece.tokens).sum();
            if total > max_tokens {
                prop_assert_eq!(cost, least_cost(&pieces, max_tokens));
            }
        }
    }
}
