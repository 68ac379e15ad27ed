//! A shared object for `LD_PRELOAD` that moves a process's wall clock and boot clock. The test compiles it with `rustc`.
//!
//! It overwrites the beginning of the vDSO's clock function with a jump to its own function, so that every reader in
//! the process gets the moved clocks: libc, std, and rustix, which finds the vDSO without libc. It needs `unsafe`, which
//! the crate itself forbids: raw system calls, and code that is written into memory.
//!
//! `CLOCK_OFFSETS` names a file of two i64 in native byte order, the nanoseconds to add to the wall clock and to the
//! boot clock. The file is mapped, so that the test moves the clocks by writing to it. CLOCK_MONOTONIC is unchanged: if
//! only the boot clock moves, the machine has slept.

use std::arch::asm;
use std::ffi::{c_char, c_int, c_void};
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::ptr::{null_mut, with_exposed_provenance_mut};
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
compile_error!("the jump consists of x86-64 instructions");

#[repr(C)]
pub struct Timespec {
    seconds: i64,
    nanos: i64,
}

unsafe extern "C" {
    fn mmap(
        at: *mut c_void,
        bytes: usize,
        access: c_int,
        flags: c_int,
        fd: c_int,
        from: i64,
    ) -> *mut c_void;
    fn mprotect(at: *mut c_void, bytes: usize, access: c_int) -> c_int;
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

static OFFSETS: AtomicPtr<[AtomicI64; 2]> = AtomicPtr::new(null_mut());

/// The loader runs it before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

extern "C" fn start() {
    let path = std::env::var_os("CLOCK_OFFSETS").expect("CLOCK_OFFSETS names a file");
    let file = File::open(path).expect("CLOCK_OFFSETS can be read");
    // SAFETY: the file is as long as the mapping, which outlives its descriptor. The vDSO is mapped for the
    // life of the process; its clock function is aligned to 16 bytes, so 12 of them are its own.
    unsafe {
        // PROT_READ, MAP_SHARED.
        let offsets = mmap(null_mut(), 16, 1, 1, file.as_raw_fd(), 0);
        assert!(offsets.addr() != usize::MAX, "cannot map CLOCK_OFFSETS");
        OFFSETS.store(offsets.cast(), Ordering::SeqCst);
        // RTLD_LAZY | RTLD_NOLOAD: it is already loaded.
        let vdso = dlopen(c"linux-vdso.so.1".as_ptr(), 1 | 4);
        assert!(!vdso.is_null(), "the process has no vDSO");
        let function = dlsym(vdso, c"__vdso_clock_gettime".as_ptr());
        assert!(!function.is_null(), "the vDSO has no clock function");
        let page = with_exposed_provenance_mut(function.expose_provenance() & !4095);
        // PROT_READ | PROT_WRITE | PROT_EXEC; the code may end on the next page.
        let writable = mprotect(page, 8192, 7);
        assert!(writable == 0, "the kernel refuses writes to the vDSO");
        // mov rax, clock_gettime; jmp rax
        let mut jump = [0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0];
        let target = clock_gettime as extern "C" fn(c_int, *mut Timespec) -> c_int;
        jump[2..10].copy_from_slice(&(target as usize).to_ne_bytes());
        function.cast::<[u8; 12]>().write_unaligned(jump);
    }
}

extern "C" fn clock_gettime(clock: c_int, out: *mut Timespec) -> c_int {
    let mut result: i64 = 228;
    // SAFETY: SYS_clock_gettime writes a timespec to `out`, as the caller expects of the function that this replaces.
    unsafe {
        asm!("syscall", inlateout("rax") result, in("rdi") i64::from(clock), in("rsi") out,
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    // CLOCK_REALTIME and CLOCK_REALTIME_COARSE; CLOCK_BOOTTIME.
    let which = match clock {
        0 | 5 => 0,
        7 => 1,
        _ => return result as c_int,
    };
    if result == 0 {
        // SAFETY: the system call has written `out`; the offsets stay mapped.
        unsafe {
            let offset = (&(*OFFSETS.load(Ordering::Relaxed)))[which].load(Ordering::Relaxed);
            let nanos = (*out).nanos + offset.rem_euclid(1_000_000_000);
            (*out).seconds += offset.div_euclid(1_000_000_000) + nanos / 1_000_000_000;
            (*out).nanos = nanos % 1_000_000_000;
        }
    }
    result as c_int
}
