//! L-49: the module's objects were compiled for another shape of the kernel's types
//!
//! # What
//! The module loads and nothing is logged, but its code reads and writes fields of the kernel's
//! structures where they are not. It corrupts memory or crashes later.
//!
//! # Why
//! Checksums are put into the module when it is linked (from the build tree's Module.symvers). An
//! object that was compiled earlier, against other headers, and is linked again gets fresh ones, so
//! the kernel's comparison passes. What was compiled is only seen in the debug information.
//!
//! # Example
//! ```text
//! $ cp old/stale.o . && make -C TREE M=$PWD modules     # stale.o is not compiled again
//! $ komod check stale.ko
//! note: struct timespec64: 24 bytes in the module, 16 in the kernel; tv_nsec: at 16, in the kernel
//!   at 8
//! # insmod stale.ko; dmesg | tail -1                    # after ktime_get_real_ts64(&now)
//! stale: -1 nanoseconds
//! ```
//!
//! # Way out
//! Delete the module's object files and build it again against this kernel. `komod build` sees by
//! itself what is stale.
