//! BM25 in the variant of Lucene.
//!
//! ```text
//!   score(q, d) = sum over the terms t of q, repeated ones repeatedly:
//!
//!                 idf(t) * tf / (tf + k1 * (1 - b + b * dl / avgdl))
//!
//!   idf(t)      = ln(1 + (N - df + 1/2) / (df + 1/2))
//! ```
//!
//! `tf` is how often d contains t, `dl` the number of terms of d, repeated ones counted; `N`, `df`
//! and `avgdl` are the documents, the documents that contain t, and the mean of `dl`. The constant
//! factor `k1 + 1` of the textbook formula is left out, as in Lucene since version 8, so a term
//! adds less than its idf. It is `method="lucene"` of bm25s ("Lucene (accurate)" in Kamphuis,
//! de Vries, Boytsov and Lin, "Which BM25 do you mean?", 2020): document lengths are exact, where
//! Lucene itself rounds them to a byte.
//!
//! Scores are sums of positive numbers, so a document without a query term has 0 and no other has.

/// The two parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Bm25 {
    /// How much a repeated term adds.
    pub k1: f64,
    /// How much a long document is discounted, 0 to 1.
    pub b: f64,
}

impl Default for Bm25 {
    /// Lucene's values.
    fn default() -> Self {
        Bm25 { k1: 1.2, b: 0.75 }
    }
}

impl Bm25 {
    /// With these parameters; what is not finite or out of bounds is moved to the nearest bound.
    pub fn new(k1: f64, b: f64) -> Self {
        Bm25 {
            k1: if k1.is_finite() { k1.max(0.0) } else { 1.2 },
            b: if b.is_finite() {
                b.clamp(0.0, 1.0)
            } else {
                0.75
            },
        }
    }

    /// The weight of a term that `document_frequency` of `documents` documents contain.
    pub fn idf(documents: u64, document_frequency: u64) -> f64 {
        let (documents, frequency) = (documents as f64, document_frequency as f64);
        (((documents - frequency).max(0.0) + 0.5) / (frequency + 0.5)).ln_1p()
    }

    /// For documents with `mean_length` terms in the mean: the saturation of a term by how often
    /// it occurs and how long the document is. Positive, at most 1.
    pub fn saturation(self, mean_length: f64) -> impl Fn(u32, u32) -> f64 {
        let base = self.k1 * (1.0 - self.b);
        let per_term = if mean_length > 0.0 {
            self.k1 * self.b / mean_length
        } else {
            0.0
        };
        move |count, length| {
            let count = f64::from(count);
            count / (count + base + per_term * f64::from(length))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_word_counts_lengths_weigh_nothing() {
        for k1 in [0.3, 1.2, 1e6] {
            let saturation = Bm25::new(k1, 1.0).saturation(0.0);
            assert_eq!(saturation(1, 0), 1.0, "{k1}");
        }
    }
}
