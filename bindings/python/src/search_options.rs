//! The keyword arguments of a search.

use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use zerogr::{Facet, FieldValue, Mode, RetrieverKind, SearchOptions};

use crate::keywords::{each, one_of, parsed};

const MODES: [(&str, Mode); 5] = [
    ("planned", Mode::Planned),
    ("generative", Mode::Generative),
    ("lexical", Mode::Lexical),
    ("dense", Mode::Dense),
    ("fusion", Mode::Fusion),
];

const RETRIEVERS: [(&str, RetrieverKind); 2] = [
    ("compact", RetrieverKind::Compact),
    ("lm", RetrieverKind::LanguageModel),
];

/// What a search is asked for.
pub struct Request {
    pub options: SearchOptions,
    /// Fields to count by, with what they are called.
    pub facets: Vec<(String, Facet)>,
    /// Arrays instead of objects.
    pub as_numpy: bool,
}

impl Request {
    pub fn new(given: Option<&Bound<'_, PyDict>>) -> PyResult<Request> {
        let mut request = Request {
            options: SearchOptions::new(),
            facets: Vec::new(),
            as_numpy: false,
        };
        each("search", given, |name, value| request.set(name, value))?;
        Ok(request)
    }

    fn set(&mut self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let options = &mut self.options;
        match name {
            "k" => options.k = value.extract()?,
            "mode" => options.mode = one_of(value, &MODES)?,
            "retriever" => options.retriever = one_of(value, &RETRIEVERS)?,
            "passages" => options.passages_per_document = value.extract()?,
            "prefix" => options.prefix = value.extract()?,
            "explain" => options.explain = value.extract()?,
            "as_numpy" => self.as_numpy = value.extract()?,
            "where" if value.is_none() => options.filter = None,
            "where" => options.filter = Some(parsed(value)?),
            "facets" if value.is_none() => self.facets.clear(),
            "facets" => self.facets = facets(value)?,
            "instruction" => options.instruction = value.extract()?,
            "min_similarity" => options.min_similarity = value.extract()?,
            "rerank" => options.rerank = value.extract()?,
            "draws" => options.draws = value.extract()?,
            "planner" => options.planner = value.extract()?,
            "prior_share" => options.prior_share = value.extract()?,
            "token_share" => options.token_share = value.extract()?,
            "budget_ms" => {
                let limit_ms: Option<u64> = value.extract()?;
                options.budget.max_time = limit_ms.map(Duration::from_millis);
            }
            "budget_nodes" => options.budget.max_evaluations = value.extract()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Names of fields, or of fields with the bounds of ranges: `["lang", ("year", [1990, 2000])]`.
fn facets(value: &Bound<'_, PyAny>) -> PyResult<Vec<(String, Facet)>> {
    if value.is_instance_of::<PyString>() {
        return Ok(vec![facet(value)?]);
    }
    value.try_iter()?.map(|item| facet(&item?)).collect()
}

/// One of them.
pub fn facet(value: &Bound<'_, PyAny>) -> PyResult<(String, Facet)> {
    if let Ok(field) = value.extract::<String>() {
        return Ok((field.clone(), Facet::values(field)));
    }
    let pair: PyResult<(String, Vec<Bound<'_, PyAny>>)> = value.extract();
    let (field, bounds) = pair.map_err(|_| {
        PyTypeError::new_err("a facet is the name of a field, or a pair of it and a list of bounds")
    })?;
    let bounds = bounds
        .iter()
        .map(bound)
        .collect::<PyResult<Vec<FieldValue>>>()?;
    Ok((field.clone(), Facet::between(field, bounds)))
}

fn bound(value: &Bound<'_, PyAny>) -> PyResult<FieldValue> {
    if let Ok(whole) = value.extract::<i64>() {
        return Ok(whole.into());
    }
    if let Ok(number) = value.extract::<f64>() {
        return Ok(number.into());
    }
    Ok(value.extract::<String>()?.into())
}
