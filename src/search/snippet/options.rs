//! What a snippet is asked to be.

/// The length of a snippet.
const DEFAULT_MAX_CHARS: usize = 240;

/// How a snippet is made.
///
/// ```
/// use zerogr::SnippetOptions;
///
/// let options = SnippetOptions::new().max_chars(400).semantic(true);
/// assert_eq!(options.max_chars, 400);
/// assert!(!SnippetOptions::new().semantic);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnippetOptions {
    /// The most characters of its text.
    pub max_chars: usize,
    /// Whether the last word of the query may be the beginning of a longer one, as in the search:
    /// [`SearchOptions::prefix`](crate::SearchOptions::prefix).
    pub prefix: bool,
    /// Whether to mark what late interaction matched too
    /// ([`MarkKind::Meaning`](super::MarkKind::Meaning)). The encoder reads query and passage again for it,
    /// and a passage of 256 tokens takes it about fifteen times as long as a short query. Where
    /// the index has no encoder or no vectors of tokens, or the encoder cannot tell where tokens
    /// stand, nothing is marked so.
    pub semantic: bool,
}

impl Default for SnippetOptions {
    fn default() -> Self {
        SnippetOptions {
            max_chars: DEFAULT_MAX_CHARS,
            prefix: false,
            semantic: false,
        }
    }
}

impl SnippetOptions {
    /// The defaults.
    pub fn new() -> Self {
        SnippetOptions::default()
    }

    /// Sets the most characters of its text.
    #[must_use]
    pub fn max_chars(mut self, max_chars: usize) -> Self {
        self.max_chars = max_chars;
        self
    }

    /// Sets whether the last word of the query may be the beginning of a longer one.
    #[must_use]
    pub fn prefix(mut self, prefix: bool) -> Self {
        self.prefix = prefix;
        self
    }

    /// Sets whether to mark what late interaction matched too.
    #[must_use]
    pub fn semantic(mut self, semantic: bool) -> Self {
        self.semantic = semantic;
        self
    }
}
