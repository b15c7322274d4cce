//! Damage, failing disks and power cuts: the right answer or an error, and nothing lost that was
//! acknowledged.
#![allow(clippy::unwrap_used)]

#[path = "../support"]
mod support {
    pub mod encoder;
    pub mod fault;
    pub mod segments;
}

mod damage;
mod faults;
mod fields;
mod histories;
mod passages;
mod power_cut;
