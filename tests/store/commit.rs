//! Committing and opening a file: what was committed comes back, what was not does not.

use std::borrow::Cow;
use std::path::Path;

use crate::support::segments::push_segment;
use crate::support::store::{BODY, SEED, bodies, place};
use zerogr::ErrorKind;
use zerogr::raw::format::{BlobRole, ExtentKind, ExtentRef, Manifest, SectionInput, SectionKind};
use zerogr::raw::store::{Access, CreateOptions, Store, Transaction, VerifyLevel};

const EXTRA: SectionKind = SectionKind(0x8002);

fn input(kind: SectionKind, bytes: &[u8]) -> SectionInput<'_> {
    SectionInput {
        kind,
        encoding: 2,
        entry_count: bytes.len() as u64,
        bytes: Cow::Borrowed(bytes),
    }
}

fn add_segment(transaction: Transaction, body: &[u8]) -> zerogr::Result<ExtentRef> {
    let mut transaction = transaction;
    let segment = transaction.append(
        ExtentKind::Segment,
        &[input(BODY, body), input(EXTRA, b"extra")],
    )?;
    let mut manifest = transaction.base().clone();
    push_segment(&mut manifest, segment);
    transaction.commit(manifest)?;
    Ok(segment)
}

/// Every way to open.
fn opened(path: &Path) -> [Store; 2] {
    // SAFETY: nothing else touches the temporary file while the store lives.
    #[allow(unsafe_code)]
    let mapped = unsafe { Store::open_mmap(path).unwrap() };
    assert_eq!(mapped.access(), Access::Map);
    [Store::open(path).unwrap(), mapped]
}

#[test]
fn committed_extents_come_back_the_same_by_reading_and_by_mapping() {
    let (_directory, path) = place();
    let store = Store::create(&path, &CreateOptions::default()).unwrap();
    assert_eq!(store.manifest().generation, 1);
    let large: Vec<u8> = (0..3_000_001u32).map(|i| (i % 251) as u8).collect();
    let wanted: [&[u8]; 4] = [b"one", b"", &large, &[9; 4096]];
    for (n, body) in wanted.iter().enumerate() {
        add_segment(store.begin().unwrap(), body).unwrap();
        assert_eq!(store.manifest().generation, n as u64 + 2);
        for other in opened(&path) {
            assert_eq!(other.manifest(), store.manifest());
            assert_eq!(other.uuid(), store.uuid());
            assert_eq!(bodies(&other), &wanted[..=n]);
        }
    }
    for store in opened(&path) {
        let extent = store.extent(&store.manifest().segments[2].segment).unwrap();
        assert_eq!(extent.kind(), ExtentKind::Segment);
        let section = extent.section(BODY).unwrap();
        assert_eq!(
            (section.encoding(), section.entry_count()),
            (2, large.len() as u64)
        );
        assert_eq!(section.as_ptr() as usize % 64, 0);
        assert_eq!(&*section.slice(10..20), &large[10..20]);
        assert!(section.get_slice(10..large.len() + 1).is_none());
        assert!(section.as_slice_of::<[u8; 2]>().unwrap_err().is_corrupt());
        assert_eq!(&*extent.section(EXTRA).unwrap(), b"extra");
        assert!(extent.find(SectionKind(77)).unwrap().is_none());
        assert!(extent.section(SectionKind(77)).unwrap_err().is_corrupt());
        assert_eq!(extent.sections().count(), 2);
        extent.verify_all().unwrap();
        let report = store.verify(VerifyLevel::Full);
        assert!(report.is_ok(), "{:?}", report.findings);
        assert_eq!(report.tail_bytes, 0);
        // A section outlives its store.
        drop((store, extent));
        assert_eq!(&*section, large);
    }
}

#[test]
fn parts_of_a_large_section_are_read_and_verified_by_chunk() {
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    let large: Vec<u8> = (0..2_000_003u32).map(|i| (i % 253) as u8).collect();
    let reference = add_segment(store.begin().unwrap(), &large).unwrap();
    let len = large.len() as u64;
    let ranges = [
        0..0,
        0..1,
        5..70_000,
        65_536..131_072,
        131_071..131_073,
        len - 9..len,
        len..len,
        0..len,
    ];
    let check = |store: &Store| {
        let extent = store.extent(&reference).unwrap();
        for range in ranges.clone() {
            let part = extent.section_range(BODY, range.clone()).unwrap();
            assert_eq!(&*part, &large[range.start as usize..range.end as usize]);
        }
        let (from, to) = (9, 8);
        for range in [len..len + 1, from..to, u64::MAX - 1..u64::MAX] {
            assert!(extent.section_range(BODY, range).unwrap_err().is_corrupt());
        }
        assert_eq!(&*extent.section_range(EXTRA, 1..3).unwrap(), b"xt");
        // A section that no version puts into a segment, beside an optional one.
        let error = extent.expect_known_sections().unwrap_err();
        assert!(error.is_unsupported_version(), "{error}");
        let whole = extent.section(BODY).unwrap();
        assert_eq!(&*extent.section_range(BODY, 7..9).unwrap(), &whole[7..9]);
    };
    opened(&path).iter().for_each(check);

    // Damage in the third chunk: the others are still served, the whole section is not.
    let off = store
        .extent(&reference)
        .unwrap()
        .sections()
        .next()
        .unwrap()
        .off_bytes
        + 140_000;
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[off as usize] ^= 8;
    std::fs::write(&path, bytes).unwrap();
    for store in opened(&path) {
        let extent = store.extent(&reference).unwrap();
        assert_eq!(
            &*extent.section_range(BODY, 0..131_072).unwrap(),
            &large[..131_072]
        );
        let error = extent.section_range(BODY, 131_071..131_073).unwrap_err();
        assert!(error.is_corrupt() && error.to_string().contains("chunk 2"));
        assert!(extent.section(BODY).unwrap_err().is_corrupt());
        assert_eq!(store.verify(VerifyLevel::Structure).findings.len(), 1);
    }
}

