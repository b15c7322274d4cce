//! Vacuum and copies: the same content in less space, for everyone who has the index open.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::process::{Helper, role, say};
use crate::support::segments::push_segment;
use crate::support::store::{
    BODY, Event, Recording, SEED, add, append, bodies, bodies_of, names, place, replace_all,
};
use zerogr::ErrorKind;
use zerogr::raw::format::{BlobRole, SUPERBLOCK_FLAG_SUPERSEDED, SlotContent};
use zerogr::raw::store::{
    Backend, CreateOptions, Durability, MemoryBackend, Store, VerifyLevel, WriteOptions,
};

/// Slots, header and a manifest: what a vacuumed file has beside its live bytes.
const FRAME_BYTES: u64 = 12_288 + 4096;

fn start_helper(role: &str, path: &Path) -> Helper {
    Helper::start(concat!(module_path!(), "::helper"), role, path)
}

/// Not a test of its own: what the other processes of the tests do.
#[test]
fn helper() {
    let Some((role, path)) = role() else { return };
    let store = Store::open(&path).unwrap();
    match role.as_str() {
        "try" => say(match store.begin() {
            Ok(_) => "ok".into(),
            Err(error) => format!("{:?}", error.kind()),
        }),
        "wait and add" => {
            say("waiting");
            let wait = WriteOptions::new().wait(Duration::from_secs(30));
            let lock = store.write_lock(&wait).unwrap();
            say(add(lock.begin().unwrap(), b"waited").unwrap());
        }
        other => panic!("unknown role {other}"),
    }
}

fn write_at(mut file: &File, bytes: &[u8], off_bytes: u64) {
    file.seek(SeekFrom::Start(off_bytes)).unwrap();
    file.write_all(bytes).unwrap();
}

fn read_at_start(mut file: &File, bytes: &mut [u8]) {
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_exact(bytes).unwrap();
}

/// An index with a lot of dead bytes and a few live ones of every sort.
fn used(path: &Path, options: &CreateOptions) -> Store {
    let store = Store::create(path, options).unwrap();
    for n in 0..20u8 {
        replace_all(store.begin().unwrap(), &vec![n; 100_000]).unwrap();
    }
    let mut transaction = store.begin().unwrap();
    let model: Vec<u8> = (0..2_500_000u32).map(|i| (i >> 3) as u8).collect();
    let blob = transaction
        .append_blob(BlobRole::Encoder, "encoder", "application/onnx", &model)
        .unwrap();
    let heads = append(&mut transaction, b"heads").unwrap();
    let mut manifest = transaction.base().clone();
    manifest.blobs.push(blob);
    manifest.segments[0].tombstones = Some(heads);
    manifest.params = br#"{"k":1}"#.to_vec();
    manifest.user_metadata = b"mine".to_vec();
    transaction.commit(manifest).unwrap();
    let mut transaction = store.begin().unwrap();
    let mut manifest = transaction.base().clone();
    manifest.segments[0].tombstones = None;
    let second = append(&mut transaction, b"second").unwrap();
    push_segment(&mut manifest, second);
    transaction.commit(manifest).unwrap();
    store
}

fn wanted() -> [Vec<u8>; 2] {
    [vec![19; 100_000], b"second".to_vec()]
}

fn vacuum(store: &Store) -> zerogr::raw::store::VacuumReport {
    let lock = store.write_lock(&WriteOptions::new()).unwrap();
    store.vacuum(&lock).unwrap()
}

fn mapped(path: &Path) -> Store {
    // SAFETY: the file is replaced by renaming at most, as long as the store lives.
    #[allow(unsafe_code)]
    unsafe {
        Store::open_mmap(path).unwrap()
    }
}

