//! Encoders imported from random checkpoints, beside the same in plain loops.

mod checkpoint;
mod folders;
mod late_interaction;
mod reference;
mod saturation;
mod settings;
mod token_folder;
mod token_refusals;
mod vectors;
