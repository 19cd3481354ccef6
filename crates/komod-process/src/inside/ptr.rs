//! Pointers into the kernel's memory.

use super::region;

/// An address as the kernel holds it. Reading and writing is confined to the kernel's own regions,
/// which no Rust object ever lives in: a wild value is a fault
/// of the code that passed it, never corruption of our own state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct Ptr(pub u64);

/// Plain values that may lie in kernel memory.
///
/// # Safety
/// Every bit pattern must be a value of the type.
pub unsafe trait Plain: Copy {}
// SAFETY: every bit pattern is an integer.
unsafe impl Plain for u8 {}
// SAFETY: as above.
unsafe impl Plain for u16 {}
// SAFETY: as above.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for i16 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
// SAFETY: as above.
unsafe impl Plain for i32 {}
// SAFETY: as above.
unsafe impl Plain for i64 {}
// SAFETY: a transparent u64.
unsafe impl Plain for Ptr {}

impl Ptr {
    pub const NULL: Ptr = Ptr(0);

    pub fn is_null(self) -> bool {
        self.0 == 0
    }

    /// `ERR_PTR` values: the last page of the address space (include/linux/err.h).
    pub fn is_error(self) -> bool {
        self.0 > u64::MAX - 4096
    }

    /// `ERR_PTR(-errno)`.
    pub fn error(errno: i32) -> Ptr {
        Ptr((-i64::from(errno)) as u64)
    }

    pub fn at(self, offset: impl Into<u64>) -> Ptr {
        Ptr(self.0.wrapping_add(offset.into()))
    }

    fn check(self, len: usize) {
        if !region::is_kernel_memory(self.0, len as u64) {
            super::exceptions::bad_pointer(self.0);
        }
    }

    pub fn read<T: Plain>(self) -> T {
        self.check(size_of::<T>());
        // SAFETY: the address lies in a region mapped for the kernel alone (checked), and every
        // bit pattern is a T; a hole in the region traps and is handled as the kernel's fault.
        unsafe { (self.0 as *const T).read_unaligned() }
    }

    pub fn write<T: Plain>(self, value: T) {
        self.check(size_of::<T>());
        // SAFETY: as in `read`; no Rust object lives in these regions.
        unsafe { (self.0 as *mut T).write_unaligned(value) }
    }

    pub fn fill(self, byte: u8, len: u64) {
        self.check(len as usize);
        // SAFETY: as in `write`.
        unsafe { std::ptr::write_bytes(self.0 as *mut u8, byte, len as usize) }
    }

    /// Copies `len` bytes from another place in kernel memory; the ranges may overlap.
    pub fn copy_from(self, source: Ptr, len: u64) {
        self.check(len as usize);
        source.check(len as usize);
        // SAFETY: both ranges lie in the kernel's memory (checked).
        unsafe { std::ptr::copy(source.0 as *const u8, self.0 as *mut u8, len as usize) }
    }

    pub fn write_bytes(self, bytes: &[u8]) {
        self.check(bytes.len());
        // SAFETY: the target lies in the kernel's memory (checked), the source is a slice.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.0 as *mut u8, bytes.len()) }
    }

    pub fn read_bytes(self, len: usize) -> Vec<u8> {
        self.check(len);
        let mut bytes = vec![0; len];
        // SAFETY: the source lies in the kernel's memory (checked), the target is a Vec.
        unsafe { std::ptr::copy_nonoverlapping(self.0 as *const u8, bytes.as_mut_ptr(), len) };
        bytes
    }

    /// A NUL-terminated string of at most `max` bytes; empty for a pointer elsewhere.
    pub fn read_string(self, max: usize) -> String {
        let mut bytes = Vec::new();
        while bytes.len() < max {
            let at = self.at(bytes.len() as u64);
            if !region::is_kernel_memory(at.0, 1) {
                break;
            }
            match at.read::<u8>() {
                0 => break,
                b => bytes.push(b),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
