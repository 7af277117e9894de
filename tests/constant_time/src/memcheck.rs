//! The client requests of Valgrind's memcheck (its `valgrind.h` and `memcheck.h`), on x86-64. Outside of Valgrind they do nothing.

use std::arch::asm;

const RUNNING_ON_VALGRIND: usize = 0x1001;
const COUNT_ERRORS: usize = 0x1201;
const MAKE_MEM_UNDEFINED: usize = 0x4d43_0001;
const MAKE_MEM_DEFINED: usize = 0x4d43_0002;
const SET_VBITS: usize = 0x4d43_0009;

fn request(code: usize, first: usize, second: usize, third: usize) -> usize {
    let arguments = [code, first, second, third, 0, 0];
    let result: usize;
    // SAFETY: four rotations by 128 bits in all and an exchange of a register with itself do nothing. Valgrind knows the sequence, reads the
    // six words at RAX and writes RDX.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") arguments.as_ptr(),
            inout("rdx") 0usize => result,
        );
    }
    result
}

pub fn is_here() -> bool {
    request(RUNNING_ON_VALGRIND, 0, 0, 0) > 0
}

/// Errors so far, but for those in `public.supp`.
pub fn errors() -> usize {
    request(COUNT_ERRORS, 0, 0, 0)
}

/// What is here is a secret: no branch and no address may depend on it.
pub fn hide(bytes: &[u8]) {
    request(MAKE_MEM_UNDEFINED, bytes.as_ptr() as usize, bytes.len(), 0);
}

/// As [`hide`], for the lower four bits of each byte.
pub fn hide_low_bits(bytes: &[u8]) {
    let hidden = vec![0x0f; bytes.len()];
    let (at, hidden) = (bytes.as_ptr() as usize, hidden.as_ptr() as usize);
    request(SET_VBITS, at, hidden, bytes.len());
}

/// What is here is known to everybody, for this reason.
pub fn reveal<T>(what: &[T], _why: &str) {
    let at = what.as_ptr() as usize;
    request(MAKE_MEM_DEFINED, at, size_of_val(what), 0);
}
