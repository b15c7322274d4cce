//! Sessions that threads take turns on: one to begin with, more once they are waited for.
//!
//! Running a session needs it alone, so the pool hands sessions out and takes them back; its
//! lock guards the list of idle ones and is never held during a run. The session made first has
//! most threads and answers a lone query soonest, so it is handed out whenever it is idle.
//!
//! Invariants:
//! - I1. At most `limit` sessions exist, the first one always among them, so a waiting thread is
//!   always served.
//! - I2. A further session that cannot be made (memory) is done without: its thread waits.

use parking_lot::{Condvar, Mutex};

use crate::{Error, ErrorKind, Result};

pub(in crate::model) struct SessionPool<T> {
    shelf: Mutex<Shelf<T>>,
    returned: Condvar,
}

struct Shelf<T> {
    /// Sessions nobody uses, each with its number in the order they were made.
    idle: Vec<(usize, T)>,
    made: usize,
    limit: usize,
}

/// Gives a session back when dropped, also when its run panics.
struct Taken<'a, T> {
    pool: &'a SessionPool<T>,
    /// `None` only while it is given back.
    session: Option<(usize, T)>,
}

impl<T> SessionPool<T> {
    /// A pool that has `first` and may grow to `limit` sessions.
    pub(in crate::model) fn new(first: T, limit: usize) -> Self {
        SessionPool {
            shelf: Mutex::new(Shelf {
                idle: vec![(0, first)],
                made: 1,
                limit,
            }),
            returned: Condvar::new(),
        }
    }

    /// Runs `job` on an idle session; if there is none, on a new one by `make` or on the next
    /// that is given back.
    pub(in crate::model) fn run<R>(
        &self,
        make: impl FnOnce() -> Result<T>,
        job: impl FnOnce(&mut T) -> Result<R>,
    ) -> Result<R> {
        let mut taken = Taken {
            session: Some(self.take(make)),
            pool: self,
        };
        match &mut taken.session {
            Some((_, session)) => job(session),
            None => Err(Error::new(ErrorKind::Model, "a session is in use twice")),
        }
    }

    fn take(&self, make: impl FnOnce() -> Result<T>) -> (usize, T) {
        let mut shelf = self.shelf.lock();
        if shelf.idle.is_empty() && shelf.made < shelf.limit {
            let number = shelf.made;
            shelf.made += 1;
            drop(shelf);
            if let Ok(session) = make() {
                return (number, session);
            }
            shelf = self.shelf.lock();
            shelf.made -= 1;
            shelf.limit = shelf.made;
        }
        loop {
            let numbers = shelf.idle.iter().map(|&(number, _)| number);
            if let Some((at, _)) = numbers.enumerate().min_by_key(|&(_, number)| number) {
                return shelf.idle.swap_remove(at);
            }
            self.returned.wait(&mut shelf);
        }
    }
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.pool.shelf.lock().idle.push(session);
            self.pool.returned.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn threads_run_side_by_side_up_to_the_limit_and_no_further() {
        let pool = SessionPool::new(0, 3);
        let (made, inside, most) = (
            AtomicUsize::new(0),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        let together = Barrier::new(3);
        let make = || Ok(made.fetch_add(1, Ordering::SeqCst) + 1);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    // Passes only while three runs are under way.
                    let wait = |_: &mut usize| Ok(together.wait());
                    pool.run(make, wait).unwrap();
                });
            }
        });
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let count = |_: &mut usize| {
                        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        Ok(())
                    };
                    (0..50).for_each(|_| pool.run(make, count).unwrap());
                });
            }
        });
        assert_eq!(made.load(Ordering::SeqCst), 2);
        assert!(most.into_inner() <= 3);
        let lone = pool.run(make, |session| Ok(*session)).unwrap();
        assert_eq!(lone, 0, "the first session serves a lone thread");
    }

    #[test]
    fn a_thread_waits_where_no_further_session_can_be_made() {
        let pool = SessionPool::new((), 4);
        let fails = || Err(Error::new(ErrorKind::Model, "no memory"));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let yields = |_: &mut ()| {
                        thread::yield_now();
                        Ok(())
                    };
                    (0..20).for_each(|_| pool.run(fails, yields).unwrap());
                });
            }
        });
    }

    #[test]
    fn a_failed_run_gives_its_session_back() {
        let pool = SessionPool::new((), 1);
        let fails = |_: &mut ()| Err::<(), _>(Error::new(ErrorKind::Model, "NaN"));
        for _ in 0..3 {
            assert!(pool.run(|| Ok(()), fails).is_err());
        }
    }
}
