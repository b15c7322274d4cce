//! Pointers and lengths of C, and what they become here.
//!
//! Every function is `unsafe` for the same reason, which the header tells C under "Arguments": a pointer
//! that is not null leads to as many bytes as are said with it, to a text that ends with a zero byte
//! where `ZGR_NTS` is said, or to a place for what is written through it; and nobody changes the bytes
//! during the call.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::{ptr, slice, str};

use crate::failure::{Failure, Outcome};
use crate::types::{
    ZGR_NTS, zgr_create_options, zgr_document, zgr_hit, zgr_open_options, zgr_progress,
    zgr_search_options, zgr_snippet_options, zgr_train_options,
};

/// A struct of the header that begins with its own size.
///
/// # Safety
///
/// It is `repr(C)`, begins with a `usize`, and is valid where all its bytes are zero.
pub unsafe trait Struct: Copy {
    /// Its name in C.
    const NAME: &'static str;
    /// Its size when it was first published; once it has grown, where its first new field begins.
    const FIRST_SIZE: usize;
}

macro_rules! structs {
    ($($name:ident),*) => { $(
        // SAFETY: it is, as can be seen in `types`: numbers, and pointers that may be null.
        unsafe impl Struct for $name {
            const NAME: &'static str = stringify!($name);
            const FIRST_SIZE: usize = size_of::<$name>();
        }
    )* };
}

structs!(
    zgr_open_options,
    zgr_create_options,
    zgr_document,
    zgr_train_options,
    zgr_search_options,
    zgr_hit,
    zgr_snippet_options
);

/// A larger `struct_size` is a variable that was not set.
const MAX_STRUCT_BYTES: usize = 1024;

/// The size that the caller's struct says it has.
unsafe fn size_of_callers<T: Struct>(pointer: *const T) -> Outcome<usize> {
    // SAFETY: every struct begins with its size.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    match (T::FIRST_SIZE..=MAX_STRUCT_BYTES).contains(&size) {
        true => Ok(size),
        false => Err(Failure::misuse(format!(
            "struct_size is {size}: set it to sizeof({})",
            T::NAME
        ))),
    }
}

/// A struct that the caller may have from another version of the header: what a shorter one lacks is
/// zero, and what a longer one has more must be zero. Null is all zeros.
pub unsafe fn read<T: Struct>(pointer: *const T) -> Outcome<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    if !pointer.is_null() {
        // SAFETY: the caller's struct has as many bytes as it says.
        let bytes = unsafe {
            let size = size_of_callers(pointer)?;
            slice::from_raw_parts(pointer.cast::<u8>(), size)
        };
        let (known, unknown) = bytes.split_at(bytes.len().min(size_of::<T>()));
        if unknown.iter().any(|&byte| byte != 0) {
            return Err(Failure::misuse(format!(
                "{} asks for something that this version of the library does not know",
                T::NAME
            )));
        }
        // SAFETY: both are as long, and they are apart.
        unsafe { ptr::copy_nonoverlapping(known.as_ptr(), value.as_mut_ptr().cast(), known.len()) };
    }
    // SAFETY: zeros are valid, and so is what C wrote into fields of these types.
    Ok(unsafe { value.assume_init() })
}

/// Where a struct goes that the caller may know by another version of the header.
pub struct Place<T> {
    pointer: *mut T,
    size: usize,
}

/// Looks at a struct that is to be filled.
pub unsafe fn place<T: Struct>(pointer: *mut T) -> Outcome<Place<T>> {
    if pointer.is_null() {
        return Err(Failure::misuse(format!("the {} is null", T::NAME)));
    }
    // SAFETY: it is not null, so it leads to a struct.
    let size = unsafe { size_of_callers(pointer)? };
    Ok(Place { pointer, size })
}

impl<T: Struct> Place<T> {
    /// Writes all of it but its size.
    pub fn fill(self, value: T) {
        let known = self.size.min(size_of::<T>());
        let head = size_of::<usize>();
        let from = (&raw const value).cast::<u8>();
        let to = self.pointer.cast::<u8>();
        // SAFETY: `place` was told of `size` bytes there, and found at least those of the first version.
        unsafe {
            ptr::copy_nonoverlapping(from.add(head), to.add(head), known - head);
            ptr::write_bytes(to.add(known), 0, self.size - known);
        }
    }
}

