//! What the program and its terminal say to each other.
//!
//! | file | concept |
//! |---|---|
//! | `shown` | text as a terminal may be given it |
//! | `beginning` | long texts where there is little room |
//! | `output` | the one way to standard output and to standard error |
//! | `failure` | how a command fails |
//! | `progress` | how far it is |
//! | `result_file` | results that go to files |
//! | `cut_file` | what is said when a file is cut under a map |

pub mod beginning;
pub mod cut_file;
pub mod failure;
pub mod output;
pub mod progress;
pub mod result_file;
mod shown;
