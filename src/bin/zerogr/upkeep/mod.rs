//! The commands that keep an index in shape: `merge`, `vacuum`, `backup`, `recover`.

pub mod recover;
pub mod tend;
pub mod upgrade;
