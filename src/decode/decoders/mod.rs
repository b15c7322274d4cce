//! The ways from what is known of prefixes to passages.
//!
//! | file | concept |
//! |---|---|
//! | [`request`] | what is asked for, and what is given |
//! | [`decoder`] | the decoders by name, behind one call |
//! | [`best_first`], [`beam`] | the most probable passages: exactly, and level by level |
//! | [`reverse_annealed`], [`gumbel`] | passages at random, by two laws |
//! | [`sampling`] | one step of a draw |
//! | [`frontier`] | prefixes that wait to be opened |
//! | [`drawn`] | passages found through their docids |
//! | [`prior`] | what is believed of passages before decoding |

mod beam;
mod best_first;
mod decoder;
mod drawn;
mod frontier;
mod gumbel;
mod prior;
mod request;
mod reverse_annealed;
mod sampling;

pub use beam::Beam;
pub use decoder::Decoder;
pub use drawn::{Drawn, Postings, log_sum_exp, score_passage};
pub use gumbel::GumbelTopK;
pub use prior::{Planner, Prior};
pub use request::{Decoded, Request};
pub use reverse_annealed::{ReverseAnnealed, draw_uniform};
