//! Encoders imported from random checkpoints, beside the same in plain loops.

mod checkpoint;
mod folders;
mod reference;
mod settings;
mod vectors;