#[test]
fn the_content_stays_the_dead_bytes_go_and_writing_continues() {
    // ZF-VA-01
    let (directory, path) = place();
    let store = used(&path, &CreateOptions::default());
    let before = store.manifest();
    let space = store.space().unwrap();
    assert!(space.dead_bytes > 1_900_000);
    let report = store.verify(VerifyLevel::Headers);
    assert_eq!(
        (report.live_bytes, report.dead_bytes, report.tail_bytes),
        (space.live_bytes, space.dead_bytes, 0)
    );

    let report = vacuum(&store);
    assert_eq!(report.generation, before.generation + 1);
    assert_eq!(report.before_bytes, space.file_bytes);
    assert!(report.after_bytes <= space.live_bytes * 105 / 100 + FRAME_BYTES);
    assert_eq!(report.after_bytes, std::fs::metadata(&path).unwrap().len());
    assert_eq!(names(directory.path()), ["index.zgr"]);

    for other in [store.clone(), Store::open(&path).unwrap(), mapped(&path)] {
        assert_eq!(other.uuid(), store.uuid());
        assert_eq!(other.header(), store.header());
        let manifest = other.manifest();
        assert_eq!(manifest.generation, before.generation + 1);
        assert_eq!(manifest.next_segment_id, before.next_segment_id);
        assert_eq!(
            (&manifest.params, &manifest.user_metadata),
            (&before.params, &before.user_metadata)
        );
        assert_eq!(bodies(&other), wanted());
        assert_eq!(other.blob(&manifest.blobs[0]).unwrap().len(), 2_500_000);
        let space = other.space().unwrap();
        assert_eq!((space.dead_bytes, space.tail_bytes), (0, 0));
        assert_eq!(space.file_bytes, 12_288 + space.live_bytes);
        let report = other.verify(VerifyLevel::Full);
        assert!(report.is_ok(), "{:?}", report.findings);
        assert!(other.passed_over().is_empty() && !other.is_superseded());
    }
    for n in 0..3u8 {
        add(store.begin().unwrap(), &[n]).unwrap();
        let reopened = Store::open(&path).unwrap();
        assert_eq!(bodies(&reopened).last().unwrap(), &[n]);
        assert!(reopened.verify(VerifyLevel::Full).is_ok());
    }
    // A second one finds nothing but manifests.
    let report = vacuum(&store);
    assert_eq!(report.before_bytes - report.after_bytes, 3 * 4096);
}

#[test]
fn an_empty_index_and_one_with_a_tail_can_be_vacuumed() {
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    vacuum(&store);
    let mut transaction = store.begin().unwrap();
    append(&mut transaction, &[1; 50_000]).unwrap();
    // What is given up is given back; a process that dies leaves it.
    drop(transaction);
    assert_eq!(store.space().unwrap().tail_bytes, 0);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let end = file.metadata().unwrap().len();
    write_at(&file, &[1; 50_000], end);
    assert_eq!(store.space().unwrap().tail_bytes, 50_000);
    vacuum(&store);
    assert_eq!(store.space().unwrap().tail_bytes, 0);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), FRAME_BYTES);
    assert!(store.verify(VerifyLevel::Full).is_ok());
}

#[test]
fn who_reads_the_old_file_goes_on_reading_it_until_refresh() {
    let (_directory, path) = place();
    let store = used(&path, &CreateOptions::default());
    for reader in [Store::open(&path).unwrap(), mapped(&path), store.clone()] {
        let snapshot = reader.snapshot();
        let generation = snapshot.generation();
        let first = snapshot.manifest().segments[0].segment;
        let extent = reader.extent(&first).unwrap();
        let held = extent.section(BODY).unwrap();
        for n in 0..3u8 {
            add(store.begin().unwrap(), &[n; 9000]).unwrap();
            vacuum(&store);
        }
        assert_eq!(&*held, &[19; 100_000]);
        assert_eq!(&*extent.section(BODY).unwrap(), &[19; 100_000]);
        let expected = bodies_of(&snapshot);
        assert_eq!(expected[..2], wanted());
        assert!(snapshot.verify(VerifyLevel::Full).is_ok());
        // `store` itself is there already.
        let moves = reader.manifest().generation == generation;
        assert_eq!(reader.refresh().unwrap(), moves);
        assert_eq!(reader.manifest(), store.manifest());
        assert!(store.manifest().generation >= generation + 6);
        assert!(!reader.refresh().unwrap());
        assert_eq!(bodies(&reader), bodies(&store));
        assert_eq!(bodies_of(&snapshot), expected);
    }
}

