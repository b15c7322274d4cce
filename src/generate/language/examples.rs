//! The examples of few-shot prompts: a document of each kind, with a docid and a query.

/// One worked example.
pub(super) struct Example {
    pub(super) document: &'static str,
    pub(super) docid: &'static str,
    pub(super) query: &'static str,
}

/// Prose, a table, code.
pub(super) const EXAMPLES: [Example; 3] = [
    Example {
        document: "Sourdough starters hold wild yeast and lactic acid bacteria. We followed \
                   twelve starters for a month and found that the flour, not the kitchen air, \
                   decides which bacteria take over.",
        docid: "sourdough starters wild yeast lactic bacteria flour",
        query: "what decides which bacteria grow in a sourdough starter",
    },
    Example {
        document: "Lighthouses of the northern coast. Name | Built | Height (m) | Light. \
                   Skerry Rock | 1844 | 48 | white flash. Gull Point | 1871 | 31 | red. \
                   Ness Head | 1902 | 22 | white.",
        docid: "lighthouses northern coast height light skerry rock 1844",
        query: "which lighthouse on the northern coast was built in 1844",
    },
    Example {
        document: "def rotate_left(items, steps): \"\"\"Rotate a list to the left.\"\"\" \
                   steps %= len(items) return items[steps:] + items[:steps]",
        docid: "rotate list left items steps len",
        query: "python function that shifts the elements of a list to the left",
    },
];