#[test]
fn handles_may_be_shared_between_threads() {
    fn shareable<T: Send + Sync + 'static>() {}
    shareable::<Store>();
    shareable::<zerogr::raw::store::Extent>();
    shareable::<zerogr::raw::store::Section>();
    shareable::<Transaction>();
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    add_segment(store.begin().unwrap(), &[3; 2_000_000]).unwrap();
    for store in opened(&path) {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(bodies(&store), [[3; 2_000_000]]));
            }
        });
    }
}

#[test]
fn equal_seed_and_content_give_equal_bytes_across_reopening() {
    let (_directory, path) = place();
    let build = |path: &Path| {
        let store = Store::create(path, &SEED).unwrap();
        add_segment(store.begin().unwrap(), b"first").unwrap();
        drop(store);
        let store = Store::open(path).unwrap();
        add_segment(store.begin().unwrap(), b"second").unwrap();
        std::fs::read(path).unwrap()
    };
    let first = build(&path);
    assert_eq!(first, build(&path.with_extension("again")));
    let other = Store::create(&path.with_extension("other"), &CreateOptions::default()).unwrap();
    let another = Store::create(&path.with_extension("more"), &CreateOptions::default()).unwrap();
    assert_ne!(other.uuid(), another.uuid());
}

#[test]
fn a_dropped_transaction_leaves_no_trace() {
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    add_segment(store.begin().unwrap(), b"kept").unwrap();
    let before = store.manifest();
    let mut transaction = store.begin().unwrap();
    let lost = transaction
        .append(ExtentKind::Segment, &[input(BODY, &[1; 10_000])])
        .unwrap();
    drop(transaction);
    assert!(
        store.extent(&lost).unwrap_err().is_corrupt(),
        "uncommitted bytes are not served"
    );
    for store in [store].into_iter().chain(opened(&path)) {
        assert_eq!(store.manifest(), before);
        let report = store.verify(VerifyLevel::Full);
        assert!(report.is_ok() && report.tail_bytes == 0); // ZF-CM-10
        assert!(!store.refresh().unwrap());
    }
    let store = Store::open(&path).unwrap();
    add_segment(store.begin().unwrap(), b"next").unwrap();
    assert_eq!(bodies(&store), [b"kept", b"next"]);
}

#[test]
fn an_extent_has_one_entry() {
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    let segment = add_segment(store.begin().unwrap(), b"body").unwrap();
    let transaction = store.begin().unwrap();
    let mut manifest = transaction.base().clone();
    manifest.segments[0].heads = Some(segment);
    assert!(transaction.commit(manifest).unwrap_err().is_invalid_input());
}

#[test]
fn one_transaction_at_a_time_on_a_handle() {
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    let transaction = store.begin().unwrap();
    assert!(store.clone().begin().unwrap_err().is_locked());
    drop(transaction);
    let manifest = store.manifest();
    store.begin().unwrap().commit((*manifest).clone()).unwrap();
    assert!(store.begin().is_ok());
}

#[test]
fn refresh_sees_the_commits_of_another_handle_and_old_extents_stay_readable() {
    let (_directory, path) = place();
    let writer = Store::create(&path, &SEED).unwrap();
    let first = add_segment(writer.begin().unwrap(), b"first").unwrap();
    let reader = Store::open(&path).unwrap();
    let held = reader.extent(&first).unwrap();
    let mut transaction = writer.begin().unwrap();
    let second = transaction
        .append(ExtentKind::Segment, &[input(BODY, b"second")])
        .unwrap();
    let mut manifest = transaction.base().clone();
    manifest.segments[0].segment = second;
    transaction.commit(manifest).unwrap();
    assert_eq!(bodies(&reader), [b"first"]);
    assert!(reader.refresh().unwrap());
    assert!(!reader.refresh().unwrap());
    assert_eq!(bodies(&reader), [b"second"]);
    assert_eq!(&*held.section(BODY).unwrap(), b"first");
    // The first segment and the two manifests before this one are dead.
    assert_eq!(reader.manifest().dead_bytes, 3 * 4096);
    assert!(reader.verify(VerifyLevel::Full).is_ok());
    // A writer with an older view continues from the newest state.
    add_segment(writer.begin().unwrap(), b"third").unwrap();
    add_segment(reader.begin().unwrap(), b"fourth").unwrap();
    assert_eq!(bodies(&reader), [&b"second"[..], b"third", b"fourth"]);
}