#[test]
fn another_handle_that_writes_goes_on_in_the_new_file() {
    let (_directory, path) = place();
    let store = used(&path, &CreateOptions::default());
    let other = Store::open(&path).unwrap();
    add(other.begin().unwrap(), b"other").unwrap();
    vacuum(&store);
    add(other.begin().unwrap(), b"other again").unwrap();
    add(store.begin().unwrap(), b"store").unwrap();
    vacuum(&other);
    add(store.begin().unwrap(), b"store again").unwrap();
    let wanted: Vec<&[u8]> = vec![b"other", b"other again", b"store", b"store again"];
    assert_eq!(bodies(&Store::open(&path).unwrap())[2..], wanted);
}

#[test]
fn a_writer_that_waits_during_a_vacuum_gets_the_new_file() {
    let (_directory, path) = place();
    let store = used(&path, &CreateOptions::default());
    let wait = WriteOptions::new().wait(Duration::from_secs(30));
    let lock = store.write_lock(&WriteOptions::new()).unwrap();
    let mut elsewhere = start_helper("wait and add", &path);
    assert_eq!(elsewhere.hear().unwrap(), "waiting");
    std::thread::scope(|scope| {
        let here = scope.spawn(|| {
            let store = Store::open(&path).unwrap();
            let lock = store.write_lock(&wait).unwrap();
            add(lock.begin().unwrap(), b"waited").unwrap()
        });
        std::thread::sleep(Duration::from_millis(50));
        store.vacuum(&lock).unwrap();
        // The lock went along.
        assert_eq!(start_helper("try", &path).hear().unwrap(), "Locked");
        assert!(Store::open(&path).unwrap().begin().unwrap_err().is_locked());
        let mine = add(lock.begin().unwrap(), b"mine").unwrap();
        drop(lock);
        let mut theirs = [
            here.join().unwrap(),
            elsewhere.hear().unwrap().parse().unwrap(),
        ];
        theirs.sort();
        assert_eq!(theirs, [mine + 1, mine + 2]);
    });
    let found = bodies(&Store::open(&path).unwrap());
    assert_eq!(found[2..], [&b"mine"[..], b"waited", b"waited"]);
}

#[cfg(unix)]
#[test]
fn names_and_rights_of_the_file_are_kept() {
    let (directory, path) = place();
    let directory = directory.path();
    let store = used(&path, &CreateOptions::default());
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    // Only a privileged user can give a file away.
    let owner = std::os::unix::fs::chown(&path, Some(1234), Some(4321)).map(|()| (1234, 4321));
    let symlink = directory.join("symlink.zgr");
    std::os::unix::fs::symlink(&path, &symlink).unwrap();
    let through = Store::open(&symlink).unwrap();
    vacuum(&through);
    assert!(symlink.symlink_metadata().unwrap().is_symlink());
    let metadata = path.symlink_metadata().unwrap();
    assert!(metadata.is_file());
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o640);
    if let Ok(owner) = owner {
        assert_eq!((metadata.uid(), metadata.gid()), owner);
    }
    assert_eq!(names(directory), ["index.zgr", "symlink.zgr"]);

    let hard_link = directory.join("hard_link.zgr");
    std::fs::hard_link(&path, &hard_link).unwrap();
    let lock = store.write_lock(&WriteOptions::new()).unwrap();
    let error = store.vacuum(&lock).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("hard links"));
    std::fs::remove_file(&hard_link).unwrap();
    store.vacuum(&lock).unwrap();
    assert_eq!(names(directory), ["index.zgr", "symlink.zgr"]);
}

#[test]
fn what_an_interrupted_vacuum_left_is_removed_by_the_next_writer_and_nothing_else_is() {
    // ZF-VA-04
    let (directory, path) = place();
    let directory = directory.path();
    drop(used(&path, &CreateOptions::default()));
    let stray = "index.zgr.vacuum-00112233445566ff";
    let kept = [
        "index.zgr.vacuum-00112233445566f",
        "index.zgr.vacuum-00112233445566fg",
        "other.zgr.vacuum-00112233445566ff",
        "index.zgr.vacuum-",
    ];
    let create = |name: &str| std::fs::copy(&path, directory.join(name)).unwrap();
    create(stray);
    for name in kept {
        create(name);
    }
    let count = || names(directory).len();
    // Readers write nothing, and who does not get the lock removes nothing.
    let store = Store::open(&path).unwrap();
    assert!(store.verify(VerifyLevel::Full).is_ok());
    assert_eq!(count(), 6);
    let lock = store.write_lock(&WriteOptions::new()).unwrap();
    assert_eq!(count(), 5);
    create(stray);
    assert!(Store::open(&path).unwrap().begin().is_err());
    assert_eq!(count(), 6);
    store.vacuum(&lock).unwrap();
    assert_eq!(count(), 5);
    assert!(kept.iter().all(|name| directory.join(name).exists()));
}

