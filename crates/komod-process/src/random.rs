//! The random numbers of the running kernel, for one that wakes up as a copy of another.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;

/// `RNDRESEEDCRNG` (random(4), `include/uapi/linux/random.h` of Linux 6.1).
const RNDRESEEDCRNG: libc::c_ulong = 0x5207;

/// Mixes `seed` into the kernel's pool and makes it draw its key anew from the pool, so that two
/// copies of one machine part ways at once (without the second step, within a minute).
pub fn reseed(seed: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).open("/dev/urandom")?;
    file.write_all(seed)?;
    // SAFETY: this command takes no argument and touches no memory of ours.
    match unsafe { libc::ioctl(file.as_raw_fd(), RNDRESEEDCRNG) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
