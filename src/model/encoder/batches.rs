//! Which texts run together: texts of like length, by their tokens alone.

/// Positions of the rows with a token, longest first, so that the threads end together; ties by
/// position (I3).
pub(super) fn longest_first(rows: &[Vec<u32>]) -> Vec<usize> {
    let has_token = |&at: &usize| rows.get(at).is_some_and(|row| !row.is_empty());
    let mut order: Vec<usize> = (0..rows.len()).filter(has_token).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(rows.get(at).map_or(0, Vec::len)), at));
    order
}

/// Cuts `order` into batches of at most `batch_tokens` tokens, padding included.
pub(super) fn batches<'a>(
    rows: &[Vec<u32>],
    order: &'a [usize],
    batch_tokens: usize,
) -> Vec<&'a [usize]> {
    let mut batches = Vec::new();
    let mut rest = order;
    while let Some(&longest) = rest.first() {
        let width = rows.get(longest).map_or(1, Vec::len).max(1);
        let texts = (batch_tokens / width).clamp(1, rest.len());
        let (batch, later) = rest.split_at(texts);
        batches.push(batch);
        rest = later;
    }
    batches
}

pub(super) fn select<'a>(rows: &'a [Vec<u32>], batch: &[usize]) -> Vec<&'a [u32]> {
    batch
        .iter()
        .filter_map(|&at| rows.get(at))
        .map(Vec::as_slice)
        .collect()
}
