//! One writer at a time: threads, handles, links, processes; and readers that need no lock.

use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use crate::support::process::{Helper, role, say, wait_for_go};
#[cfg(unix)]
use crate::support::store::Tmpfs;
use crate::support::store::{SEED, add, bodies, place};
use zerogr::ErrorKind;
use zerogr::raw::store::{CreateOptions, MemoryBackend, Store, VerifyLevel, WriteOptions};

/// Longer than any wait here takes, and a limit to one that never ends.
const LONG: Duration = Duration::from_secs(300);

fn outcome<T>(result: zerogr::Result<T>) -> String {
    match result {
        Ok(_) => "ok".into(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

fn start_helper(role: &str, path: &Path) -> Helper {
    Helper::start(concat!(module_path!(), "::helper"), role, path)
}

/// Not a test of its own: what the other processes of the tests do.
#[test]
fn helper() {
    let Some((role, path)) = role() else { return };
    match role.as_str() {
        "try" => say(outcome(Store::open(&path).unwrap().begin())),
        "try without lock" => {
            let options = WriteOptions::new().without_lock(true);
            say(outcome(Store::open(&path).unwrap().write_lock(&options)));
        }
        "wait" => {
            let store = Store::open(&path).unwrap();
            say("waiting");
            let lock = store.write_lock(&WriteOptions::new().wait(LONG)).unwrap();
            say(add(lock.begin().unwrap(), b"waited").unwrap());
        }
        "hold" => {
            let lock = Store::open(&path)
                .unwrap()
                .write_lock(&WriteOptions::new())
                .unwrap();
            say("held");
            wait_for_go();
            drop(lock);
        }
        #[cfg(unix)]
        "fork" => fork_while_locked(&path),
        #[cfg(target_os = "linux")]
        "low descriptors" => open_with_low_descriptors_free(&path),
        other => panic!("unknown role {other}"),
    }
}

fn try_elsewhere(path: &std::path::Path) -> String {
    start_helper("try", path).hear().unwrap()
}

#[test]
fn of_many_threads_exactly_one_wins_and_the_next_can_follow() {
    // ZF-CM-01
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    let barrier = Barrier::new(8);
    let attempt = |n: usize| {
        // Half of them through a clone, half through a handle of their own.
        let store = match n % 2 {
            0 => store.clone(),
            _ => Store::open(&path).unwrap(),
        };
        barrier.wait();
        let result = store.begin();
        barrier.wait();
        outcome(result)
    };
    for _ in 0..20 {
        let mut outcomes: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || attempt(n))).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        outcomes.sort();
        assert_eq!(outcomes, [&["Locked"; 7][..], &["ok"]].concat());
    }
}

#[test]
fn those_who_wait_all_get_their_turn() {
    let (_directory, path) = place();
    Store::create(&path, &SEED).unwrap();
    std::thread::scope(|scope| {
        for n in 0..4u8 {
            let path = &path;
            scope.spawn(move || {
                let store = Store::open(path).unwrap();
                for i in 0..10u8 {
                    let lock = store.write_lock(&WriteOptions::new().wait(LONG)).unwrap();
                    add(lock.begin().unwrap(), &[n, i]).unwrap();
                }
            });
        }
    });
    let mut found = bodies(&Store::open(&path).unwrap());
    found.sort();
    let wanted: Vec<Vec<u8>> = (0..4u8)
        .flat_map(|n| (0..10u8).map(move |i| vec![n, i]))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn waiting_ends_in_time() {
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    let wait = Duration::from_millis(150);
    let timed = |path: &std::path::Path| {
        let store = Store::open(path).unwrap();
        let start = Instant::now();
        let error = store
            .write_lock(&WriteOptions::new().wait(wait))
            .unwrap_err();
        assert!(error.is_locked(), "{error}");
        assert!(start.elapsed() >= wait && start.elapsed() < LONG);
        error.to_string()
    };
    let held = store.write_lock(&WriteOptions::new()).unwrap();
    assert!(timed(&path).contains("this process"));
    drop(held);
    let mut other = start_helper("hold", &path);
    other.hear().unwrap();
    assert!(timed(&path).contains("another process"));
    other.go();
    other.finish();
    assert!(store.begin().is_ok());
}

#[test]
fn the_lock_lives_as_long_as_a_clone_or_a_transaction() {
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    let lock = store.write_lock(&WriteOptions::new()).unwrap();
    let clone = lock.clone();
    let transaction = lock.begin().unwrap();
    assert!(clone.begin().unwrap_err().is_locked());
    drop((lock, clone));
    assert_eq!(try_elsewhere(&path), "Locked");
    assert!(store.begin().unwrap_err().is_locked());
    add(transaction, b"kept").unwrap();
    assert_eq!(try_elsewhere(&path), "ok");
    let lock = store.write_lock(&WriteOptions::new()).unwrap();
    for body in [b"a", b"b"] {
        add(lock.begin().unwrap(), body).unwrap();
    }
    assert_eq!(bodies(&store), [&b"kept"[..], b"a", b"b"]);
}

#[cfg(unix)]
#[test]
fn every_name_of_the_file_leads_to_the_same_lock() {
    let (directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    let symlink = directory.path().join("symlink.zgr");
    let hard_link = directory.path().join("hard_link.zgr");
    std::os::unix::fs::symlink(&path, &symlink).unwrap();
    std::fs::hard_link(&path, &hard_link).unwrap();
    let held = store.write_lock(&WriteOptions::new()).unwrap();
    for name in [&path, &symlink, &hard_link] {
        assert_eq!(outcome(Store::open(name).unwrap().begin()), "Locked");
        assert_eq!(try_elsewhere(name), "Locked");
    }
    drop(held);
    for name in [&path, &symlink, &hard_link] {
        assert_eq!(outcome(Store::open(name).unwrap().begin()), "ok");
        assert_eq!(try_elsewhere(name), "ok");
    }
}

#[test]
fn a_renamed_file_keeps_its_lock() {
    let (directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    let lock = store.write_lock(&WriteOptions::new()).unwrap();
    let transaction = lock.begin().unwrap();
    let moved = directory.path().join("moved.zgr");
    std::fs::rename(&path, &moved).unwrap();
    assert_eq!(outcome(Store::open(&moved).unwrap().begin()), "Locked");
    assert_eq!(try_elsewhere(&moved), "Locked");
    // What was begun is completed in the file it was begun in; nothing new begins.
    add(transaction, b"last").unwrap();
    assert_eq!(lock.begin().unwrap_err().kind(), ErrorKind::NotFound);
    drop(lock);
    assert_eq!(store.begin().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(bodies(&store), [b"last"]);
    assert!(!store.refresh().unwrap());
    assert_eq!(bodies(&Store::open(&moved).unwrap()), [b"last"]);
    assert_eq!(try_elsewhere(&moved), "ok");
}

#[test]
fn a_killed_holder_frees_the_lock_and_a_waiting_process_gets_it() {
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    let mut holder = start_helper("hold", &path);
    assert_eq!(holder.hear().unwrap(), "held");
    assert!(store.begin().unwrap_err().is_locked());
    // Readers take no part in it.
    assert!(!store.refresh().unwrap());
    assert!(store.verify(VerifyLevel::Full).is_ok());
    let mut waiting = start_helper("wait", &path);
    assert_eq!(waiting.hear().unwrap(), "waiting");
    holder.kill();
    assert_eq!(waiting.hear().unwrap(), "2");
    waiting.finish();
    assert!(store.refresh().unwrap());
    assert!(store.begin().is_ok());
}

#[test]
fn without_the_lock_only_this_process_is_kept_out() {
    // ZF-CM-01
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    let mut holder = start_helper("hold", &path);
    holder.hear().unwrap();
    let options = WriteOptions::new().without_lock(true);
    let lock = store.write_lock(&options).unwrap();
    assert!(
        Store::open(&path)
            .unwrap()
            .write_lock(&options)
            .unwrap_err()
            .is_locked()
    );
    assert_eq!(
        start_helper("try without lock", &path).hear().unwrap(),
        "ok"
    );
    add(lock.begin().unwrap(), b"by agreement").unwrap();
    holder.go();
    holder.finish();
    drop(lock);
    assert!(store.begin().is_ok());
}

#[test]
fn a_backend_that_is_no_file_has_one_writer_per_process() {
    let backend = Arc::new(MemoryBackend::default());
    let store = Store::create_on(backend.clone(), &SEED).unwrap();
    let other = Store::open_on(backend).unwrap();
    let lock = store.write_lock(&WriteOptions::new()).unwrap();
    assert!(other.begin().unwrap_err().is_locked());
    // Another backend is another matter.
    let unrelated = Store::create_on(Arc::new(MemoryBackend::default()), &SEED).unwrap();
    assert!(unrelated.begin().is_ok());
    drop(lock);
    assert!(other.begin().is_ok());
}

#[test]
fn the_lock_shows_the_newest_state() {
    let (_directory, path) = place();
    let writer = Store::create(&path, &SEED).unwrap();
    let other = Store::open(&path).unwrap();
    add(writer.begin().unwrap(), b"new").unwrap();
    assert_eq!(other.manifest().generation, 1);
    let lock = other.write_lock(&WriteOptions::new()).unwrap();
    assert_eq!(lock.store().manifest().generation, 2);
}

#[test]
fn what_took_the_place_of_the_file_is_followed_forward_only() {
    let (directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    let older = directory.path().join("older.zgr");
    std::fs::copy(&path, &older).unwrap();
    add(store.begin().unwrap(), b"one").unwrap();
    // A copy that was continued elsewhere.
    let newer = directory.path().join("newer.zgr");
    std::fs::copy(&path, &newer).unwrap();
    add(Store::open(&newer).unwrap().begin().unwrap(), b"two").unwrap();
    std::fs::rename(&newer, &path).unwrap();
    add(store.begin().unwrap(), b"three").unwrap();
    assert_eq!(bodies(&store), [&b"one"[..], b"two", b"three"]);
    assert_eq!(bodies(&Store::open(&path).unwrap()), bodies(&store));
    // An older copy, another index: the handle keeps its state.
    let foreign = directory.path().join("foreign.zgr");
    Store::create(&foreign, &CreateOptions::default()).unwrap();
    for successor in [older, foreign] {
        std::fs::rename(&successor, &path).unwrap();
        assert_eq!(store.refresh().unwrap_err().kind(), ErrorKind::Replaced);
        assert_eq!(store.begin().unwrap_err().kind(), ErrorKind::Replaced);
        assert_eq!(bodies(&store), [&b"one"[..], b"two", b"three"]);
    }
}

/// A child inherits the memory and the descriptors of its parent, not the right to write.
#[cfg(unix)]
#[allow(unsafe_code)]
fn fork_while_locked(path: &std::path::Path) {
    let store = Store::open(path).unwrap();
    let lock = store.write_lock(&WriteOptions::new()).unwrap();
    let transaction = lock.begin().unwrap();
    // SAFETY: no other thread of this process holds a lock that the child will need: the test
    // runner's main thread waits for this one.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let inherited = lock.begin().unwrap_err().is_locked()
            && add(transaction, b"child").unwrap_err().is_locked();
        let own = Store::open(path)
            .unwrap()
            .begin()
            .is_err_and(|e| e.is_locked())
            && store.begin().is_err_and(|e| e.is_locked());
        // Nor does it give away what is not its own.
        drop(lock);
        let still = Store::open(path)
            .unwrap()
            .begin()
            .is_err_and(|e| e.is_locked());
        let status = i32::from(!(inherited && own && still));
        // SAFETY: ends the child without running what the parent will run.
        unsafe { libc::_exit(status) };
    }
    let mut status = -1;
    // SAFETY: `child` is a child of this process, and `status` outlives the call.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    add(transaction, b"parent").unwrap();
    drop(lock);
    say(format_args!("{status} {}", outcome(store.begin())));
}

#[cfg(unix)]
#[test]
fn a_forked_child_neither_has_the_lock_nor_releases_it() {
    let (_directory, path) = place();
    let store = Store::create(&path, &SEED).unwrap();
    let mut helper = start_helper("fork", &path);
    assert_eq!(helper.hear().unwrap(), "0 ok");
    helper.finish();
    store.refresh().unwrap();
    assert_eq!(bodies(&store), [b"parent"]);
}

/// A host may have closed its standard streams; what it prints must not land in the index.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn open_with_low_descriptors_free(path: &std::path::Path) {
    // SAFETY: nothing in this process reads from its standard input any more.
    unsafe { libc::close(0) };
    let store = Store::open(path).unwrap();
    let transaction = store.begin().unwrap();
    let at_0 = std::fs::read_link("/proc/self/fd/0").ok();
    add(transaction, b"body").unwrap();
    say(at_0.as_deref() != Some(path));
}

#[cfg(target_os = "linux")]
#[test]
fn the_index_never_gets_the_number_of_a_standard_stream() {
    let (directory, _) = place();
    let path = directory.path().canonicalize().unwrap().join("index.zgr");
    Store::create(&path, &SEED).unwrap();
    assert_eq!(
        start_helper("low descriptors", &path).hear().unwrap(),
        "true"
    );
    assert!(
        Store::open(&path)
            .unwrap()
            .verify(VerifyLevel::Full)
            .is_ok()
    );
}

#[cfg(unix)]
#[test]
fn an_index_on_read_only_media_is_read_and_says_why_it_is_not_written() {
    let Some(tmpfs) = Tmpfs::mount("4m") else {
        return;
    };
    let path = tmpfs.path().join("index.zgr");
    let store = Store::create(&path, &SEED).unwrap();
    add(store.begin().unwrap(), b"body").unwrap();
    drop(store);
    if !tmpfs.make_read_only() {
        eprintln!("skipped: the tmpfs cannot be made read-only");
        return;
    }
    // Any write on the way would fail.
    let store = Store::open(&path).unwrap();
    assert_eq!(bodies(&store), [b"body"]);
    assert!(!store.refresh().unwrap());
    assert!(store.verify(VerifyLevel::Full).is_ok());
    let error = store.begin().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    assert!(error.to_string().contains("can still be searched"));
    let (_directory, copy) = place();
    store.backup(&copy).unwrap();
    add(Store::open(&copy).unwrap().begin().unwrap(), b"more").unwrap();
}
