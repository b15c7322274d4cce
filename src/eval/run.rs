//! Runs: what a system returned for each query, in memory and as TREC run files.
//!
//! ```text
//! query-id Q0 document-id rank score tag
//! ```
//!
//! Evaluation tools look at the score, not at the order of lines, and keep it as a 32-bit float:
//! the ranking is by descending score, ties by descending document id (byte order). A run keeps
//! its hits in that order always, so that memory and file are evaluated alike.
//!
//! I1. Hits of a query are in the order above; no document twice; no score is NaN.
//! I2. In a written file the scores of a query decrease strictly, as 32-bit floats.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::columns::{cells, is_header};
use crate::docs::read::lines::LineReader;
use crate::{Error, Result};

/// One returned document.
#[derive(Debug, Clone, PartialEq)]
pub struct RunHit {
    /// The document's external id.
    pub id: String,
    /// The higher the better.
    pub score: f64,
}

/// The hits of all queries.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    queries: BTreeMap<String, Vec<RunHit>>,
}

impl Run {
    /// A run without results.
    pub fn new() -> Self {
        Run::default()
    }

    /// Sets the hits of a query, in any order; scores decide.
    ///
    /// # Errors
    /// A score is NaN, or a document comes twice.
    pub fn insert<I: Into<String>>(
        &mut self,
        query: &str,
        hits: impl IntoIterator<Item = (I, f64)>,
    ) -> Result<()> {
        let mut hits = checked(query, hits)?;
        hits.sort_by(evaluation_order);
        self.queries.insert(query.to_owned(), hits);
        Ok(())
    }

    /// Sets the hits of a query in the order of a ranking. The order decides: scores are lowered
    /// by the least possible amount where they do not decrease.
    ///
    /// # Errors
    /// A score is NaN, or a document comes twice.
    pub fn insert_ranked<I: Into<String>>(
        &mut self,
        query: &str,
        ranking: impl IntoIterator<Item = (I, f64)>,
    ) -> Result<()> {
        let mut hits = checked(query, ranking)?;
        let scores = decreasing_scores(&hits);
        for (hit, score) in hits.iter_mut().zip(scores) {
            hit.score = f64::from(score);
        }
        self.queries.insert(query.to_owned(), hits);
        Ok(())
    }

    /// The hits of a query, best first; empty when it has none.
    pub fn hits(&self, query: &str) -> &[RunHit] {
        self.queries.get(query).map_or(&[], Vec::as_slice)
    }

    /// Queries that were answered, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[RunHit])> {
        self.queries
            .iter()
            .map(|(query, hits)| (query.as_str(), hits.as_slice()))
    }

    /// Queries that were answered.
    pub fn len(&self) -> usize {
        self.queries.len()
    }

    /// True when no query was answered.
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    /// Writes the run in TREC's layout; `tag` names the system.
    ///
    /// # Errors
    /// An id or the tag is empty or has white space, which the layout cannot hold; a failing
    /// writer.
    pub fn write(&self, writer: &mut impl Write, tag: &str) -> Result<()> {
        let failed = |error| Error::io("writing", Path::new("the run"), error);
        check_column("tag", tag)?;
        for (query, hits) in &self.queries {
            check_column("query id", query)?;
            for (position, (hit, score)) in hits.iter().zip(decreasing_scores(hits)).enumerate() {
                check_column("document id", &hit.id)?;
                writeln!(
                    writer,
                    "{query} Q0 {} {} {score} {tag}",
                    hit.id,
                    position + 1
                )
                .map_err(failed)?;
            }
        }
        writer.flush().map_err(failed)
    }

    /// Reads a TREC run file, plain or gzip, with tabs or other white space between columns. The
    /// rank column is ignored, as evaluation tools do.
    ///
    /// # Errors
    /// With file and line: not six columns (the tag may be missing), a score that is no number,
    /// a document returned twice for a query.
    pub fn read(path: &Path) -> Result<Self> {
        let mut run = Run::new();
        let mut seen: HashSet<(String, String)> = HashSet::new();
        let mut lines = LineReader::open(path, &Arc::default())?;
        while let Some(line) = lines.next_line()? {
            let (number, text) = (line.number, line.text?);
            if text.trim().is_empty() {
                continue;
            }
            let parsed = parse(text).map_err(|message| lines.error_at(number, message))?;
            let Some((query, hit)) = parsed else {
                continue;
            };
            if !seen.insert((query.clone(), hit.id.clone())) {
                let message = format!("query {query:?} has document {:?} a second time", hit.id);
                return Err(lines.error_at(number, message));
            }
            run.queries.entry(query).or_default().push(hit);
        }
        for hits in run.queries.values_mut() {
            hits.sort_by(evaluation_order);
        }
        Ok(run)
    }
}

