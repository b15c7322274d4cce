//! Identities and nonces: random, or derived when equal input must give equal bytes.

use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::format::Superblock;

/// A fresh random identity, or the one that belongs to `seed`.
pub(in crate::store) fn file_uuid(seed: Option<u64>) -> Result<[u8; 16]> {
    let (mut uuid, version) = match seed {
        None => (random()?, 0x40),
        Some(seed) => {
            let hash = Sha256::new()
                .chain_update(b"zerogr file uuid\0")
                .chain_update(seed.to_le_bytes())
                .finalize();
            let (head, _) = hash.split_at(16);
            let mut uuid = [0; 16];
            uuid.copy_from_slice(head);
            (uuid, 0x80)
        }
    };
    // The version and variant bits of RFC 9562: 4 for random, 8 for derived.
    let [_, _, _, _, _, _, six, _, eight, ..] = &mut uuid;
    *six = (*six & 0x0F) | version;
    *eight = (*eight & 0x3F) | 0x80;
    Ok(uuid)
}

/// A fresh random nonce for the commit after `base`, or, in a seeded file, the one that follows
/// from the file's identity and its history so far.
pub(in crate::store) fn commit_nonce(
    seeded: bool,
    uuid: [u8; 16],
    base: Option<&Superblock>,
) -> Result<u64> {
    if !seeded {
        return Ok(u64::from_le_bytes(random()?));
    }
    let (generation, nonce, crc) = base.map_or((0, 0, 0), |base| {
        (base.generation, base.commit_nonce, base.manifest_crc)
    });
    let hash = Sha256::new()
        .chain_update(b"zerogr commit nonce\0")
        .chain_update(uuid)
        .chain_update(generation.to_le_bytes())
        .chain_update(nonce.to_le_bytes())
        .chain_update(crc.to_le_bytes())
        .finalize();
    let mut bytes = [0; 8];
    let (head, _) = hash.split_at(8);
    bytes.copy_from_slice(head);
    Ok(u64::from_le_bytes(bytes))
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::with_source(
            ErrorKind::Io,
            format!("asking the operating system for random bytes: {error}"),
            std::io::Error::other(error),
        )
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_decide_and_randomness_differs() {
        assert_eq!(file_uuid(Some(1)).unwrap(), file_uuid(Some(1)).unwrap());
        assert_ne!(file_uuid(Some(1)).unwrap(), file_uuid(Some(2)).unwrap());
        assert_ne!(file_uuid(None).unwrap(), file_uuid(None).unwrap());
        assert_eq!(file_uuid(None).unwrap()[6] >> 4, 4);
        assert_eq!(file_uuid(Some(1)).unwrap()[6] >> 4, 8);
        let uuid = [1; 16];
        assert_eq!(
            commit_nonce(true, uuid, None).unwrap(),
            commit_nonce(true, uuid, None).unwrap()
        );
        assert_ne!(
            commit_nonce(false, uuid, None).unwrap(),
            commit_nonce(false, uuid, None).unwrap()
        );
    }
}
