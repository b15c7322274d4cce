//! Options as keyword arguments.

use std::str::FromStr;

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::error::{OrRaise, invalid};

/// Gives every keyword argument of `function` to `set`, which says whether it knows it. Messages name
/// the argument.
pub fn each<'py>(
    function: &str,
    given: Option<&Bound<'py, PyDict>>,
    mut set: impl FnMut(&str, &Bound<'py, PyAny>) -> PyResult<bool>,
) -> PyResult<()> {
    for (name, value) in given.into_iter().flatten() {
        let py = value.py();
        let name = name.cast_into::<PyString>()?;
        let name = name.to_cow()?;
        match set(&name, &value) {
            Ok(true) => {}
            Ok(false) => {
                let message = format!("{function}() got an unexpected keyword argument '{name}'");
                return Err(PyTypeError::new_err(message));
            }
            Err(error) if error.get_type(py).is(py.get_type::<PyTypeError>()) => {
                let message = format!("{function}() argument '{name}': {}", error.value(py));
                return Err(PyTypeError::new_err(message));
            }
            Err(error) if error.is_instance_of::<PyOverflowError>(py) => {
                let message = format!("{function}() argument '{name}': {}", error.value(py));
                return Err(PyValueError::new_err(message));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// One of a few names.
pub fn one_of<T: Copy>(value: &Bound<'_, PyAny>, names: &[(&str, T)]) -> PyResult<T> {
    let given: String = value.extract()?;
    match names.iter().find(|(name, _)| *name == given) {
        Some((_, one)) => Ok(*one),
        None => {
            let names: Vec<String> = names.iter().map(|(name, _)| format!("{name:?}")).collect();
            let message = format!("{given:?} is none of {}", names.join(", "));
            Err(invalid(value.py(), &message))
        }
    }
}

/// What the engine reads from text.
pub fn parsed<T: FromStr<Err = zerogr::Error>>(value: &Bound<'_, PyAny>) -> PyResult<T> {
    let text: String = value.extract()?;
    text.parse::<T>().or_raise(value.py())
}
