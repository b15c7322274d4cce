//! Many processes and one file: killed writers, busy readers, copies of a live file.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::process::{Helper, role, say, wait_for_go};
use crate::support::segments::push_segment;
use crate::support::store::{append, bodies_of, names, place};
use zerogr::Result;
use zerogr::raw::store::{
    CreateOptions, Finding, Snapshot, Store, VerifyLevel, WriteLock, WriteOptions,
};

/// Segments that the history below keeps.
const KEPT: u64 = 5;
const KILLS: u32 = 200;
const READERS: usize = 8;

/// A history whose every state can be told right from wrong: commit `n` adds [`content`] of `n`,
/// drops all but the last few segments, and writes `n` into the user metadata.
fn commit_next(lock: &WriteLock) -> Result<(u64, u64)> {
    let mut transaction = lock.begin()?;
    let mut manifest = transaction.base().clone();
    let n = number(&manifest.user_metadata) + 1;
    let segment = append(&mut transaction, &content(n))?;
    push_segment(&mut manifest, segment);
    if manifest.segments.len() as u64 > KEPT {
        manifest.segments.remove(0);
    }
    manifest.user_metadata = n.to_le_bytes().to_vec();
    Ok((transaction.commit(manifest)?.generation, n))
}

fn number(metadata: &[u8]) -> u64 {
    metadata.try_into().map_or(0, u64::from_le_bytes)
}

fn content(n: u64) -> Vec<u8> {
    // From a few bytes to a large section with a chunk table.
    let len = match n % 16 {
        0 => 1_200_000,
        other => (other * 2777) as usize,
    };
    (0..len as u64)
        .map(|i| (i * 31 + n * 7 + (i >> 8)) as u8)
        .collect()
}

