//! Which segments are merged, and when.
//!
//! A segment's *level* is the logarithm of its size to the base 8, so a merge of eight segments
//! of one level lands on the next. A document is therefore rewritten about once per level, and
//! an index of `n` documents has at most 7 segments on each of its `log8(n)` levels.

/// Whether a commit merges segments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MergePolicy {
    /// Eight segments of one level, segments with more than a fifth of their documents deleted,
    /// and the smallest ones when there are more than 64.
    #[default]
    Tiered,
    /// Never, whatever the number of segments.
    Never,
    /// Everything into one segment.
    Everything,
}

/// Segments of one level that are merged together.
const FAN_IN: usize = 8;

/// Most segments an index keeps.
const MAX_LIVE_SEGMENTS: usize = 64;

/// A segment is rewritten when more than one in this many of its documents is dead.
const DEAD_SHARE_DIVISOR: u64 = 5;

/// Most docids a merge may bring into one segment: even docids that share nothing keep the trie
/// far below the 2 GiB that a section of it may have (`ARCHITECTURE.md`, D3).
const MAX_MERGED_DOCIDS: u64 = 1 << 25;

/// What the policy knows of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentSize {
    pub(crate) documents: u32,
    pub(crate) dead: u32,
    pub(crate) docids: u32,
}

impl SegmentSize {
    fn live(&self) -> u32 {
        self.documents.saturating_sub(self.dead)
    }

    fn needs_rewriting(&self) -> bool {
        u64::from(self.dead) * DEAD_SHARE_DIVISOR > u64::from(self.documents)
    }
}

/// Level of a segment of so many documents.
pub(crate) fn level_of(documents: u32) -> u16 {
    documents.checked_ilog(FAN_IN as u32).unwrap_or(0) as u16
}

impl MergePolicy {
    /// The positions of the segments to merge next, ascending; `None` when all is well.
    pub(crate) fn next(self, sizes: &[SegmentSize]) -> Option<Vec<usize>> {
        match self {
            MergePolicy::Never => None,
            MergePolicy::Everything => {
                let all: Vec<usize> = (0..sizes.len()).collect();
                let is_done = sizes.len() < 2 && sizes.iter().all(|size| size.dead == 0);
                (!is_done && fits(sizes, &all)).then_some(all)
            }
            MergePolicy::Tiered => tiered(sizes),
        }
    }
}

fn tiered(sizes: &[SegmentSize]) -> Option<Vec<usize>> {
    if let Some(position) = sizes.iter().position(SegmentSize::needs_rewriting) {
        return Some(vec![position]);
    }
    let top = sizes.iter().map(|size| level_of(size.live())).max()?;
    for level in 0..=top {
        let on_level: Vec<usize> = (0..sizes.len())
            .filter(|&position| {
                sizes
                    .get(position)
                    .is_some_and(|size| level_of(size.live()) == level)
            })
            .collect();
        if on_level.len() >= FAN_IN && fits(sizes, &on_level) {
            return Some(on_level);
        }
    }
    if sizes.len() > MAX_LIVE_SEGMENTS {
        let mut smallest: Vec<usize> = (0..sizes.len()).collect();
        smallest.sort_by_key(|&position| sizes.get(position).map(SegmentSize::live));
        smallest.truncate(FAN_IN);
        smallest.sort_unstable();
        return fits(sizes, &smallest).then_some(smallest);
    }
    None
}

fn fits(sizes: &[SegmentSize], positions: &[usize]) -> bool {
    let docids: u64 = positions
        .iter()
        .filter_map(|&position| sizes.get(position))
        .map(|size| u64::from(size.docids))
        .sum();
    positions.len() == 1 || docids <= MAX_MERGED_DOCIDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(documents: u32, dead: u32) -> SegmentSize {
        SegmentSize {
            documents,
            dead,
            docids: documents.saturating_mul(3),
        }
    }

    /// Commits of one size each: how many segments there ever are, and how often a document is
    /// written.
    fn simulate(commits: u32, documents: u32) -> (usize, f64) {
        let mut sizes = Vec::new();
        let (mut most, mut written) = (0, 0u64);
        for _ in 0..commits {
            sizes.push(of(documents, 0));
            written += u64::from(documents);
            while let Some(positions) = MergePolicy::Tiered.next(&sizes) {
                let live: u32 = positions
                    .iter()
                    .map(|&position| sizes[position].live())
                    .sum();
                written += u64::from(live);
                for position in positions.into_iter().rev() {
                    sizes.remove(position);
                }
                sizes.push(of(live, 0));
            }
            most = most.max(sizes.len());
        }
        (most, written as f64 / f64::from(commits * documents))
    }

    #[test]
    fn segments_stay_few_and_documents_are_rewritten_once_per_level() {
        let (most, writes_per_document) = simulate(10_000, 1);
        assert!(most <= 5 * 7, "{most}");
        assert!(writes_per_document <= 5.5, "{writes_per_document}");
        let (most, writes_per_document) = simulate(500, 10_000);
        assert!(most <= 3 * 7, "{most}");
        assert!(writes_per_document <= 4.5, "{writes_per_document}");
    }

    #[test]
    fn a_large_segment_is_left_alone_by_small_commits() {
        let mut sizes = vec![of(100_000, 0)];
        sizes.extend([of(1, 0); 8]);
        let positions = MergePolicy::Tiered.next(&sizes).unwrap();
        assert_eq!(positions, (1..9).collect::<Vec<_>>());
    }

    #[test]
    fn mostly_deleted_segments_are_rewritten() {
        assert_eq!(MergePolicy::Tiered.next(&[of(10, 2), of(10, 0)]), None);
        let sizes = [of(10, 0), of(10, 3)];
        assert_eq!(MergePolicy::Tiered.next(&sizes), Some(vec![1]));
        assert_eq!(MergePolicy::Never.next(&sizes), None);
    }

    #[test]
    fn everything_ends_with_one_clean_segment() {
        let policy = MergePolicy::Everything;
        assert_eq!(policy.next(&[]), None);
        assert_eq!(policy.next(&[of(10, 0)]), None);
        assert_eq!(policy.next(&[of(10, 1)]), Some(vec![0]));
        assert_eq!(policy.next(&[of(10, 0), of(5, 0)]), Some(vec![0, 1]));
    }
}
