//! System calls that are interrupted: a timer signal every 50 microseconds, without restart,
//! while an index is written, read, vacuumed and copied. Alone in its process, because a timer
//! belongs to the whole process.

#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::process::alone;
use crate::support::segments::push_segment;
use crate::support::store::append;
use zerogr::raw::store::{CreateOptions, Store, VerifyLevel, WriteOptions};

static SIGNALS: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

/// Sends this process `SIGALRM` every so many microseconds; 0 stops it.
fn alarm_every(microseconds: i64) {
    let interval = libc::timeval {
        tv_sec: 0,
        tv_usec: microseconds,
    };
    let timer = libc::itimerval {
        it_interval: interval,
        it_value: interval,
    };
    // SAFETY: both structs are plain integers and live across the calls; the handler only adds to
    // an atomic, which is allowed in one. Without SA_RESTART, interrupted calls return EINTR.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = count as extern "C" fn(libc::c_int) as libc::sighandler_t;
        assert_eq!(
            libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut()),
            0
        );
        let result = libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut());
        assert_eq!(result, 0);
    }
}

#[test]
fn interrupted_system_calls_lose_nothing() {
    alone(
        concat!(module_path!(), "::interrupted_system_calls_lose_nothing"),
        interrupted_system_calls_lose_nothing_alone,
    );
}

fn interrupted_system_calls_lose_nothing_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.zgr");
    let store = Store::create(&path, &CreateOptions::default()).unwrap();
    alarm_every(50);
    let body = vec![7u8; 3 << 20];
    for round in 0..20u64 {
        let lock = store.write_lock(&WriteOptions::default()).unwrap();
        let mut transaction = lock.begin().unwrap();
        let mut manifest = transaction.base().clone();
        let segment = append(&mut transaction, &body).unwrap();
        push_segment(&mut manifest, segment);
        if manifest.segments.len() > 3 {
            manifest.segments.remove(0);
        }
        transaction.commit(manifest).unwrap();
        if round % 5 == 4 {
            store.vacuum(&lock).unwrap();
            store
                .backup(&folder.path().join(format!("copy-{round}")))
                .unwrap();
        }
        let other = Store::open(&path).unwrap();
        assert_eq!(other.manifest().segments.len(), 3.min(round as usize + 1));
        assert!(other.verify(VerifyLevel::Full).is_ok());
    }
    alarm_every(0);
    assert!(
        SIGNALS.load(Ordering::Relaxed) > 100,
        "the timer did not run"
    );
    assert!(store.verify(VerifyLevel::Full).is_ok());
}
