//! What the settings of a checkpoint mean here: tables from each key to its meaning, which the
//! readers of `config.json` and GGUF follow.
//!
//! I1. A setting that a reader passes over can change what the model computes. So every key of a
//! file is looked up: read, known to change nothing here, switched off, or refused by its name.

/// What a key means.
pub(in crate::convert) enum Meaning {
    /// A reader asks for it, and refuses a value of another type.
    Read,
    /// It changes nothing that is computed here: why.
    Irrelevant(#[allow(dead_code, reason = "for whoever reads the table")] &'static str),
    /// It switches on what no graph here can do, unless it has one of these values: what that is.
    Off(&'static [Off], &'static str),
}

/// A value that switches something off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::convert) enum Off {
    Null,
    False,
    True,
    Number(f64),
    Text(&'static str),
    /// A list or an object without elements.
    Empty,
}

/// Keys and their meanings. A key that ends in `*` stands for all that begin alike, unless there
/// is a row for the whole.
pub(in crate::convert) type Table = [(&'static str, Meaning)];

/// A value in a file.
pub(in crate::convert) trait Setting {
    /// True if the value is this one.
    fn is(&self, off: Off) -> bool;
    /// The value, for an error.
    fn shown(&self) -> String;
}

/// The meaning of a key.
pub(in crate::convert) fn meaning_of<'t>(table: &'t Table, key: &str) -> Option<&'t Meaning> {
    let exact = table.iter().find(|(known, _)| *known == key);
    let by_prefix = || {
        let prefix = |known: &str| {
            known
                .strip_suffix('*')
                .map(|prefix| key.starts_with(prefix))
        };
        table.iter().find(|(known, _)| prefix(known) == Some(true))
    };
    exact.or_else(by_prefix).map(|(_, meaning)| meaning)
}

/// Checks a key and its value against the table (I1); the error is the end of a sentence about
/// the file.
pub(in crate::convert) fn check(
    table: &Table,
    key: &str,
    value: &impl Setting,
) -> Result<(), String> {
    match meaning_of(table, key) {
        Some(Meaning::Read | Meaning::Irrelevant(_)) => Ok(()),
        Some(Meaning::Off(values, what)) => {
            if values.iter().any(|&off| value.is(off)) {
                return Ok(());
            }
            let shown = value.shown();
            Err(format!(
                "asks for {what} ({key} is {shown}), which cannot be imported"
            ))
        }
        None => Err(format!(
            "has the setting {key}, which is not known here and may change what the model \
             computes; remove it from the file if it does not"
        )),
    }
}
