//! Handles: what C holds is a number in the shape of a pointer, which is never followed.
//!
//! Numbers count up and are never used twice. Whoever has looked an object up keeps it alive until the
//! call ends, so that another thread may close its handle meanwhile.

use std::collections::BTreeMap;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::failure::{Failure, Outcome};
use crate::objects::{Opened, Searched, Writing};

/// What handles stand for.
static OPEN: RwLock<BTreeMap<usize, Object>> = RwLock::new(BTreeMap::new());

/// The last number that was given out; 0 is null.
static LAST: AtomicUsize = AtomicUsize::new(0);

/// What a handle stands for.
pub enum Object {
    Index(Arc<Opened>),
    Writer(Arc<Writing>),
    Result(Arc<Searched>),
}

/// What has handles of a type of its own.
pub trait HasHandle: Sized {
    /// What users call it.
    const NAME: &'static str;

    fn into_object(self) -> Object;

    fn of(object: &Object) -> Option<&Arc<Self>>;
}

macro_rules! has_handle {
    ($type:ty, $variant:ident, $name:literal) => {
        impl HasHandle for $type {
            const NAME: &'static str = $name;

            fn into_object(self) -> Object {
                Object::$variant(Arc::new(self))
            }

            fn of(object: &Object) -> Option<&Arc<Self>> {
                match object {
                    Object::$variant(this) => Some(this),
                    _ => None,
                }
            }
        }
    };
}

has_handle!(Opened, Index, "zgr_index");
has_handle!(Writing, Writer, "zgr_writer");
has_handle!(Searched, Result, "zgr_result");

/// A new handle.
pub fn open<C>(object: impl HasHandle) -> Outcome<*mut C> {
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
        last.checked_add(1)
    });
    let Ok(last) = last else {
        return Err(Failure::internal("all handles were used: start anew"));
    };
    let number = last + 1;
    let mut open = OPEN.write().unwrap_or_else(PoisonError::into_inner);
    open.insert(number, object.into_object());
    Ok(ptr::without_provenance_mut(number))
}

/// What a handle stands for.
pub fn find<T: HasHandle>(handle: usize) -> Outcome<Arc<T>> {
    let open = OPEN.read().unwrap_or_else(PoisonError::into_inner);
    let object = open.get(&handle).and_then(T::of);
    object.cloned().ok_or_else(|| {
        Failure::misuse(match handle {
            0 => format!("the {} is null", T::NAME),
            _ => format!("this is no open {}: closed, or of another kind", T::NAME),
        })
    })
}

/// Ends a handle, and gives what it stood for.
pub fn close(handle: usize) -> Outcome<Object> {
    let mut open = OPEN.write().unwrap_or_else(PoisonError::into_inner);
    let closed = open.remove(&handle);
    closed.ok_or_else(|| Failure::misuse("this is no open handle: closed already?"))
}

/// Whether a number is that of an open handle.
pub fn is_open(handle: usize) -> bool {
    let open = OPEN.read().unwrap_or_else(PoisonError::into_inner);
    open.contains_key(&handle)
}
