//! How large a compressed module may get: a file of a few hundred KB can hold gigabytes of zeros.

/// No compressed file is larger than this.
pub const MAX_PACKED: u64 = 1 << 30;
/// A compressed file may always expand to this, and else
const MIN_UNPACKED: usize = 64 << 20;
/// to so many times its size (modules with debugging information reach about ten).
const MAX_RATIO: usize = 64;
/// The kernel itself reads no larger module (`kernel_read_file()` with INT_MAX, Linux 6.1).
const MAX_UNPACKED: usize = i32::MAX as usize;

/// The most bytes that a compressed file of this size may become.
pub fn limit(packed: usize) -> usize {
    packed.saturating_mul(MAX_RATIO).clamp(MIN_UNPACKED, MAX_UNPACKED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!((limit(0), limit(1 << 20)), (64 << 20, 64 << 20));
        assert_eq!((limit(2 << 20), limit(usize::MAX)), (128 << 20, i32::MAX as usize));
    }
}
