//! Taking the weights of other files into the bytes of a graph.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::check::Place;
use super::wire::{Field, fields, push_bytes};
use crate::store::regular_file;

/// The largest model: what a protocol-buffer message can be.
pub(crate) const MAX_MODEL_BYTES: u64 = (1 << 31) - 1;

/// The model with every tensor's values in it, or `None` when they are already. Files are looked
/// for in `folder`, by names without any folder.
///
/// # Errors
///
/// What is wrong with it, in words.
pub(crate) fn with_weights_inside(model: &[u8], folder: &Path) -> Result<Option<Vec<u8>>, String> {
    let mut inside = Vec::with_capacity(model.len());
    let mut is_changed = false;
    let mut room_bytes = MAX_MODEL_BYTES.saturating_sub(model.len() as u64);
    for field in fields(model) {
        let field = field?;
        if field.number != 7 {
            inside.extend_from_slice(field.whole);
            continue;
        }
        let mut graph = Vec::new();
        for part in fields(field.bytes()?) {
            let part = part?;
            match part.number {
                5 if is_external(part.bytes()?)? => {
                    is_changed = true;
                    let tensor = tensor_inside(part.bytes()?, folder, &mut room_bytes)?;
                    push_bytes(&mut graph, 5, &tensor);
                }
                _ => graph.extend_from_slice(part.whole),
            }
        }
        push_bytes(&mut inside, 7, &graph);
    }
    Ok(is_changed.then_some(inside))
}

fn is_external(tensor: &[u8]) -> Result<bool, String> {
    for field in fields(tensor) {
        if matches!(field?.number, 13 | 14) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn tensor_inside(tensor: &[u8], folder: &Path, room_bytes: &mut u64) -> Result<Vec<u8>, String> {
    let all: Vec<Field<'_>> = fields(tensor).collect::<Result<_, _>>()?;
    let entries = all.iter().filter(|field| field.number == 13);
    let entries: Vec<&[u8]> = entries.map(Field::bytes).collect::<Result<_, _>>()?;
    let mut inside = Vec::new();
    for field in all.iter().filter(|field| !matches!(field.number, 13 | 14)) {
        inside.extend_from_slice(field.whole);
    }
    let is_elsewhere = all
        .iter()
        .any(|field| field.number == 14 && field.number() == Ok(1));
    if !is_elsewhere {
        // The values are here, whatever else is said.
        return Ok(inside);
    }
    let place = Place::of(&entries)?;
    let name = Path::new(place.location);
    if place.location.is_empty() || name.file_name() != Some(name.as_os_str()) {
        return Err(format!(
            "it has weights outside its folder, at {:?}",
            place.location
        ));
    }
    let failed = |error: std::io::Error| {
        format!(
            "its weights in {:?} cannot be read: {error}",
            place.location
        )
    };
    let mut file = regular_file::open(&folder.join(name)).map_err(failed)?;
    let file_len_bytes = file.metadata().map_err(failed)?.len();
    let range = place.range(file_len_bytes)?;
    let len_bytes = range.end - range.start;
    *room_bytes = room_bytes.checked_sub(len_bytes).ok_or_else(|| {
        format!("with its weights it is larger than {MAX_MODEL_BYTES} bytes; use a smaller model")
    })?;
    let bytes = read(&mut file, range.start, len_bytes).map_err(failed)?;
    push_bytes(&mut inside, 9, &bytes);
    Ok(inside)
}

fn read(file: &mut File, off_bytes: u64, len_bytes: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(off_bytes))?;
    let mut bytes = Vec::new();
    file.take(len_bytes).read_to_end(&mut bytes)?;
    match bytes.len() as u64 == len_bytes {
        true => Ok(bytes),
        false => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}
