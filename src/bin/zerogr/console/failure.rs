//! How a command fails: a message for people and an exit status.

use std::process::ExitCode;

use super::shown;

/// What the library's messages call options, and how this program does.
const FLAGS: [(&str, &str); 4] = [
    ("WriteOptions::wait", "--wait SECONDS"),
    ("WriteOptions::without_lock", "--no-lock"),
    ("OpenOptions::trust_model", "--trust-model"),
    (
        "give it in OpenOptions::encoder",
        "only the program that made it can encode for it",
    ),
];

/// A failed command.
#[derive(Debug)]
pub struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    /// Something went wrong (exit status 1). The message says what to do.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure {
            message: message.into(),
            status: 1,
        }
    }

    /// The command was not used as it can be used (exit status 2).
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure {
            message: message.into(),
            status: 2,
        }
    }

    /// An I/O failure while doing `action` on `path`.
    pub fn io(action: &str, path: &std::path::Path, error: &std::io::Error) -> Failure {
        Failure::new(format!("{action} {}: {error}", shown::path(path)))
    }

    /// The same in the cache folder, which can be elsewhere.
    pub fn home_io(action: &str, path: &std::path::Path, error: &std::io::Error) -> Failure {
        let hint = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                "; free some space, or set ZEROGR_HOME to a folder on another disk"
            }
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                "; set ZEROGR_HOME to a folder that you may write to"
            }
            _ => "",
        };
        Failure::new(format!("{action} {}: {error}{hint}", shown::path(path)))
    }

    /// A command that has already printed what is wrong, and only needs the exit status 1.
    pub fn silent() -> Failure {
        Failure::new("")
    }

    /// Prints the message and gives the exit status.
    pub fn report(&self) -> ExitCode {
        if !self.message.is_empty() {
            shown::notice(&self.message);
        }
        ExitCode::from(self.status)
    }
}

impl From<zerogr::Error> for Failure {
    fn from(error: zerogr::Error) -> Failure {
        // A message of the library is one line, whatever names are in it.
        let mut message = shown::inline(&error.to_string());
        for (option, flag) in FLAGS {
            message = message.replace(option, flag);
        }
        Failure::new(message)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