#[test]
fn a_commit_that_breaks_a_rule_is_refused_and_changes_nothing() {
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    let known = add_segment(store.begin().unwrap(), b"body").unwrap();
    let before = std::fs::read(&path).unwrap();
    let stranger = ExtentRef {
        nonce: known.nonce ^ 1,
        ..known
    };
    let changes: [fn(&mut Manifest, ExtentRef); 5] = [
        |m, r| m.segments[0].segment = r,
        |m, _| m.segments[0].dead_count = 2,
        |m, _| m.next_segment_id = 0,
        |m, _| m.params = vec![0xFF],
        |m, _| m.user_metadata = vec![0; 70_000],
    ];
    for change in changes {
        let transaction = store.begin().unwrap();
        let mut manifest = transaction.base().clone();
        change(&mut manifest, stranger);
        assert!(transaction.commit(manifest).unwrap_err().is_invalid_input());
    }
    let mut transaction = store.begin().unwrap();
    let twice = [input(BODY, b"a"), input(BODY, b"b")];
    assert!(
        transaction
            .append(ExtentKind::Segment, &twice)
            .unwrap_err()
            .is_invalid_input()
    );
    assert!(
        transaction
            .append(ExtentKind::Manifest, &[])
            .unwrap_err()
            .is_invalid_input()
    );
    drop(transaction);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn blobs_come_back_by_role() {
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    let mut transaction = store.begin().unwrap();
    let model: Vec<u8> = (0..2_500_000u32).map(|i| (i >> 3) as u8).collect();
    let encoder = transaction
        .append_blob(BlobRole::Encoder, "encoder", "application/onnx", &model)
        .unwrap();
    let tokenizer = transaction
        .append_blob(BlobRole::Tokenizer, "tok", "application/json", b"{}")
        .unwrap();
    let mut manifest = transaction.base().clone();
    manifest.blobs = vec![encoder, tokenizer];
    manifest.params = br#"{"k":1}"#.to_vec();
    manifest.user_metadata = b"mine".to_vec();
    transaction.commit(manifest).unwrap();
    for store in opened(&path) {
        let manifest = store.manifest();
        assert_eq!(
            (&*manifest.params, &*manifest.user_metadata),
            (&br#"{"k":1}"#[..], &b"mine"[..])
        );
        assert_eq!(manifest.blobs[0].role, BlobRole::Encoder);
        assert_eq!(&*store.blob(&manifest.blobs[0]).unwrap(), model);
        assert_eq!(&*store.blob(&manifest.blobs[1]).unwrap(), b"{}");
        assert!(store.verify(VerifyLevel::Full).is_ok());
    }
}

#[test]
fn create_never_replaces_and_leaves_nothing_behind() {
    // ZF-FL-05
    let (directory, path) = place();
    std::fs::write(&path, b"precious").unwrap();
    let error = Store::create(&path, &SEED).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    let missing = directory.path().join("no/such/index.zgr");
    assert_eq!(
        Store::create(&missing, &SEED).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    Store::create(&directory.path().join("new.zgr"), &SEED).unwrap();
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn what_is_no_index_is_refused_as_such() {
    let (directory, path) = place();
    assert!(Store::open(&path).unwrap_err().is_not_found());
    assert!(Store::open(directory.path()).unwrap_err().is_not_an_index());
    for content in [
        &b""[..],
        b"short",
        &[0; 4096],
        &[0; 20_000],
        &[b'x'; 20_000],
    ] {
        std::fs::write(&path, content).unwrap();
        assert!(Store::open(&path).unwrap_err().is_not_an_index());
    }
}

#[cfg(unix)]
#[test]
fn a_read_only_file_opens_and_refuses_to_be_written() {
    // ZF-OP-01
    use std::os::unix::fs::PermissionsExt;
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    add_segment(store.begin().unwrap(), b"body").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o444)).unwrap();
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(bodies(&store), [b"body"]);
    assert_eq!(
        std::fs::metadata(&path).unwrap().modified().unwrap(),
        before
    );
    // A privileged user may write to any file.
    if let Err(error) = store.begin() {
        assert!(error.is_permission_denied(), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_replaced_under_an_open_handle_is_not_written() {
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    let successor = path.with_extension("new");
    Store::create(&successor, &CreateOptions::default()).unwrap();
    std::fs::rename(&successor, &path).unwrap();
    assert_eq!(store.begin().unwrap_err().kind(), ErrorKind::Replaced);
}