/// Descending score at 32-bit precision, then descending id.
fn evaluation_order(a: &RunHit, b: &RunHit) -> Ordering {
    (b.score as f32)
        .partial_cmp(&(a.score as f32))
        .unwrap_or(Ordering::Equal)
        .then(b.id.cmp(&a.id))
}

/// The hits of a query, looked at.
fn checked<I: Into<String>>(
    query: &str,
    hits: impl IntoIterator<Item = (I, f64)>,
) -> Result<Vec<RunHit>> {
    let hit = |(id, score): (I, f64)| RunHit {
        id: id.into(),
        score,
    };
    let hits: Vec<RunHit> = hits.into_iter().map(hit).collect();
    check(&hits).map_err(|message| Error::invalid(format!("query {query:?}: {message}")))?;
    Ok(hits)
}

fn check(hits: &[RunHit]) -> std::result::Result<(), String> {
    let mut seen = HashSet::with_capacity(hits.len());
    for hit in hits {
        if hit.score.is_nan() {
            return Err(format!(
                "the score of document {:?} is not a number",
                hit.id
            ));
        }
        if !seen.insert(hit.id.as_str()) {
            return Err(format!("document {:?} comes a second time", hit.id));
        }
    }
    Ok(())
}

/// Scores for hits in their order that decrease strictly as 32-bit floats: the hits' own, lowered
/// where needed, or counted down where that is impossible (infinite scores).
fn decreasing_scores(hits: &[RunHit]) -> Vec<f32> {
    let mut scores = Vec::with_capacity(hits.len());
    let mut limit = f32::INFINITY;
    for hit in hits {
        let mut score = hit.score as f32;
        if score.is_subnormal() || score == 0.0 {
            score = 0.0;
        }
        if score >= limit {
            score = below(limit);
        }
        if !score.is_finite() {
            return (1..=hits.len()).rev().map(|score| score as f32).collect();
        }
        scores.push(score);
        limit = score;
    }
    scores
}

/// The next 32-bit float below `limit` among zero and the normal numbers.
fn below(limit: f32) -> f32 {
    match limit.next_down() {
        next if !next.is_subnormal() => next,
        next if next > 0.0 => 0.0,
        _ => -f32::MIN_POSITIVE,
    }
}

fn check_column(what: &str, text: &str) -> Result<()> {
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(Error::invalid(format!(
            "the {what} {text:?} is empty or has white space, and a run file cannot hold it; \
             rename it, or evaluate without a run file"
        )));
    }
    Ok(())
}

