//! A disk without room. Alone in its process: one that another test forks holds the vacuumed
//! file open until it runs its program, and with it the space this test counts on.

use crate::support::process::alone;
use crate::support::store::{SEED, Tmpfs, add, bodies_of, names};
use zerogr::raw::store::{Store, VerifyLevel, WriteOptions};

#[test]
fn a_full_disk_loses_nothing_and_room_is_all_it_takes() {
    alone(
        concat!(
            module_path!(),
            "::a_full_disk_loses_nothing_and_room_is_all_it_takes"
        ),
        a_full_disk_loses_nothing_and_room_is_all_it_takes_alone,
    );
}

fn a_full_disk_loses_nothing_and_room_is_all_it_takes_alone() {
    let Some(tmpfs) = Tmpfs::mount("2m") else {
        return;
    };
    let path = tmpfs.path().join("index.zgr");
    let filler = tmpfs.path().join("filler");
    std::fs::write(&filler, vec![1; 500_000]).unwrap();
    let store = Store::create(&path, &SEED).unwrap();
    let lock = store.write_lock(&WriteOptions::new()).unwrap();
    let mut acknowledged = 1;
    let error = loop {
        match add(lock.begin().unwrap(), &vec![acknowledged as u8; 100_000]) {
            Ok(generation) => acknowledged = generation,
            Err(error) => break error,
        }
    };
    assert!(error.is_disk_full(), "{error}");
    assert!(lock.begin().unwrap_err().is_poisoned());
    assert!(store.vacuum(&lock).unwrap_err().is_poisoned());
    drop(lock);
    assert!(store.begin().unwrap_err().is_poisoned());
    // Who has the old file open keeps its space occupied.
    drop(store);

    // Reading goes on, and so does a new handle from where it was: what the commit that failed had
    // written was given back, and with it the room for a small one.
    let store = Store::open(&path).unwrap();
    assert_eq!(store.space().unwrap().tail_bytes, 0); // ZF-CM-10
    let acknowledged = add(store.begin().unwrap(), b"small").unwrap();
    assert_eq!(store.manifest().generation, acknowledged);
    assert!(store.verify(VerifyLevel::Full).is_ok());
    let before = bodies_of(&store.snapshot());
    // There is no room for a copy; trying costs nothing.
    let lock = store.write_lock(&WriteOptions::new()).unwrap();
    assert!(store.vacuum(&lock).unwrap_err().is_disk_full());
    let copy = tmpfs.path().join("copy.zgr");
    assert!(store.backup(&copy).unwrap_err().is_disk_full());
    assert_eq!(names(tmpfs.path()), ["filler", "index.zgr"]);
    assert_eq!(bodies_of(&store.snapshot()), before);

    // Room for the live bytes is enough to get the dead ones back.
    std::fs::remove_file(&filler).unwrap();
    let mut manifest = (*store.manifest()).clone();
    manifest.segments.truncate(3);
    lock.begin().unwrap().commit(manifest).unwrap();
    store.vacuum(&lock).unwrap();
    assert_eq!(bodies_of(&store.snapshot()), before[..3]);
    assert!(store.verify(VerifyLevel::Full).is_ok());
    add(lock.begin().unwrap(), &[9; 500_000]).unwrap();

    // The same again, with a disk that others filled.
    std::fs::write(&filler, vec![1; 2 << 20]).unwrap_err();
    let error = add(lock.begin().unwrap(), &[9; 500_000]).unwrap_err();
    assert!(error.is_disk_full(), "{error}");
    std::fs::remove_file(&filler).unwrap();
    drop(lock);
    let store = Store::open(&path).unwrap();
    add(store.begin().unwrap(), b"room").unwrap();
    assert_eq!(bodies_of(&store.snapshot()).len(), 5);
}
