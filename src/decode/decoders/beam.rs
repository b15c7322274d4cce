//! Beam search: the most probable prefixes only, level by level.
//!
//! A level is a branching, not a token: in each round every unfinished prefix of the beam is
//! opened, all in one call of the expander, and is replaced by its children, forced steps
//! walked. Docids that are complete stay in the beam and compete with prefixes. Of all these the
//! `width` most probable are kept; on a tie the first in the order of the trie. The search ends
//! when the beam holds docids only.
//!
//! A docid whose prefix falls out of the beam is lost, so the result is not exact in general.
//! With a width of at least the number of docids nothing falls out, and it is.

use super::drawn::{Drawn, best_with_ties, passages_of};
use super::request::Request;
use crate::decode::expanders::place::Places;
use crate::decode::prefixes::memo::{Below, Memo, NodeId};
use crate::{Error, Result};

/// Options of beam search.
///
/// Passages are ranked by the log-sum over those of their docids that are left in the beam.
#[derive(Debug, Clone, PartialEq)]
pub struct Beam {
    /// Prefixes kept from level to level; at least one.
    pub width: usize,
}

impl Default for Beam {
    /// As wide as the paper has draws.
    fn default() -> Self {
        Beam { width: 100 }
    }
}

impl Beam {
    pub(in crate::decode) fn check(&self) -> Result<()> {
        match self.width {
            0 => Err(Error::invalid("the width of a beam must be at least 1")),
            _ => Ok(()),
        }
    }
}

/// A member of the beam.
#[derive(Clone)]
struct Member {
    log_prob: f64,
    id: NodeId,
    /// Where the docid is stored, once it is complete.
    docid: Option<Places>,
}

pub(in crate::decode) fn beam(
    options: &Beam,
    memo: &mut Memo<'_>,
    request: &Request<'_>,
) -> Result<Vec<Drawn>> {
    // Always in the order of the trie: children take the place of their parent.
    let mut members: Vec<Member> = memo
        .root()
        .map(|id| Member::new(memo, id))
        .into_iter()
        .collect();
    let mut is_refused = request.k == 0;
    while !is_refused && members.iter().any(|member| member.docid.is_none()) {
        let unfinished: Vec<NodeId> = members
            .iter()
            .filter(|member| member.docid.is_none())
            .map(|member| member.id)
            .collect();
        memo.open_all(&unfinished)?;
        let mut next = Vec::with_capacity(members.len());
        for mut member in members {
            if member.docid.is_some() {
                next.push(member);
                continue;
            }
            match memo.open(member.id)? {
                None => is_refused = true,
                Some(Below::Docid(places)) => {
                    member.docid = Some(places);
                    next.push(member);
                }
                Some(Below::Nodes(range)) => next.extend(range.map(|id| Member::new(memo, id))),
            }
        }
        members = most_probable(next, options.width);
    }
    let docids: Vec<(f64, Places)> = members
        .into_iter()
        .filter_map(|member| Some((member.log_prob, member.docid?)))
        .collect();
    Ok(best_with_ties(
        passages_of(&docids, request.postings),
        request.k,
    ))
}

impl Member {
    fn new(memo: &Memo<'_>, id: NodeId) -> Self {
        Member {
            log_prob: memo.log_prob(id),
            id,
            docid: None,
        }
    }
}

/// The `width` most probable of `members`, their order kept; on a tie the first.
fn most_probable(members: Vec<Member>, width: usize) -> Vec<Member> {
    if members.len() <= width {
        return members;
    }
    let mut ranked: Vec<(usize, Member)> = members.into_iter().enumerate().collect();
    let better = |a: &(usize, Member), b: &(usize, Member)| {
        b.1.log_prob.total_cmp(&a.1.log_prob).then(a.0.cmp(&b.0))
    };
    ranked.select_nth_unstable_by(width, better);
    ranked.truncate(width);
    ranked.sort_unstable_by_key(|(position, _)| *position);
    ranked.into_iter().map(|(_, member)| member).collect()
}
