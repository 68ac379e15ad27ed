//! A preloaded object that traces the file operations of a process below one folder.
//!
//! tests/reliability/power_loss.rs builds it with rustc (`--crate-type cdylib`) and names it in `LD_PRELOAD`. It wraps
//! the C library's file functions that Rust's standard library calls, and appends a record to the trace after each call
//! that succeeds; a sync has two records, one before it begins and one before it returns. Operations by other functions
//! are not traced: the test compares the traced content with the folder at the end.
//!
//! It is outside the crate because it needs `unsafe`, which the crate forbids. Linux, 64 bits.

use std::env;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// The absolute path of the traced folder.
const FOLDER: &str = "FILE_TRACE_FOLDER";
/// The absolute path of the trace file, outside that folder.
const TRACE: &str = "FILE_TRACE_OUTPUT";

const RTLD_NEXT: *mut c_void = -1_isize as *mut c_void;
const O_WRONLY: c_int = 0o1;
const O_CREAT: c_int = 0o100;
const O_TRUNC: c_int = 0o1000;
const O_APPEND: c_int = 0o2000;
const O_CLOEXEC: c_int = 0o2000000;
const SEEK_CUR: c_int = 1;

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn lseek64(file: c_int, offset: i64, whence: c_int) -> i64;
}

/// The C library's own function. Unsafe: `$type` must be the type that the C library declares.
macro_rules! next {
    ($name:literal as $type:ty) => {{
        static NEXT: OnceLock<usize> = OnceLock::new();
        let found = *NEXT.get_or_init(|| dlsym(RTLD_NEXT, $name.as_ptr()) as usize);
        assert_ne!(found, 0, "the C library has no {:?}", $name);
        std::mem::transmute::<usize, $type>(found)
    }};
}

type Open = unsafe extern "C" fn(*const c_char, c_int, c_uint) -> c_int;
type Write = unsafe extern "C" fn(c_int, *const c_void, usize) -> isize;
type WriteAt = unsafe extern "C" fn(c_int, *const c_void, usize, i64) -> isize;
type OfFile = unsafe extern "C" fn(c_int) -> c_int;
type Truncate = unsafe extern "C" fn(c_int, i64) -> c_int;
type OfPath = unsafe extern "C" fn(*const c_char) -> c_int;
type OfTwoPaths = unsafe extern "C" fn(*const c_char, *const c_char) -> c_int;
type MakeFolder = unsafe extern "C" fn(*const c_char, c_uint) -> c_int;

/// Which descriptors are files below the folder.
static TRACED: [AtomicBool; 4096] = [const { AtomicBool::new(false) }; 4096];
/// Locked during an operation and its record, so that records have the order of the operations.
static IN_ORDER: Mutex<()> = Mutex::new(());

fn in_order() -> MutexGuard<'static, ()> {
    IN_ORDER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn trace_file() -> c_int {
    static FILE: OnceLock<c_int> = OnceLock::new();
    *FILE.get_or_init(|| {
        let name = env::var_os(TRACE).expect(TRACE);
        let name = [name.as_bytes(), b"\0"].concat();
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
        // SAFETY: the name ends with a zero.
        let file = unsafe { next!(c"open64" as Open)(name.as_ptr().cast(), flags, 0o600) };
        assert!(file >= 0, "{TRACE} cannot be opened");
        file
    })
}

/// The path, if it is the folder or below it.
fn traced_path<'a>(path: *const c_char) -> Option<&'a [u8]> {
    static PREFIX: OnceLock<Vec<u8>> = OnceLock::new();
    let prefix = PREFIX.get_or_init(|| env::var_os(FOLDER).expect(FOLDER).as_bytes().to_vec());
    // SAFETY: the caller of the C library's function passes a C string.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    let rest = path.strip_prefix(prefix.as_slice())?;
    (rest.is_empty() || rest.starts_with(b"/")).then_some(path)
}

fn traced(file: c_int) -> Option<&'static AtomicBool> {
    TRACED.get(usize::try_from(file).ok()?)
}

fn is_traced(file: c_int) -> bool {
    traced(file).is_some_and(|traced| traced.load(Ordering::Relaxed))
}

/// Appends a record: its kind, the descriptor, a number, and two byte strings with their lengths. It is one write, so
/// that a reader sees complete records only.
fn record(kind: u8, file: c_int, at: i64, first: &[u8], second: &[u8]) {
    let mut bytes = vec![kind];
    bytes.extend(file.to_le_bytes());
    bytes.extend(at.to_le_bytes());
    for part in [first, second] {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend(part);
    }
    // SAFETY: the pointer and length are those of `bytes`.
    let written =
        unsafe { next!(c"write" as Write)(trace_file(), bytes.as_ptr().cast(), bytes.len()) };
    assert_eq!(written, bytes.len() as isize, "the trace cannot be written");
}