/// Where a value goes that a function gives.
pub struct Out<T>(*mut T);

/// A place that must be there; `value` is in it from now on.
pub unsafe fn out<T>(pointer: *mut T, value: T, name: &str) -> Outcome<Out<T>> {
    match pointer.is_null() {
        true => Err(Failure::misuse(format!("{name} is null"))),
        // SAFETY: as said above.
        false => Ok(unsafe { optional_out(pointer, value) }),
    }
}

/// A place that need not be there.
pub unsafe fn optional_out<T>(pointer: *mut T, value: T) -> Out<T> {
    let out = Out(pointer);
    out.set(value);
    out
}

impl<T> Out<T> {
    /// Writes what is made for it, if there is a place.
    pub fn set_if_wanted(&self, value: impl FnOnce() -> Outcome<T>) -> Outcome {
        match self.0.is_null() {
            true => Ok(()),
            false => value().map(|value| self.set(value)),
        }
    }

    /// Writes the value, if there is a place for it.
    pub fn set(&self, value: T) {
        if !self.0.is_null() {
            // SAFETY: it leads to a place for a `T`, which may not have a value yet.
            unsafe { self.0.write(value) }
        }
    }
}

/// Bytes; null is none.
unsafe fn bytes<'a>(
    data: *const c_char,
    len_bytes: usize,
    name: &str,
) -> Outcome<Option<&'a [u8]>> {
    match (data.is_null(), len_bytes) {
        (true, _) => Ok(None),
        // SAFETY: it ends with a zero byte.
        (_, ZGR_NTS) => Ok(Some(unsafe { CStr::from_ptr(data) }.to_bytes())),
        (_, len) if isize::try_from(len).is_err() => {
            Err(Failure::misuse(format!("the length of {name} is {len}")))
        }
        // SAFETY: there are so many bytes.
        (_, len) => Ok(Some(unsafe { slice::from_raw_parts(data.cast(), len) })),
    }
}

/// A text that may be null.
pub unsafe fn optional_text<'a>(
    data: *const c_char,
    len_bytes: usize,
    name: &str,
) -> Outcome<Option<&'a str>> {
    // SAFETY: as said above.
    let bytes = unsafe { bytes(data, len_bytes, name)? };
    let text = bytes.map(str::from_utf8).transpose();
    text.map_err(|error| Failure::invalid(format!("{name} is not UTF-8: {error}")))
}

/// A text.
pub unsafe fn text<'a>(data: *const c_char, len_bytes: usize, name: &str) -> Outcome<&'a str> {
    // SAFETY: as said above.
    let text = unsafe { optional_text(data, len_bytes, name)? };
    text.ok_or_else(|| Failure::misuse(format!("{name} is null")))
}

/// A path: on Unix any bytes, elsewhere UTF-8.
pub unsafe fn path(data: *const c_char, len_bytes: usize, name: &str) -> Outcome<PathBuf> {
    #[cfg(unix)]
    {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
        // SAFETY: as said above.
        let bytes = unsafe { bytes(data, len_bytes, name)? };
        let bytes = bytes.ok_or_else(|| Failure::misuse(format!("{name} is null")))?;
        Ok(OsStr::from_bytes(bytes).into())
    }
    #[cfg(not(unix))]
    // SAFETY: as said above.
    Ok(unsafe { text(data, len_bytes, name)? }.into())
}

/// The caller's function that is told of progress.
pub struct Listener {
    callback: zgr_progress,
    context: *mut c_void,
}

impl Listener {
    /// # Safety
    ///
    /// The callback, if there is one, can be called with the context until the call ends.
    pub unsafe fn new(callback: zgr_progress, context: *mut c_void) -> Self {
        Listener { callback, context }
    }

    /// Tells it, and says whether to go on.
    pub fn tell(&self, stage: &CStr, done: usize, total: usize) -> bool {
        match self.callback {
            // SAFETY: `new` was promised that it can be called.
            Some(callback) => unsafe { callback(self.context, stage.as_ptr(), done, total) == 0 },
            None => true,
        }
    }
}
