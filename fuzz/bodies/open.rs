//! A file that may hold anything: opening, verifying, reading everything, searching, merging.
//!
//! ```text
//! first byte even   the rest is the file
//! first byte odd    patches to a file of two segments with documents that are cut: u16 place, u8
//!                   how many bytes, the bytes; places count the bytes in use only, and checksums
//!                   are made right afterwards
//! ```

use std::hash::DefaultHasher;
use std::sync::{Arc, OnceLock};

use zerogr::raw::store::{MemoryBackend, Store, VerifyLevel};
use zerogr::{Index, MergePolicy, Mode, OpenOptions, SearchOptions, TrainOptions};

use super::Input;
use super::repair::repair;
use super::support::encoder::HashingEncoder;
use super::support::fault::{observe_index, scenario};

/// A file and the places in it that mean something.
fn base() -> &'static (Vec<u8>, Vec<usize>) {
    static BASE: OnceLock<(Vec<u8>, Vec<usize>)> = OnceLock::new();
    BASE.get_or_init(|| {
        let backend = Arc::new(MemoryBackend::default());
        let index = Index::create_on(backend.clone(), scenario::index_options()).unwrap();
        let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
        (0..3).for_each(|number| writer.add(scenario::document(number)).unwrap());
        writer.commit().unwrap();
        writer
            .add(scenario::document(4).docid("wing heat").extra("n", 1))
            .unwrap();
        writer.add(scenario::guide()).unwrap();
        writer.delete("d1").unwrap();
        writer
            .commit_with(Some(&TrainOptions::default()), &mut |_| {})
            .unwrap();
        drop(writer);
        let store = Store::open_on(backend.clone()).unwrap();
        // Without the dead extents of earlier commits.
        let compact = Arc::new(MemoryBackend::default());
        let store = store.copy_live(compact.clone()).unwrap();
        let mut places: Vec<usize> = [0, 4096, 8192]
            .iter()
            .flat_map(|&off| off..off + 128)
            .collect();
        let file = compact.to_vec();
        let mut extents: Vec<_> = store
            .manifest()
            .extents()
            .map(|e| e.off_bytes as usize)
            .collect();
        extents.push(u64::from_le_bytes(file[32..40].try_into().unwrap()) as usize);
        for off in extents {
            let count = usize::from(u16::from_le_bytes([file[off + 32], file[off + 33]]));
            places.extend(off..off + 64 + 64 * count);
            for entry in (0..count).map(|number| off + 64 + 64 * number) {
                let field = |at: usize| {
                    let bytes = file[entry + at..entry + at + 8].try_into().unwrap();
                    u64::from_le_bytes(bytes) as usize
                };
                places.extend(off + field(8)..off + field(8) + field(16));
            }
        }
        (file, places)
    })
}

pub fn run(data: &[u8]) {
    read(&file_of(data));
}

/// The file that an input stands for.
pub fn file_of(data: &[u8]) -> Vec<u8> {
    let mut input = Input(data);
    if input.byte() % 2 == 0 {
        return input.0.to_vec();
    }
    let (base, places) = base();
    let mut file = base.clone();
    while !input.0.is_empty() {
        let place = input.number() % places.len();
        let count = usize::from(input.byte() % 16) + 1;
        for (&at, &byte) in places[place..].iter().zip(input.bytes(count)) {
            file[at] = byte;
        }
    }
    repair(&mut file);
    file
}

fn read(file: &[u8]) {
    let backend = Arc::new(MemoryBackend::new(file.to_vec()));
    if let Ok(store) = Store::open_on(backend.clone()) {
        for reference in store.manifest().extents() {
            if let Ok(extent) = store.extent(&reference) {
                let kinds: Vec<_> = extent.sections().map(|info| info.kind).collect();
                for kind in kinds {
                    let _ = extent.section(kind);
                    let _ = extent.section_range(kind, 1..3);
                }
            }
        }
        let _ = store.verify(VerifyLevel::Full);
        let _ = store.copy_live(Arc::new(MemoryBackend::default()));
    }
    let encoder = Arc::new(HashingEncoder::named("hashing"));
    let options = OpenOptions::new().encoder(encoder);
    if let Ok(index) = Index::open_on(backend, options) {
        // An honest caller has as many numbers as the index asks for.
        if index.snapshot().params().encoder.dim <= 4096 {
            let _ = observe_index(&index, &mut DefaultHasher::new());
        }
        search(&index);
        #[cfg(feature = "models")]
        let _ = index.snapshot().adapter();
        // A writer reads all of it too.
        let _ = index.merge();
        search(&index);
    }
}

fn search(index: &Index) {
    for mode in [
        Mode::Generative,
        Mode::Planned,
        Mode::Lexical,
        Mode::Dense,
        Mode::Fusion,
    ] {
        let options = SearchOptions::new().k(3).mode(mode).explain(true);
        let _ = index.search("wing heat", &options);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let (base, places) = base();
    // The whole file once, and one byte changed here and there.
    let mut seeds = vec![[&[0], &base[..]].concat(), vec![1]];
    for number in 0..40 {
        let place = (places.len() * number / 40) as u16;
        let [low, high] = place.to_le_bytes();
        seeds.push(vec![1, low, high, 3, 1, 0, 0, 0]);
    }
    seeds
}
