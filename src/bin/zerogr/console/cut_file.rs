//! What happens when a mapped file is cut by another program while it is in use.
//!
//! Reading a page that is no longer in the file is a signal, not an error, and its default is to
//! end the process without a word. Here it says what happened and ends with the status of a
//! failure. Nothing is lost by it: committed bytes are on the disk, and a commit that is not
//! complete does not count.
#![allow(unsafe_code)]

/// Has the signal end the process with a message.
#[cfg(unix)]
pub fn end_with_a_message() {
    let handler = say_and_exit as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the handler makes no calls but `write` and `_exit`, which may be called in a signal
    // handler (POSIX 2.4.3), and touches constant memory only.
    unsafe {
        libc::signal(libc::SIGBUS, handler);
    }
}

/// Other systems report it in ways of their own.
#[cfg(not(unix))]
pub fn end_with_a_message() {}

#[cfg(unix)]
extern "C" fn say_and_exit(_: libc::c_int) {
    const MESSAGE: &[u8] =
        b"zerogr: a file was cut or became unreadable while it was in use, most \
        likely the index; run the command again, with --no-mmap if another program writes to it\n";
    // SAFETY: as above; the pointer and the length are those of a constant.
    unsafe {
        libc::write(libc::STDERR_FILENO, MESSAGE.as_ptr().cast(), MESSAGE.len());
        libc::_exit(1);
    }
}
