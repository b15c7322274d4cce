//! Where a fit stood: the memory of one that was interrupted.
//!
//! ```text
//!   "zerogr adapter fit 1\n"  u8 plan[32]  u64 len  u8 state[len]  u8 sha256[32]
//!   state: u64 steps done  f64 adam_steps, initial_loss, best_loss, best_step
//!          f32 values, first and second moments, best values, factor by factor
//! ```
//!
//! Invariants:
//!
//! - I1. A checkpoint appears whole or not at all.
//! - I2. One of another plan (texts, options, base model), or a damaged one, is written over. What
//!   is no checkpoint is left as it is, and refused.

use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zerocopy::IntoBytes;

use super::factors::{AdamW, Factors};
use super::options::AdapterFitReport;
use crate::store::regular_file;
use crate::{Error, ErrorKind, Result};

const MAGIC: &[u8] = b"zerogr adapter fit 1\n";
/// The largest checkpoint that is read.
const MOST_BYTES: u64 = 16 << 30;

/// The checkpoint of what is kept in the file `path`: `.training` behind its name.
pub fn checkpoint_beside(path: &Path) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".training");
    PathBuf::from(path)
}

/// All that changes in a fit.
#[derive(Debug)]
pub(super) struct State {
    pub(super) factors: Factors,
    pub(super) optimiser: AdamW,
    pub(super) best: Vec<Vec<f32>>,
    pub(super) report: AdapterFitReport,
    /// Steps done, those that rank among them.
    pub(super) steps: usize,
}

impl State {
    /// Writes it to `path`, in the place of an earlier one.
    ///
    /// # Errors
    ///
    /// `Io` and `DiskFull`.
    pub(super) fn write(&self, path: &Path, plan: &[u8; 32]) -> Result<()> {
        let failed = |error| Error::io("writing", path, error);
        let state = self.to_bytes();
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let mut file =
            tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(failed)?;
        let parts: [&[u8]; 5] = [
            MAGIC,
            plan,
            &(state.len() as u64).to_le_bytes(),
            &state,
            &Sha256::digest(&state),
        ];
        for part in parts {
            file.write_all(part).map_err(failed)?;
        }
        file.as_file().sync_data().map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Takes over what is at `path`, if it is of this plan. `self` is where a fit begins.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` when something else is in its place.
    pub(super) fn resumed(self, path: &Path, plan: &[u8; 32]) -> Result<State> {
        if path.symlink_metadata().is_err() {
            return Ok(self);
        }
        let read = regular_file::read(path, MOST_BYTES);
        let shared = |bytes: &[u8]| bytes.len().min(MAGIC.len());
        let is_one = |bytes: &Vec<u8>| bytes.get(..shared(bytes)) == MAGIC.get(..shared(bytes));
        let Some(bytes) = read.ok().filter(is_one) else {
            let message = format!(
                "{} is no checkpoint of a training: move it away, or name another file",
                path.display()
            );
            return Err(Error::new(ErrorKind::AlreadyExists, message));
        };
        let header = MAGIC.len() + plan.len() + 8;
        let state = bytes.get(header..bytes.len().saturating_sub(32));
        let is_whole = |state: &[u8]| {
            let expected = [MAGIC, plan, &(state.len() as u64).to_le_bytes()].concat();
            bytes.starts_with(&expected) && bytes.ends_with(&Sha256::digest(state))
        };
        Ok(match state {
            Some(state) if is_whole(state) => self.with(state),
            _ => self,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let report = &self.report;
        let mut bytes = (self.steps as u64).to_le_bytes().to_vec();
        for number in [
            f64::from(self.optimiser.steps),
            report.initial_loss,
            report.best_loss,
            report.best_step as f64,
        ] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for (at, values) in self.factors.values.iter().enumerate() {
            bytes.extend_from_slice(values.as_bytes());
            if let Some(moments) = self.optimiser.moments.get(at) {
                bytes.extend_from_slice(moments.first.as_bytes());
                bytes.extend_from_slice(moments.second.as_bytes());
            }
            if let Some(best) = self.best.get(at) {
                bytes.extend_from_slice(best.as_bytes());
            }
        }
        bytes
    }

    fn with(mut self, mut bytes: &[u8]) -> State {
        let mut number = || {
            let (eight, rest) = bytes.split_first_chunk::<8>()?;
            bytes = rest;
            Some(*eight)
        };
        let mut numbers = || {
            let steps = u64::from_le_bytes(number()?) as usize;
            let mut float = || number().map(f64::from_le_bytes);
            Some((steps, float()?, float()?, float()?, float()?))
        };
        if let Some((steps, adam_steps, initial, best, best_step)) = numbers() {
            self.steps = steps;
            self.optimiser.steps = adam_steps as u32;
            self.report.initial_loss = initial;
            self.report.best_loss = best;
            self.report.best_step = best_step as usize;
        }
        let lists = self
            .factors
            .values
            .iter_mut()
            .zip(&mut self.optimiser.moments);
        for ((values, moments), best) in lists.zip(&mut self.best) {
            for list in [values, &mut moments.first, &mut moments.second, best] {
                let (own, rest) = bytes.split_at(bytes.len().min(list.len() * 4));
                bytes = rest;
                list.as_mut_bytes()
                    .iter_mut()
                    .zip(own)
                    .for_each(|(to, from)| *to = *from);
            }
        }
        self
    }
}