#[test]
fn the_old_file_says_that_it_is_superseded() {
    // ZF-VA-02, ZF-VA-03
    let (directory, path) = place();
    let store = used(&path, &CreateOptions::default());
    let generation = store.manifest().generation;
    let old = std::fs::File::open(&path).unwrap();
    vacuum(&store);
    let mut bytes = vec![0; old.metadata().unwrap().len() as usize];
    read_at_start(&old, &mut bytes);
    let flags = [0, 4096].map(|off| {
        let SlotContent::Record(record) = SlotContent::decode(&bytes[off..], None) else {
            panic!()
        };
        assert_eq!(record.generation, generation);
        record.flags
    });
    assert!(flags.contains(&0) && flags.contains(&SUPERBLOCK_FLAG_SUPERSEDED));
    // Where a path still leads to it, it can be read and copied and not be written.
    let elsewhere = directory.path().join("elsewhere.zgr");
    std::fs::write(&elsewhere, bytes).unwrap();
    let left = Store::open(&elsewhere).unwrap();
    assert!(left.is_superseded());
    assert_eq!(bodies(&left), wanted());
    assert!(left.verify(VerifyLevel::Full).is_ok());
    let error = left.begin().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Replaced);
    assert!(error.to_string().contains("vacuumed"));
    let copy = directory.path().join("copy.zgr");
    left.backup(&copy).unwrap();
    let copy = Store::open(&copy).unwrap();
    assert!(!copy.is_superseded());
    add(copy.begin().unwrap(), b"again").unwrap();
}

#[test]
fn a_vacuum_that_cannot_be_is_refused_and_changes_nothing() {
    let (directory, path) = place();
    let store = used(&path, &CreateOptions::default());
    let other = Store::open(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    let lock = store.write_lock(&WriteOptions::new()).unwrap();
    assert!(other.vacuum(&lock).unwrap_err().is_invalid_input());
    let transaction = lock.begin().unwrap();
    assert!(store.vacuum(&lock).unwrap_err().is_locked());
    drop(transaction);
    let memory = Store::create_on(Arc::new(MemoryBackend::default()), &SEED).unwrap();
    let memory_lock = memory.write_lock(&WriteOptions::new()).unwrap();
    assert!(memory.vacuum(&memory_lock).unwrap_err().is_invalid_input());
    assert!(memory_lock.begin().is_ok());

    // Damage is not carried into a file that verifies nothing else.
    let extent = store.extent(&store.manifest().segments[0].segment).unwrap();
    let off = extent.sections().next().unwrap().off_bytes + 50_000;
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    write_at(&file, &[77], off);
    assert!(store.vacuum(&lock).unwrap_err().is_corrupt());
    for copy in [Store::backup, Store::vacuum_into] {
        let target = directory.path().join("copy.zgr");
        assert!(copy(&store, &target).unwrap_err().is_corrupt());
    }
    write_at(&file, &[19], off);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(names(directory.path()), ["index.zgr"]);
    store.vacuum(&lock).unwrap();
}

#[test]
fn copies_are_complete_indexes_and_replace_nothing() {
    // ZF-CP-02
    let (directory, path) = place();
    let store = used(&path, &CreateOptions::default());
    #[cfg(unix)]
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let reader = Store::open(&path).unwrap();
    add(store.begin().unwrap(), b"newest").unwrap();
    let original = std::fs::read(&path).unwrap();
    let generation = store.manifest().generation;

    // A handle that has not looked for a while copies the newest state all the same.
    let backup = directory.path().join("backup.zgr");
    reader.backup(&backup).unwrap();
    let bytes = std::fs::read(&backup).unwrap();
    assert_eq!(bytes[8192..], original[8192..]);
    let compact = directory.path().join("compact.zgr");
    reader.vacuum_into(&compact).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), original);

    for (path, ahead) in [(&backup, 0), (&compact, 1)] {
        let copy = Store::open(path).unwrap();
        assert_eq!(copy.uuid(), store.uuid());
        assert_eq!(copy.manifest().generation, generation + ahead);
        assert_eq!(bodies(&copy), bodies(&store));
        assert!(copy.verify(VerifyLevel::Full).is_ok());
        #[cfg(unix)]
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        add(copy.begin().unwrap(), b"its own way").unwrap();
    }
    for copy in [Store::backup, Store::vacuum_into] {
        let error = copy(&store, &backup).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        let missing = directory.path().join("no/such/copy.zgr");
        assert!(copy(&store, &missing).unwrap_err().is_not_found());
    }
    assert_eq!(
        names(directory.path()),
        ["backup.zgr", "compact.zgr", "index.zgr"]
    );
    // A compact copy may be put in place by hand.
    std::fs::remove_file(&compact).unwrap();
    store.vacuum_into(&compact).unwrap();
    std::fs::rename(&compact, &path).unwrap();
    assert!(reader.refresh().unwrap());
    assert_eq!(reader.space().unwrap().dead_bytes, 0);
}

