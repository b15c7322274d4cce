//! What answering a query cost, in counts that do not depend on the machine.

/// What answering a query cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Queries given to the retriever: none while nothing branches, else one.
    pub prefills: u64,
    /// Calls of the expander, each of which scored one or more prefixes.
    pub passes: u64,
    /// Branching prefixes whose children were scored.
    pub node_evaluations: u64,
    /// Children scored, that is vectors compared by the trie head.
    pub children_scored: u64,
    /// Bytes of parameters read to score them, as far as the expander says.
    pub bytes_touched: u64,
}

impl Work {
    /// Adds the work of another query.
    pub fn add(&mut self, other: &Work) {
        self.prefills += other.prefills;
        self.passes += other.passes;
        self.node_evaluations += other.node_evaluations;
        self.children_scored += other.children_scored;
        self.bytes_touched += other.bytes_touched;
    }
}
