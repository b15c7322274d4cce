//! Values between Python and JSON, which is what the engine takes documents from and keeps them in.

use pyo3::exceptions::{PyRecursionError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple};
use serde::Serialize;
use zerogr::Document;

use crate::error::{OrRaise, invalid};

/// How deep lists and dicts may lie in one another; the engine says what it keeps of that.
const MAX_NESTING: usize = 128;

/// A document of a mapping with the keys of a line of JSON. `what` is how messages name it.
pub fn document(row: &Bound<'_, PyAny>, what: impl FnOnce() -> String) -> PyResult<Document> {
    let Ok(row) = row.cast::<PyMapping>() else {
        let message = format!("{}: a dict is needed, not {}", what(), row.get_type());
        return Err(PyTypeError::new_err(message));
    };
    let mut line = String::new();
    write(row, &mut line, 0)?;
    Document::from_json_line(&line).or_raise_about(row.py(), what)
}

/// A document as a dict that can be added again.
pub fn document_dict(py: Python<'_>, document: &Document) -> PyResult<Py<PyAny>> {
    loads(py, &document.to_json_line())
}

/// Whatever can be written as JSON.
pub fn to_python(py: Python<'_>, value: &impl Serialize) -> PyResult<Py<PyAny>> {
    let json = serde_json::to_string(value);
    let json = json.map_err(|error| PyTypeError::new_err(error.to_string()))?;
    loads(py, &json)
}

fn loads(py: Python<'_>, json: &str) -> PyResult<Py<PyAny>> {
    py.import("json")?
        .call_method1("loads", (json,))
        .map(Bound::unbind)
}

/// Writes a value as JSON. What Python alone has, `zerogr._values` makes plain.
fn write(value: &Bound<'_, PyAny>, json: &mut String, nesting: usize) -> PyResult<()> {
    if nesting > MAX_NESTING {
        return Err(PyRecursionError::new_err(
            "lists and dicts lie too deep in one another",
        ));
    }
    if let Ok(text) = value.cast::<PyString>() {
        write_text(&text.to_cow()?, json);
    } else if value.is_none() {
        json.push_str("null");
    } else if let Ok(truth) = value.cast::<PyBool>() {
        json.push_str(if truth.is_true() { "true" } else { "false" });
    } else if value.is_instance_of::<PyInt>() {
        // Of any length, and without the name that an enumeration gives it.
        let number = value.call_method0("__int__")?;
        json.push_str(&number.str()?.to_cow()?);
    } else if let Ok(number) = value.cast::<PyFloat>() {
        let number = number.value();
        if !number.is_finite() {
            let message = format!("{number} is not a number that JSON has");
            return Err(invalid(value.py(), &message));
        }
        json.push_str(&serde_json::to_string(&number).unwrap_or_default());
    } else if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        json.push('[');
        for (number, item) in value.try_iter()?.enumerate() {
            if number > 0 {
                json.push(',');
            }
            write(&item?, json, nesting + 1)?;
        }
        json.push(']');
    } else if let Ok(mapping) = value.cast::<PyDict>() {
        write_members(mapping.iter(), json, nesting)?;
    } else if let Ok(mapping) = value.cast::<PyMapping>() {
        let items = mapping.items()?;
        let members = items
            .iter()
            .map(|item| item.extract())
            .collect::<PyResult<Vec<_>>>()?;
        write_members(members.into_iter(), json, nesting)?;
    } else {
        let plain = value
            .py()
            .import("zerogr._values")?
            .call_method1("plain", (value,))?;
        write(&plain, json, nesting + 1)?;
    }
    Ok(())
}

fn write_members<'py>(
    members: impl Iterator<Item = (Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    json: &mut String,
    nesting: usize,
) -> PyResult<()> {
    json.push('{');
    for (number, (name, value)) in members.enumerate() {
        if number > 0 {
            json.push(',');
        }
        let Ok(name) = name.cast::<PyString>() else {
            let message = format!("{}: the keys of a document are texts", name.repr()?);
            return Err(PyTypeError::new_err(message));
        };
        write_text(&name.to_cow()?, json);
        json.push(':');
        write(&value, json, nesting + 1)?;
    }
    json.push('}');
    Ok(())
}

fn write_text(text: &str, json: &mut String) {
    // A text can always be written.
    json.push_str(&serde_json::to_string(text).unwrap_or_default());
}