#[test]
fn equal_seed_and_history_give_equal_bytes_through_vacuum() {
    let (directory, _) = place();
    let build = |name: &str| {
        let path = directory.path().join(name);
        let store = used(&path, &SEED);
        vacuum(&store);
        add(store.begin().unwrap(), b"after").unwrap();
        let compact = path.with_extension("compact");
        store.vacuum_into(&compact).unwrap();
        [
            std::fs::read(&path).unwrap(),
            std::fs::read(compact).unwrap(),
        ]
    };
    assert!(build("one.zgr") == build("two.zgr"));
}

/// Writes and syncs succeed `left` times and fail from then on.
#[derive(Debug)]
struct Failing {
    inner: Arc<MemoryBackend>,
    left: AtomicUsize,
}

impl Failing {
    fn spend(&self) -> io::Result<()> {
        let take = |left: usize| left.checked_sub(1);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .map(drop)
            .map_err(|_| io::ErrorKind::StorageFull.into())
    }
}

impl Backend for Failing {
    fn read_exact_at(&self, buffer: &mut [u8], off_bytes: u64) -> io::Result<()> {
        self.inner.read_exact_at(buffer, off_bytes)
    }

    fn write_all_at(&self, bytes: &[u8], off_bytes: u64) -> io::Result<()> {
        self.spend()?;
        self.inner.write_all_at(bytes, off_bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.spend()
    }

    fn len_bytes(&self) -> io::Result<u64> {
        self.inner.len_bytes()
    }

    fn path(&self) -> &Path {
        self.inner.path()
    }
}

#[test]
fn a_copy_that_fails_at_any_call_leaves_the_source_alone_and_never_looks_like_another_index() {
    let (_directory, path) = place();
    let store = used(&path, &CreateOptions::default());
    let generation = store.manifest().generation;
    for left in 0.. {
        let disk = Arc::new(MemoryBackend::default());
        let failing = Failing {
            inner: disk.clone(),
            left: left.into(),
        };
        let result = store.copy_live(Arc::new(failing));
        match Store::open_on(disk) {
            Ok(copy) => {
                assert_eq!(copy.manifest().generation, generation + 1);
                assert_eq!(bodies(&copy), wanted());
            }
            Err(error) => assert!(error.is_not_an_index() || error.is_corrupt()),
        }
        if result.is_ok() {
            assert!(left > 8);
            break;
        }
        assert_eq!(result.unwrap_err().kind(), ErrorKind::DiskFull);
        // Failing to write a copy is no failure of the index.
        assert!(store.begin().is_ok());
    }
    let full = Arc::new(MemoryBackend::new(vec![1]));
    assert!(store.copy_live(full).unwrap_err().is_already_exists());
}

#[test]
fn an_ordered_commit_leaves_out_the_last_sync_only() {
    // ZF-CM-06
    let backend = Arc::new(Recording::default());
    let store = Store::create_on(backend.clone(), &SEED).unwrap();
    add(store.begin().unwrap(), b"first").unwrap();
    let record = |durability| {
        let options = WriteOptions::new().durability(durability);
        let lock = store.write_lock(&options).unwrap();
        assert_eq!(lock.durability(), durability);
        backend.log.lock().clear();
        add(lock.begin().unwrap(), b"body").unwrap();
        let name = |event: &Event| match event {
            Event::Write(off_bytes, _) if *off_bytes < 8192 => "slot",
            Event::Write(..) => "extent",
            Event::Sync => "sync",
        };
        backend.log.lock().iter().map(name).collect::<Vec<_>>()
    };
    let full = ["extent", "extent", "sync", "slot", "sync"];
    assert_eq!(record(Durability::Full), full);
    assert_eq!(record(Durability::Ordered), full[..4]);
    assert_eq!(record(Durability::Full), full);
    assert!(store.verify(VerifyLevel::Full).is_ok());
}

#[test]
fn what_a_killed_copy_left_is_removed_by_the_next_writer_in_the_folder() {
    let (directory, path) = place();
    let directory = directory.path();
    drop(used(&path, &CreateOptions::default()));
    let left = directory.join(".zerogr-new-abcdef.tmp");
    let kept = [
        ".zerogr-new-abcdef",
        "zerogr-new-abcdef.tmp",
        ".zerogr-new-none.tmp",
    ];
    // Locked, as by a process that is still at work.
    let live = directory.join(".zerogr-new-live.tmp");
    let live_lock = Store::create(&live, &SEED)
        .unwrap()
        .write_lock(&WriteOptions::new());
    let live_lock = live_lock.unwrap();
    let plant = || {
        std::fs::write(&left, b"half a copy").unwrap();
        for name in kept {
            std::fs::write(directory.join(name), name).unwrap();
        }
        // Not locked yet: its maker has just begun.
        std::fs::write(directory.join(kept[2]), b"").unwrap();
    };
    let store = Store::open(&path).unwrap();
    plant();
    assert!(left.exists());
    drop(store.write_lock(&WriteOptions::new()).unwrap());
    assert!(!left.exists());
    plant();
    store.backup(&directory.join("backup.zgr")).unwrap();
    assert!(!left.exists());
    assert!(live.exists() && kept.iter().all(|name| directory.join(name).exists()));
    drop(live_lock);
    store.vacuum_into(&directory.join("compact.zgr")).unwrap();
    assert!(!live.exists());
    // The finished ones are locked by nobody.
    add(
        Store::open(&directory.join("backup.zgr"))
            .unwrap()
            .begin()
            .unwrap(),
        b"more",
    )
    .unwrap();
}

#[cfg(unix)]
#[test]
fn a_copy_belongs_to_whom_the_index_belongs_and_is_read_by_nobody_else() {
    let (directory, path) = place();
    let store = used(&path, &CreateOptions::default());
    for (number, mode) in [0o600, 0o640, 0o664].into_iter().enumerate() {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        // Only a privileged user can give a file away.
        let owner = std::os::unix::fs::chown(&path, Some(1234), Some(4321)).is_ok();
        for (name, copy) in [
            (
                "backup",
                Store::backup as fn(&Store, &Path) -> zerogr::Result<()>,
            ),
            ("compact", Store::vacuum_into),
        ] {
            let target = directory.path().join(format!("{name}-{number}.zgr"));
            copy(&store, &target).unwrap();
            let metadata = target.metadata().unwrap();
            assert_eq!(metadata.permissions().mode() & 0o7777, mode);
            if owner {
                assert_eq!((metadata.uid(), metadata.gid()), (1234, 4321));
            }
        }
    }
}

#[cfg(unix)]
fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_pipe_in_the_place_of_a_file_keeps_nobody_waiting() {
    let (directory, path) = place();
    let directory = directory.path();
    drop(used(&path, &CreateOptions::default()));
    let planted = directory.join("index.zgr.vacuum-00112233445566ff");
    pipe(&planted);
    vacuum(&Store::open(&path).unwrap());
    assert!(planted.exists(), "it is not what a vacuum leaves");

    let index = directory.join("pipe.zgr");
    pipe(&index);
    let salvaged = Store::open_salvage(&index).map(|salvage| salvage.store);
    for opened in [Store::open(&index), salvaged] {
        let error = opened.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotAnIndex);
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }
    // A handle whose file was replaced by one reads on.
    let store = Store::open(&path).unwrap();
    std::fs::rename(&index, &path).unwrap();
    assert!(store.refresh().is_err());
    assert!(store.begin().is_err());
    assert_eq!(bodies(&store), wanted());
}