fn opened(name: *const c_char, flags: c_int, open: impl FnOnce() -> c_int) -> c_int {
    let _guard = in_order();
    let file = open();
    if file < 0 {
        return file;
    }
    let path = traced_path(name);
    if let Some(traced) = traced(file) {
        traced.store(path.is_some(), Ordering::Relaxed);
    } else {
        assert!(path.is_none(), "descriptor {file} is beyond those traced");
    }
    if let Some(path) = path {
        record(b'o', file, i64::from(flags & O_TRUNC), path, b"");
    }
    file
}

fn written(file: c_int, at: Option<i64>, buffer: *const c_void, count: isize) -> isize {
    if let Ok(length) = usize::try_from(count) {
        // SAFETY: the file is open, and the C library has just written these bytes.
        let (behind, bytes) = unsafe {
            (
                lseek64(file, 0, SEEK_CUR),
                std::slice::from_raw_parts(buffer.cast::<u8>(), length),
            )
        };
        record(b'w', file, at.unwrap_or(behind - count as i64), bytes, b"");
    }
    count
}

fn synced(file: c_int, sync: impl FnOnce() -> c_int) -> c_int {
    if !is_traced(file) {
        return sync();
    }
    {
        let _guard = in_order();
        record(b'b', file, 0, b"", b"");
    }
    let result = sync();
    if result == 0 {
        let _guard = in_order();
        record(b's', file, 0, b"", b"");
    }
    result
}

fn named(kind: u8, paths: [*const c_char; 2], name: impl FnOnce() -> c_int) -> c_int {
    let [Some(first), Some(second)] = paths.map(traced_path) else {
        return name();
    };
    let _guard = in_order();
    let result = name();
    if result == 0 {
        record(kind, -1, 0, first, second);
    }
    result
}

/// # Safety
/// As in the C library; the third argument is read only if the flags require it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(name: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    opened(name, flags, || unsafe {
        next!(c"open64" as Open)(name, flags, mode)
    })
}

/// # Safety
/// As in the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(name: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    opened(name, flags, || unsafe {
        next!(c"open" as Open)(name, flags, mode)
    })
}

/// # Safety
/// As in the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(file: c_int) -> c_int {
    if let Some(traced) = traced(file) {
        traced.store(false, Ordering::Relaxed);
    }
    unsafe { next!(c"close" as OfFile)(file) }
}

/// # Safety
/// As in the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(file: c_int, buffer: *const c_void, count: usize) -> isize {
    let write = unsafe { next!(c"write" as Write) };
    if !is_traced(file) {
        return unsafe { write(file, buffer, count) };
    }
    let _guard = in_order();
    written(file, None, buffer, unsafe { write(file, buffer, count) })
}

/// # Safety
/// As in the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(
    file: c_int,
    buffer: *const c_void,
    count: usize,
    at: i64,
) -> isize {
    let write = unsafe { next!(c"pwrite64" as WriteAt) };
    if !is_traced(file) {
        return unsafe { write(file, buffer, count, at) };
    }
    let _guard = in_order();
    written(file, Some(at), buffer, unsafe {
        write(file, buffer, count, at)
    })
}

/// # Safety
/// As in the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(file: c_int, length: i64) -> c_int {
    let truncate = unsafe { next!(c"ftruncate64" as Truncate) };
    if !is_traced(file) {
        return unsafe { truncate(file, length) };
    }
    let _guard = in_order();
    let result = unsafe { truncate(file, length) };
    if result == 0 {
        record(b't', file, length, b"", b"");
    }
    result
}

/// # Safety
/// As in the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(file: c_int) -> c_int {
    synced(file, || unsafe { next!(c"fsync" as OfFile)(file) })
}

/// # Safety
/// As in the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(file: c_int) -> c_int {
    synced(file, || unsafe { next!(c"fdatasync" as OfFile)(file) })
}

/// # Safety
/// As in the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    named(b'r', [from, to], || unsafe {
        next!(c"rename" as OfTwoPaths)(from, to)
    })
}

/// # Safety
/// As in the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(name: *const c_char) -> c_int {
    named(b'u', [name, name], || unsafe {
        next!(c"unlink" as OfPath)(name)
    })
}

/// # Safety
/// As in the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(name: *const c_char, mode: c_uint) -> c_int {
    named(b'm', [name, name], || unsafe {
        next!(c"mkdir" as MakeFolder)(name, mode)
    })
}
