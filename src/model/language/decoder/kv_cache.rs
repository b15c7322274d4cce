//! The keys and values of tokens a decoder has read: what it remembers of them.
//!
//! ```text
//!   per layer, keys and values: [rows, kv_heads, width, head_dim]
//!
//!            ◄── width ──►
//!   row 0    t t t t t t t    row_lens 7
//!   row 1    t t t t · · ·    row_lens 4; what lies behind is never looked at
//! ```
//!
//! A cache is immutable; the operations make new ones, so that a prompt can be read once and be
//! continued many times. On CUDA it stays in the memory of the device, and the operations work
//! there.
//!
//! - I1. A row's tokens are its first `row_lens` columns, without gaps.
//! - I2. `width` is the longest row.

use std::sync::Arc;

use ort::value::{Tensor, TensorValueType, Value};

use super::kv_device::KvDevice;
use super::kv_shape::KvShape;
use crate::{Error, ErrorKind, Result};

/// Keys and values of the tokens read so far, for one or several rows.
#[derive(Debug)]
pub struct KvCache {
    shape: KvShape,
    width: usize,
    row_lens: Vec<usize>,
    /// Keys and values of each layer in turn.
    tensors: Vec<Tensor<f32>>,
    /// What moves them, where the program itself cannot.
    device: Option<Arc<KvDevice>>,
}

/// One row of a cache.
#[derive(Debug, Clone, Copy)]
pub struct KvRow<'a> {
    /// The cache.
    pub cache: &'a KvCache,
    /// Which of its rows.
    pub row: usize,
}

impl KvCache {
    /// A cache of `rows` rows without tokens.
    pub(in crate::model::language) fn empty(shape: KvShape, rows: usize) -> Result<KvCache> {
        KvCache::filled(shape, vec![0; rows], |_, _| {})
    }

    /// What a pass gave: keys and values of each layer in turn, every row as wide as the tensors
    /// say and `row_lens` long.
    pub(in crate::model::language) fn from_tensors(
        shape: KvShape,
        row_lens: Vec<usize>,
        tensors: Vec<Tensor<f32>>,
        device: Option<Arc<KvDevice>>,
    ) -> Result<KvCache> {
        let width = row_lens.iter().copied().max().unwrap_or(0);
        let want = [row_lens.len(), shape.kv_heads, width, shape.head_dim];
        let fits = |tensor: &Tensor<f32>| {
            tensor
                .shape()
                .iter()
                .map(|&n| usize::try_from(n).unwrap_or(0))
                .eq(want)
        };
        if tensors.len() != 2 * shape.layers || !tensors.iter().all(fits) {
            let message = "the language model's keys and values have another shape than its \
                           inputs; import the model again";
            return Err(Error::new(ErrorKind::Model, message));
        }
        Ok(KvCache {
            shape,
            width,
            row_lens,
            tensors,
            device,
        })
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.row_lens.len()
    }

    /// Columns: the tokens of the longest row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Tokens of each row.
    pub fn row_lens(&self) -> &[usize] {
        &self.row_lens
    }

    /// Layers, heads and values per head.
    pub fn shape(&self) -> KvShape {
        self.shape
    }

    pub(in crate::model::language) fn tensors(&self) -> &[Tensor<f32>] {
        &self.tensors
    }