/// Query and hit of a line; nothing for a header.
fn parse(line: &str) -> std::result::Result<Option<(String, RunHit)>, String> {
    let wrong = |count| format!("{count} columns; expected query-id Q0 document-id rank score tag");
    let cells = cells(line, 5..=6).map_err(wrong)?;
    let ([query, _, id, _, score] | [query, _, id, _, score, _]) = cells.as_slice() else {
        return Err(wrong(cells.len()));
    };
    match score.parse::<f64>() {
        _ if query.is_empty() || id.is_empty() => {
            Err("the query id or document id is empty".to_owned())
        }
        Ok(value) if !value.is_nan() => Ok(Some((
            (*query).to_owned(),
            RunHit {
                id: (*id).to_owned(),
                score: value,
            },
        ))),
        Err(_) if is_header(score) => Ok(None),
        _ => Err(format!("the score {score:?} is not a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(run: &Run, query: &str) -> Vec<String> {
        run.hits(query).iter().map(|hit| hit.id.clone()).collect()
    }

    fn read(text: &str) -> Result<Run> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.trec");
        std::fs::write(&path, text).unwrap();
        Run::read(&path)
    }

    #[test]
    fn scores_decide_and_ties_go_by_descending_id() {
        let mut run = Run::new();
        run.insert(
            "q",
            [("a", 1.0), ("b", 2.0), ("c", 1.0), ("d", 1.0 + 1e-12)],
        )
        .unwrap();
        assert_eq!(ids(&run, "q"), ["b", "d", "c", "a"]);
        assert!(run.hits("other").is_empty());
        assert!(run.insert("q", [("a", f64::NAN)]).is_err());
        assert!(run.insert("q", [("a", 1.0), ("a", 0.5)]).is_err());
    }

    #[test]
    fn a_ranking_keeps_its_order_through_a_file() {
        let mut run = Run::new();
        run.insert_ranked("q", [("a", 0.5), ("b", 0.5), ("c", 0.9), ("d", -1.0)])
            .unwrap();
        run.insert_ranked("zero", [("a", 0.0), ("b", -0.0), ("c", 0.0)])
            .unwrap();
        run.insert_ranked(
            "inf",
            [("a", f64::INFINITY), ("b", 1.0), ("c", f64::NEG_INFINITY)],
        )
        .unwrap();
        run.insert_ranked("floor", [("a", f64::from(f32::MIN)), ("b", -1e300)])
            .unwrap();
        let mut bytes = Vec::new();
        run.write(&mut bytes, "zgr").unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("q Q0 a 1 0.5 zgr\n"), "{text}");
        let back = read(&text).unwrap();
        for (query, hits) in run.iter() {
            let same =
                |(a, b): (&RunHit, &RunHit)| a.id == b.id && a.score as f32 == b.score as f32;
            assert!(
                hits.iter().zip(back.hits(query)).all(same),
                "{query}: {back:?}"
            );
        }
        assert_eq!(ids(&back, "q"), ["a", "b", "c", "d"]);
        for query in ["zero", "inf", "floor", "q"] {
            let scores: Vec<f32> = back
                .hits(query)
                .iter()
                .map(|hit| hit.score as f32)
                .collect();
            assert!(
                scores.windows(2).all(|pair| pair[0] > pair[1]),
                "{query}: {scores:?}"
            );
        }
    }

    #[test]
    fn tied_scores_are_written_strictly_decreasing_in_evaluated_order() {
        let mut run = Run::new();
        run.insert("q", [("a", 1.0), ("b", 1.0), ("c", 1.0)])
            .unwrap();
        let mut bytes = Vec::new();
        run.write(&mut bytes, "t").unwrap();
        let back = read(&String::from_utf8(bytes).unwrap()).unwrap();
        assert_eq!(ids(&back, "q"), ids(&run, "q"));
        assert_eq!(ids(&back, "q"), ["c", "b", "a"]);
    }

    #[test]
    fn ids_with_white_space_are_refused() {
        for (query, id, tag) in [
            ("q 1", "d", "t"),
            ("q", "d\t1", "t"),
            ("q", "", "t"),
            ("q", "d", "a b"),
        ] {
            let mut run = Run::new();
            run.insert(query, [(id, 1.0)]).unwrap();
            assert!(
                run.write(&mut Vec::new(), tag)
                    .unwrap_err()
                    .is_invalid_input()
            );
        }
    }

    #[test]
    fn errors_name_the_line() {
        for (text, message) in [
            ("q Q0 d 1 1.0 t\nq Q0 e 2\n", "run.trec:2: 4 columns"),
            (
                "q Q0 d 1 high t\n",
                "run.trec:1: the score \"high\" is not a number",
            ),
            ("q Q0 d 1 nan t\n", "run.trec:1: the score"),
            (
                "q Q0 d 1 2 t\nq Q0 d 2 1 t\n",
                "run.trec:2: query \"q\" has document \"d\" a second",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        assert!(read("").unwrap().is_empty());
        assert_eq!(read("q Q0 d 1 2\n\n").unwrap().len(), 1);
    }

    #[test]
    fn tabs_headers_marks_and_line_ends() {
        let plain = read("q Q0 d 1 2.5 t\nq Q0 e 2 1 t\n").unwrap();
        for text in [
            "q\tQ0\td\t1\t2.5\tt\r\nq\tQ0\te\t2\t1\tt\r\n",
            "\u{feff}q Q0\td 1 2.5 t\n\u{feff}q Q0 e 2 1\n",
            "qid Q0 docno rank score tag\nq Q0 d 1 2.5 t\nqid\tQ0\tdocno\trank\tsim\nq Q0 e 2 1 t\n",
        ] {
            assert_eq!(read(text).unwrap(), plain, "{text}");
        }
        let spaced = read("q 1\tQ0\td 1\t1\t2\tt\n").unwrap();
        assert_eq!(ids(&spaced, "q 1"), ["d 1"]);
    }
}
