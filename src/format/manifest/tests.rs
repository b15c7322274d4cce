use super::*;
use crate::format::limits::MAX_BLOB_TEXT_BYTES;

fn reference(n: u64) -> ExtentRef {
    ExtentRef {
        off_bytes: 12_288 + n * 4096,
        len_bytes: 4096,
        nonce: n,
        header_crc: n as u32,
    }
}

fn sample() -> Manifest {
    Manifest {
        generation: 3,
        commit_nonce: 99,
        next_segment_id: 8,
        segments: vec![
            SegmentEntry {
                id: 7,
                level: 1,
                doc_count: 10,
                dead_count: 2,
                docid_count: 30,
                segment: reference(1),
                heads: Some(reference(2)),
                tombstones: None,
                pseudo_queries: Some(reference(3)),
            },
            SegmentEntry {
                id: 2,
                level: 0,
                doc_count: 1,
                dead_count: 0,
                docid_count: 1,
                segment: reference(4),
                heads: None,
                tombstones: Some(reference(5)),
                pseudo_queries: None,
            },
        ],
        blobs: vec![
            BlobEntry {
                role: BlobRole::Encoder,
                name: "encoder".into(),
                media_type: "application/onnx".into(),
                sha256: [5; 32],
                len_bytes: 100,
                place: BlobPlace::Embedded(reference(6)),
            },
            BlobEntry {
                role: BlobRole::Other(900),
                name: "größer".into(),
                media_type: String::new(),
                sha256: [6; 32],
                len_bytes: 1 << 33,
                place: BlobPlace::External {
                    path: "models/big.onnx".into(),
                },
            },
        ],
        dead_bytes: 4096,
        prev_manifest_off: 12_288,
        params: br#"{"a":1}"#.to_vec(),
        user_metadata: vec![0, 255],
    }
}

fn read(sections: &[SectionInput<'_>]) -> Result<Manifest> {
    Manifest::from_sections(|kind| {
        let found = sections.iter().find(|input| input.kind == kind)?;
        Some((&*found.bytes, found.entry_count))
    })
}

#[test]
fn round_trip() {
    for manifest in [sample(), Manifest::default()] {
        assert_eq!(read(&manifest.to_sections()).unwrap(), manifest);
    }
    assert_eq!(sample().extents().count(), 6);
}

#[test]
fn cut_sections_and_lying_counts_are_refused() {
    let manifest = sample();
    let sections = manifest.to_sections();
    for at in 0..3 {
        for cut in 0..sections[at].bytes.len() {
            let mut damaged = sections.clone();
            damaged[at].bytes.to_mut().truncate(cut);
            assert!(read(&damaged).unwrap_err().is_corrupt());
        }
        for count in [0, 1, 3, u64::MAX] {
            let mut damaged = sections.clone();
            damaged[at].entry_count = count;
            assert!(at == 0 || read(&damaged).unwrap_err().is_corrupt());
        }
        let mut missing = sections.clone();
        missing.remove(at);
        assert!(read(&missing).unwrap_err().is_corrupt());
    }
}

#[test]
fn rules_between_fields() {
    let broken: [fn(&mut Manifest); 7] = [
        |m| m.next_segment_id = 7,
        |m| m.segments[0].id = 2,
        |m| m.segments[0].dead_count = 11,
        |m| m.user_metadata = vec![0; MAX_USER_METADATA_BYTES + 1],
        |m| m.params = vec![0xFF],
        |m| {
            m.blobs[1].place = BlobPlace::External {
                path: String::new(),
            }
        },
        |m| m.blobs[0].name = "x".repeat(MAX_BLOB_TEXT_BYTES + 1),
    ];
    for change in broken {
        let mut manifest = sample();
        change(&mut manifest);
        assert!(manifest.validate().unwrap_err().is_invalid_input());
    }
}