/// Checks a state of the history; gives its number.
fn check(snapshot: &Snapshot) -> u64 {
    let n = number(&snapshot.manifest().user_metadata);
    let wanted: Vec<_> = (1..=n).rev().take(KEPT as usize).collect();
    let found = bodies_of(snapshot);
    assert_eq!(found.len(), wanted.len());
    for (body, n) in found.iter().rev().zip(wanted) {
        assert!(*body == content(n), "the content of commit {n} is wrong");
    }
    n
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn start_helper(role: &str, path: &Path) -> Helper {
    Helper::start(concat!(module_path!(), "::helper"), role, path)
}

/// Not a test of its own: what the other processes of the tests do.
#[test]
fn helper() {
    let Some((role, path)) = role() else { return };
    match role.as_str() {
        "write" => write_for_ever(&path),
        "read" => read_until_stopped(&path, false),
        "map" => read_until_stopped(&path, true),
        "create" => create_or_open(&path),
        other => panic!("unknown role {other}"),
    }
}

fn create_or_open(path: &Path) {
    say("ready");
    wait_for_go();
    let store = Store::open_or_create(path, &CreateOptions::default(), |store| {
        append_number(store, 1)
    });
    let store = store.unwrap();
    say(format_args!(
        "{:?} {}",
        store.uuid(),
        number(&store.manifest().user_metadata)
    ));
}

fn append_number(store: &Store, n: u64) -> Result<()> {
    let transaction = store.begin()?;
    let mut manifest = transaction.base().clone();
    manifest.user_metadata = n.to_le_bytes().to_vec();
    transaction.commit(manifest).map(drop)
}

#[test]
fn of_many_processes_one_creates_the_file_and_all_have_it() {
    for _ in 0..5 {
        let (directory, path) = place();
        let mut helpers: Vec<_> = (0..READERS)
            .map(|_| start_helper("create", &path))
            .collect();
        for helper in &mut helpers {
            assert_eq!(helper.hear().unwrap(), "ready");
        }
        helpers.iter_mut().for_each(Helper::go);
        let said: Vec<_> = helpers.iter_mut().map(|one| one.hear().unwrap()).collect();
        let wanted = format!("{:?} 1", Store::open(&path).unwrap().uuid());
        assert!(said.iter().all(|said| *said == wanted), "{said:?}");
        helpers.into_iter().for_each(Helper::finish);
        assert_eq!(names(directory.path()), ["index.zgr"]);
    }
}

fn write_for_ever(path: &Path) {
    let store = Store::open(path).unwrap();
    loop {
        let lock = store.write_lock(&WriteOptions::new()).unwrap();
        for _ in 0..3 {
            let (generation, n) = commit_next(&lock).unwrap();
            say(format_args!("{generation} {n}"));
        }
        let generation = store.vacuum(&lock).unwrap().generation;
        let n = number(&store.manifest().user_metadata);
        say(format_args!("{generation} {n}"));
    }
}

#[test]
fn killed_writers_lose_nothing_they_acknowledged() {
    let (directory, path) = place();
    Store::create(&path, &CreateOptions::default()).unwrap();
    let start = Instant::now();
    let mut seed = 0x9E37_79B9_7F4A_7C15;
    let (mut acknowledged, mut in_vacuum) = ((1, 0), 0);
    for _ in 0..KILLS {
        let mut writer = start_helper("write", &path);
        let mut note = |said: String| {
            let (generation, n) = said.split_once(' ').unwrap();
            let next = (generation.parse().unwrap(), n.parse().unwrap());
            assert!(next > acknowledged);
            acknowledged = next;
        };
        // It is killed at any moment: before it has opened the file, or in its fiftieth commit.
        if !random(&mut seed).is_multiple_of(8) {
            note(writer.hear().unwrap());
            std::thread::sleep(Duration::from_micros(random(&mut seed) % 40_000));
        }
        writer.kill();
        while let Some(said) = writer.hear() {
            note(said);
        }
        in_vacuum += u32::from(names(directory.path()).len() > 1);

        let store = Store::open(&path).unwrap();
        let snapshot = store.snapshot();
        let n = check(&snapshot);
        assert!(snapshot.generation() >= acknowledged.0 && n >= acknowledged.1);
        assert!(n <= acknowledged.1 + 1 && snapshot.generation() <= acknowledged.0 + 1);
        let report = snapshot.verify(VerifyLevel::Full);
        assert!(report.is_ok(), "{:?}", report.findings);
        acknowledged = (snapshot.generation(), n);
    }
    println!(
        "{KILLS} kills, {in_vacuum} of them in a vacuum, {} commits, {:?}",
        acknowledged.0,
        start.elapsed()
    );
    assert!(in_vacuum > 0 && acknowledged.0 > u64::from(KILLS));
    // The next writer leaves the index alone in its directory.
    drop(Store::open(&path).unwrap().begin().unwrap());
    assert_eq!(names(directory.path()), ["index.zgr"]);
}

fn read_until_stopped(path: &Path, map: bool) {
    let open = || {
        if !map {
            return Store::open(path).unwrap();
        }
        // SAFETY: the file is replaced by renaming at most, as long as the store lives.
        #[allow(unsafe_code)]
        unsafe {
            Store::open_mmap(path).unwrap()
        }
    };
    let mut store = open();
    let mut old = store.snapshot();
    let (mut checks, mut states, mut newest) = (0u64, 0u64, 0);
    while !path.with_extension("stop").exists() {
        states += u64::from(store.refresh().unwrap());
        let snapshot = store.snapshot();
        assert!(snapshot.generation() >= newest, "the generation went back");
        newest = snapshot.generation();
        check(&snapshot);
        checks += 1;
        match checks % 16 {
            // One that was taken a while ago is as good as ever.
            0 => {
                check(&old);
                old = snapshot;
            }
            8 => store = open(),
            _ => {}
        }
    }
    say(format_args!("{checks} {states}"));
}

#[test]
fn every_state_that_readers_see_under_a_busy_writer_is_whole() {
    let seconds = std::env::var("ZEROGR_SOAK_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(3);
    let (_directory, path) = place();
    let store = Store::create(&path, &CreateOptions::default()).unwrap();
    let mut readers: Vec<Helper> = (0..READERS)
        .map(|n| start_helper(if n % 2 == 0 { "read" } else { "map" }, &path))
        .collect();
    let start = Instant::now();
    let (mut commits, mut vacuums) = (0u64, 0u64);
    while start.elapsed() < Duration::from_secs(seconds) {
        let lock = store.write_lock(&WriteOptions::new()).unwrap();
        for _ in 0..7 {
            commit_next(&lock).unwrap();
            commits += 1;
        }
        store.vacuum(&lock).unwrap();
        vacuums += 1;
    }
    std::fs::write(path.with_extension("stop"), "").unwrap();
    let (mut checks, mut states) = (0, 0);
    for reader in &mut readers {
        let said = reader.hear().expect("a reader has failed");
        let (a, b) = said.split_once(' ').unwrap();
        checks += a.parse::<u64>().unwrap();
        states += b.parse::<u64>().unwrap();
    }
    readers.into_iter().for_each(Helper::finish);
    println!(
        "{commits} commits and {vacuums} vacuums in {seconds} s; {READERS} readers checked \
         {checks} snapshots of {states} states"
    );
    assert!(states > READERS as u64);
    assert_eq!(check(&Store::open(&path).unwrap().snapshot()), commits);
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_copy_of_a_live_file_is_a_valid_index() {
    // ZF-CP-01
    let (directory, path) = place();
    let store = Store::create(&path, &CreateOptions::default()).unwrap();
    let lock = store.write_lock(&WriteOptions::new()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Also when an assertion fails, or the scope would wait for the writer for ever.
        let stop = OnDrop(|| done.store(true, Ordering::Relaxed));
        let writer = scope.spawn(|| {
            let mut commits = 0;
            while !done.load(Ordering::Relaxed) {
                (_, commits) = commit_next(&lock).unwrap();
                if store.space().unwrap().file_bytes > 4_000_000 {
                    store.vacuum(&lock).unwrap();
                }
            }
            commits
        });
        let mut newest = 0;
        for n in 0..100 {
            let copy = directory.path().join(format!("copy-{n}.zgr"));
            if cfg!(windows) || n % 2 == 0 {
                std::fs::copy(&path, &copy).unwrap();
            } else {
                // `cp` itself refuses when a vacuum replaces the file between its look at it and
                // its opening it; then it copies nothing and is asked again.
                let copied = (0..50).any(|_| {
                    let status = Command::new("cp").arg(&path).arg(&copy).status();
                    status.unwrap().success()
                });
                assert!(copied);
            }
            let copied = Store::open(&copy).unwrap();
            let report = copied.verify(VerifyLevel::Full);
            // A copy may catch one slot while it is being written; the other one is whole then.
            let is_torn = |finding: &Finding| finding.place.starts_with("superblock slot");
            let torn = report.findings.iter().filter(|one| is_torn(one)).count();
            assert!(
                torn <= 1 && torn == report.findings.len(),
                "{:?}",
                report.findings
            );
            let found = check(&copied.snapshot());
            assert!(found >= newest);
            newest = found;
            std::fs::remove_file(&copy).unwrap();
        }
        drop(stop);
        let commits = writer.join().unwrap();
        println!("100 copies, the last of commit {newest} of {commits}");
        assert!(newest > 20 && commits >= newest);
    });
}
