//! The limits of the format: the largest that is allowed, and the smallest that is not.

use crate::by_hand::{ByHand, newest_superblock};
use crate::support::repository::repository;
use zerogr::raw::docs::{Fields, PayloadBuilder};
use zerogr::raw::format::{
    BlobEntry, ExtentImage, ExtentKind, ExtentRef, ExtentStamp, Manifest, SectionInput,
    SectionKind, Superblock,
};
use zerogr::raw::trie::TokenWidth;
use zerogr::{Document, ErrorKind};

fn golden() -> Vec<u8> {
    std::fs::read(repository("tests/golden/blobs.zgr")).unwrap()
}

#[test]
fn files_and_manifest_extents() {
    // ZF-LI-01, ZF-LI-11, ZF-SB-04
    let (_, good) = newest_superblock(&golden());
    let check = |committed_end_bytes: u64, manifest_len_bytes: u64| {
        let changed = Superblock {
            committed_end_bytes,
            manifest_len_bytes,
            ..good.clone()
        };
        changed.check_bounds(u64::MAX).is_ok()
    };
    assert!(check((1 << 62) - 4096, 64 << 20));
    assert!(!check(1 << 62, 64 << 20));
    assert!(!check((1 << 62) - 4096, (64 << 20) + 4096));
}

#[test]
fn extents() {
    // ZF-LI-02, ZF-EX-01
    let check = |off_bytes: u64, len_bytes: u64| {
        let reference = ExtentRef {
            off_bytes,
            len_bytes,
            nonce: 0,
            header_crc: 0,
        };
        reference.check_bounds(1 << 62).is_ok()
    };
    assert!(check(12_288, 1 << 48));
    assert!(!check(12_288, (1 << 48) + 4096));
    assert!(!check(8192, 4096) && !check(12_289, 4096) && !check(12_288, 4095));
}

#[test]
fn sections() {
    // ZF-LI-03
    let stamp = ExtentStamp {
        generation: 1,
        commit_nonce: 1,
        file_uuid: [1; 16],
    };
    let image = |count: usize| {
        let sections: Vec<SectionInput> = (0..count)
            .map(|kind| SectionInput::new(SectionKind(kind as u16), 0, Vec::new()))
            .collect();
        ExtentImage::new(ExtentKind::Segment, stamp, &sections).map(drop)
    };
    assert!(image(300).is_ok());
    assert_eq!(image(65_536).unwrap_err().kind(), ErrorKind::Limit);
}

/// Whether the manifest of a good file is still good after a change.
#[track_caller]
fn check(is_good: bool, change: impl FnOnce(&mut Manifest)) {
    let mut manifest = ByHand::on(&golden()).manifest;
    change(&mut manifest);
    let found = manifest.validate();
    assert_eq!(found.is_ok(), is_good, "{found:?}");
    if !is_good {
        assert_eq!(found.unwrap_err().kind(), ErrorKind::Limit);
    }
}

#[test]
fn manifests() {
    // ZF-LI-04, ZF-LI-05, ZF-LI-10
    let segments = |count: u64| {
        move |manifest: &mut Manifest| {
            let segment = manifest.segments[0].clone();
            manifest.segments = vec![segment; count as usize];
            let ids = manifest.segments.iter_mut().zip(0..);
            ids.for_each(|(segment, id)| segment.id = id);
            manifest.next_segment_id = count;
        }
    };
    check(true, segments(65_535));
    check(false, segments(65_536));
    check(true, |manifest| {
        manifest.segments[0].doc_count = u32::MAX - 1
    });
    check(false, |manifest| manifest.segments[0].doc_count = u32::MAX);
    check(true, |manifest| manifest.user_metadata = vec![1; 65_536]);
    check(false, |manifest| manifest.user_metadata = vec![1; 65_537]);
}

#[test]
fn blobs() {
    // ZF-LI-09
    let blobs = |count: usize| {
        move |manifest: &mut Manifest| {
            let blob: BlobEntry = manifest.blobs[0].clone();
            manifest.blobs = vec![blob; count];
        }
    };
    check(true, blobs(65_535));
    check(false, blobs(65_536));
    check(true, |manifest| manifest.blobs[0].len_bytes = 1 << 40);
    check(false, |manifest| {
        manifest.blobs[0].len_bytes = (1 << 40) + 1
    });
    check(true, |manifest| manifest.blobs[0].name = "n".repeat(4096));
    check(false, |manifest| manifest.blobs[0].name = "n".repeat(4097));
    check(false, |manifest| {
        manifest.blobs[0].media_type = "n".repeat(4097)
    });
}

#[test]
fn docids() {
    // ZF-LI-06, ZF-TR-02, ZF-TR-04
    let width = TokenWidth::for_vocabulary(1 << 24).unwrap();
    assert!(width.key(&[(1 << 24) - 1; 64]).is_ok());
    assert!(width.key(&[1 << 24]).is_err());
    assert_eq!(width.key(&[0; 65]).unwrap_err().kind(), ErrorKind::Limit);
    assert!(width.key(&[]).is_err());
    assert!(TokenWidth::for_vocabulary((1 << 24) + 1).is_err());
    let bytes = |size| TokenWidth::for_vocabulary(size).unwrap().bytes_per_token();
    assert_eq!((bytes(65_536), bytes(65_537)), (2, 3));
}

#[test]
fn documents() {
    // ZF-LI-07, ZF-LI-08
    assert!(Document::new("i".repeat(4096)).check().is_ok());
    let long = Document::new("i".repeat(4097)).check();
    assert_eq!(long.unwrap_err().kind(), ErrorKind::Limit);
    assert!(Document::new("").check().is_err());
    // ZF-LI-13
    let with_docids = |count: usize| Document {
        docids: vec!["wing".to_owned(); count],
        ..Document::new("d")
    };
    assert!(with_docids(1024).check().is_ok());
    let many = with_docids(1025).check();
    assert_eq!(many.unwrap_err().kind(), ErrorKind::Limit);
    // ZF-LI-12
    let nested = |depth: usize| {
        let mut fields = Fields::new();
        let json = "[".repeat(depth) + &"]".repeat(depth);
        fields.insert_json("deep", &json).unwrap();
        let mut document = Document::new("d");
        document.extra = fields;
        document.check()
    };
    assert!(nested(64).is_ok());
    assert_eq!(nested(65).unwrap_err().kind(), ErrorKind::Limit);
    // Refused before a byte of it is read, so it takes no memory.
    let payload = vec![0; 1 << 31];
    let pushed = PayloadBuilder::default().push(&payload);
    assert_eq!(pushed.unwrap_err().kind(), ErrorKind::Limit);
}
