//! What a power cut leaves: every unsynced sector has a fate of its own.

use super::Random;
use super::disk::{Disk, SECTOR};

impl Disk {
    /// One of the many files that may be found after a power cut now.
    ///
    /// Of every unsynced sector any version that was written may have arrived, whatever became of
    /// earlier and later ones; or none; or the first part of one; or it is zero, or garbage. Not
    /// all of the growth of the file may have. Some disks besides damage a whole block of 512 or
    /// 4096 bytes when the power goes while a byte of it is written (no "powersafe overwrite").
    pub fn image(&self, random: &mut Random<'_>) -> Vec<u8> {
        let disk = self.0.lock();
        let mut image = disk.durable.clone();
        let grown = disk.grown_to.saturating_sub(image.len());
        let grown = match random.below(4) {
            0 => 0,
            1 => (random.next() % (grown as u64 + 1)) as usize,
            _ => grown,
        };
        image.resize(image.len() + grown, 0);
        // Some cuts come before nearly everything was written back, some after.
        let kept_of_16 = [1, 6, 15, 16][random.below(4)];
        let block = [0, 0, SECTOR, 8 * SECTOR][random.below(4)];

        let mut versions: Vec<_> = disk.unsynced.iter().collect();
        versions.sort_by_key(|version| version.sector);
        for group in versions.chunk_by(|a, b| a.sector == b.sector) {
            let start = group[0].sector * SECTOR;
            let end = (start + SECTOR).min(image.len());
            if start >= end {
                continue;
            }
            let version = match group {
                [only] => only,
                _ => &group[random.below(group.len())],
            };
            let old = &mut image[start..end];
            let new = &version.bytes[..version.bytes.len().min(old.len())];
            if random.below(16) < kept_of_16 {
                old[..new.len()].copy_from_slice(new);
                continue;
            }
            match random.below(6) {
                0..=2 => {}
                3 => {
                    let cut = random.below(new.len() + 1);
                    old[..cut].copy_from_slice(&new[..cut]);
                }
                4 => old.fill(0),
                _ => random.fill(old),
            }
        }
        if block > 0 {
            let mut blocks: Vec<_> = versions.iter().map(|v| v.sector * SECTOR / block).collect();
            blocks.dedup();
            for number in blocks {
                let end = ((number + 1) * block).min(image.len());
                let hit = image.get_mut(number * block..end);
                match (random.below(8), hit) {
                    (0, Some(hit)) => random.fill(hit),
                    (1, Some(hit)) => hit.fill(0),
                    _ => {}
                }
            }
        }
        image
    }
}
