//! What is known of queries: of a folder or a file, or of tuples.

use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use zerogr::JudgedQueries;

use crate::error::OrRaise;

/// The judgements that a path names, of a folder those of `split`, or that tuples of a query, an id
/// and perhaps a weight are.
pub fn judged_queries(given: &Bound<'_, PyAny>, split: &str) -> PyResult<JudgedQueries> {
    let py = given.py();
    if let Ok(path) = given.extract::<PathBuf>() {
        return py.detach(|| JudgedQueries::read(path, split)).or_raise(py);
    }
    let mut judged = JudgedQueries::new();
    for (number, item) in given.try_iter()?.enumerate() {
        let item = item?;
        let (query, id, weight) = match item.len() {
            Ok(2) => item.extract::<(String, String)>().map(|(query, id)| (query, id, 1.0)),
            _ => item.extract::<(String, String, f64)>(),
        }
        .map_err(|_| {
            let message = format!(
                "judgement {number}: a tuple of a query, the id of a document and perhaps a weight is \
                 needed, not {item:?}"
            );
            PyTypeError::new_err(message)
        })?;
        judged
            .add(&query, &id, weight)
            .or_raise_about(py, || format!("judgement {number}"))?;
    }
    Ok(judged)
}
