//! The commands that install what the program needs: `setup`, `doctor`, `model`.
//!
//! | file | concept |
//! |---|---|
//! | `setup`, `doctor`, `model` | the commands |
//! | `tune`, `pairs` | `model tune`, and what a model is tuned on |
//! | `packages` | what is fetched, and from where |
//! | `pip`, `child` | fetching it by a program that is there |

mod child;
pub mod doctor;
pub mod model;
mod packages;
mod pairs;
mod pip;
pub mod setup;
mod tune;