    /// A cache with the given rows, in that order: the same row several times to continue it in
    /// several ways, rows of several caches to go on with them together, or some of the rows to
    /// drop the others.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a row that is not there, or caches of different models.
    pub fn gather(rows: &[KvRow<'_>]) -> Result<KvCache> {
        let Some(first) = rows.first() else {
            return Err(Error::invalid("a cache needs at least one row"));
        };
        let shape = first.cache.shape;
        if rows.iter().any(|row| row.cache.shape != shape) {
            return Err(Error::invalid(
                "the caches belong to different language models",
            ));
        }
        let row_lens = rows
            .iter()
            .map(|row| row.cache.row_lens.get(row.row).copied());
        let row_lens: Option<Vec<usize>> = row_lens.collect();
        let row_lens = row_lens.ok_or_else(|| Error::invalid("the cache has no such row"))?;
        if let Some(device) = rows.iter().find_map(|row| row.cache.device.as_ref()) {
            return gather_on_device(device, rows, row_lens);
        }
        let lens = row_lens.clone();
        KvCache::filled(shape, row_lens, |tensor, out| {
            let width = lens.iter().copied().max().unwrap_or(0);
            let (heads, dim) = (shape.kv_heads, shape.head_dim);
            let per_row = out.chunks_exact_mut((heads * width * dim).max(1));
            for ((to, from), len) in per_row.zip(rows).zip(&lens) {
                let source = from.cache;
                let from = source.head_rows(tensor, from.row);
                for (to, from) in to.chunks_exact_mut((width * dim).max(1)).zip(from) {
                    copy(to, from, len * dim);
                }
            }
        })
    }

    /// The first `len` tokens of a cache of one row.
    ///
    /// # Errors
    ///
    /// As [`select_columns`](Self::select_columns).
    pub fn truncate(&self, len: usize) -> Result<KvCache> {
        let columns: Vec<usize> = (0..len).collect();
        self.select_columns(&columns)
    }

    /// The given tokens of a cache of one row, in that order. Positions are part of the keys, so
    /// they stay what they were.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a column that is not there, or a cache of several rows.
    pub fn select_columns(&self, columns: &[usize]) -> Result<KvCache> {
        let [len] = *self.row_lens.as_slice() else {
            return Err(Error::invalid(
                "columns can only be taken from a cache of one row",
            ));
        };
        if columns.iter().any(|&column| column >= len) {
            return Err(Error::invalid(format!(
                "the cache has {len} tokens, and a later one was asked for"
            )));
        }
        if let Some(device) = &self.device {
            let tensors = device.select(&self.tensors, &[0], columns)?;
            let row_lens = vec![columns.len()];
            return KvCache::from_tensors(self.shape, row_lens, tensors, Some(device.clone()));
        }
        let dim = self.shape.head_dim.max(1);
        let width = columns.len();
        KvCache::filled(self.shape, vec![width], |tensor, out| {
            let heads = out.chunks_exact_mut((width * dim).max(1));
            for (to, from) in heads.zip(self.head_rows(tensor, 0)) {
                for (to, &column) in to.chunks_exact_mut(dim).zip(columns) {
                    copy(to, from.get(column * dim..).unwrap_or_default(), dim);
                }
            }
        })
    }

    /// The values of one row in one tensor, a slice per head.
    fn head_rows(&self, tensor: usize, row: usize) -> impl Iterator<Item = &[f32]> {
        let (heads, dim) = (self.shape.kv_heads, self.shape.head_dim);
        let per_head = self.width * dim;
        let data = self
            .tensors
            .get(tensor)
            .map(|tensor| tensor.extract_tensor().1)
            .unwrap_or_default();
        let start = row * heads * per_head;
        let row = data.get(start..start + heads * per_head);
        row.unwrap_or_default().chunks_exact(per_head.max(1))
    }

    /// A new cache whose tensors `fill` writes: it gets the number of a tensor and its values.
    fn filled(
        shape: KvShape,
        row_lens: Vec<usize>,
        fill: impl Fn(usize, &mut [f32]),
    ) -> Result<KvCache> {
        let width = row_lens.iter().copied().max().unwrap_or(0);
        let dims = [row_lens.len(), shape.kv_heads, width, shape.head_dim];
        let len = dims.iter().product();
        let tensors = (0..2 * shape.layers).map(|tensor| {
            let mut values = vec![0.0; len];
            fill(tensor, &mut values);
            Value::<TensorValueType<f32>>::from_array((dims, values)).map_err(|e| {
                let message = format!("no memory for keys and values: {e}; use smaller batches");
                Error::with_source(ErrorKind::Model, message, e)
            })
        });
        Ok(KvCache {
            tensors: tensors.collect::<Result<_>>()?,
            shape,
            width,
            row_lens,
            device: None,
        })
    }
}

/// [`KvCache::gather`] in the memory of a device: the rows of each cache in turn, as wide as the
/// widest of all.
fn gather_on_device(
    device: &Arc<KvDevice>,
    rows: &[KvRow<'_>],
    row_lens: Vec<usize>,
) -> Result<KvCache> {
    let width = row_lens.iter().copied().max().unwrap_or(0);
    let mut shape = None;
    let mut gathered: Option<Vec<Tensor<f32>>> = None;
    for of_one_cache in rows.chunk_by(|a, b| std::ptr::eq(a.cache, b.cache)) {
        let Some(cache) = of_one_cache.first().map(|row| row.cache) else {
            continue;
        };
        shape = Some(cache.shape);
        // What lies behind a row's tokens is never looked at: any column will do there.
        let last = cache.width.saturating_sub(1);
        let columns: Vec<usize> = (0..width).map(|column| column.min(last)).collect();
        let numbers: Vec<usize> = of_one_cache.iter().map(|row| row.row).collect();
        let selected = device.select(&cache.tensors, &numbers, &columns)?;
        gathered = Some(match gathered {
            Some(before) => device.append(&before, &selected)?,
            None => selected,
        });
    }
    let (Some(shape), Some(tensors)) = (shape, gathered) else {
        return Err(Error::invalid("a cache needs at least one row"));
    };
    KvCache::from_tensors(shape, row_lens, tensors, Some(device.clone()))
}

/// Copies `len` values, as far as both sides have them.
fn copy(to: &mut [f32], from: &[f32], len: usize) {
    if let (Some(to), Some(from)) = (to.get_mut(..len), from.get(..len)) {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::runtime::Runtime;
    use crate::rng::Rng;

    const SHAPE: KvShape = KvShape {
        layers: 2,
        kv_heads: 3,
        head_dim: 4,
    };

    fn random(row_lens: Vec<usize>, seed: u64) -> KvCache {
        let fill = |tensor: usize, values: &mut [f32]| {
            let mut rng = Rng::new(seed + tensor as u64);
            values.fill_with(|| rng.index(1_000) as f32);
        };
        KvCache::filled(SHAPE, row_lens, fill).unwrap()
    }

    /// The same values, moved by the graphs.
    fn moved_by(device: &Arc<KvDevice>, mut cache: KvCache) -> KvCache {
        cache.device = Some(device.clone());
        cache
    }

    /// All that a row has, of all tensors.
    fn values(cache: &KvCache) -> Vec<Vec<f32>> {
        let rows = cache.row_lens.iter().enumerate();
        let of_row = |(row, &len): (usize, &usize)| {
            let heads = (0..2 * SHAPE.layers).flat_map(move |tensor| cache.head_rows(tensor, row));
            heads
                .flat_map(|head| head[..len * SHAPE.head_dim].to_vec())
                .collect()
        };
        rows.map(of_row).collect()
    }

    #[test]
    fn the_graphs_of_a_device_move_what_plain_loops_move() {
        let Ok(runtime) = Runtime::load(None) else {
            eprintln!("skipped: no ONNX Runtime");
            return;
        };
        let device = KvDevice::open(runtime, SHAPE, None).unwrap();
        let make = || {
            [
                random(vec![5, 2, 4], 1),
                random(vec![3], 50),
                random(vec![9, 1], 70),
            ]
        };
        let there = make().map(|cache| moved_by(&device, cache));
        let both = [make(), there].map(|caches| {
            let rows = [(0, 2), (0, 0), (1, 0), (2, 1), (0, 1), (1, 0)];
            let rows = rows.map(|(cache, row)| KvRow {
                cache: &caches[cache],
                row,
            });
            let all = KvCache::gather(&rows).unwrap();
            let narrow = KvCache::gather(&[rows[0], rows[3]]).unwrap();
            let cut = caches[1].select_columns(&[2, 0]).unwrap();
            assert_eq!([all.width(), narrow.width(), cut.width()], [5, 4, 2]);
            assert_eq!(all.row_lens(), [4, 5, 3, 1, 2, 3]);
            assert!(caches[1].select_columns(&[3]).is_err());
            [all, narrow, cut].map(|cache| values(&cache))
        });
        assert_eq!(both[0], both[1]);
    }
}
