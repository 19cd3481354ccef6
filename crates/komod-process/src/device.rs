//! `ioctl(2)` on a file of the running kernel, for one who does not know the command's type.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The largest argument that a command's number can speak of (`_IOC_SIZEBITS`,
/// `include/uapi/asm-generic/ioctl.h` of Linux 6.1, has 14 bits).
const LARGEST: usize = 1 << 14;

/// The call with a plain number.
pub fn control(file: BorrowedFd<'_>, command: u32, value: u64) -> io::Result<i64> {
    // A number that happens to be an address of ours would let the driver write there.
    let page = u64::from(u16::MAX);
    if value > page {
        return Err(io::Error::from_raw_os_error(libc::EFAULT));
    }
    // SAFETY: no page of ours is at the addresses that are let through (`mmap_min_addr` keeps
    // them free), so a driver that takes the number for an address writes nowhere.
    result(unsafe { libc::ioctl(file.as_raw_fd(), command.into(), value) })
}

/// The call with a buffer, which is as the kernel leaves it.
pub fn control_with(file: BorrowedFd<'_>, command: u32, buffer: &mut [u8]) -> io::Result<i64> {
    // The driver writes what the command says, not what the caller has.
    let mut room = vec![0u8; buffer.len().max(LARGEST)];
    let (start, _) = room.split_at_mut(buffer.len());
    start.copy_from_slice(buffer);
    // SAFETY: `room` is writable, and as large as an argument can be by the command's number.
    let outcome =
        result(unsafe { libc::ioctl(file.as_raw_fd(), command.into(), room.as_mut_ptr()) });
    let (start, _) = room.split_at(buffer.len());
    buffer.copy_from_slice(start);
    outcome
}

fn result(result: i32) -> io::Result<i64> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        n => Ok(n.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn a_pipe_tells_what_is_in_it() {
        const FIONREAD: u32 = 0x541b;
        let (reader, mut writer) = std::io::pipe().unwrap();
        std::io::Write::write_all(&mut writer, b"abc").unwrap();
        let mut count = [0; 4];
        assert_eq!(control_with(reader.as_fd(), FIONREAD, &mut count).unwrap(), 0);
        assert_eq!(u32::from_le_bytes(count), 3);
        let null = File::open("/dev/null").unwrap();
        let e = control(null.as_fd(), 0x1234, 5).unwrap_err();
        assert_eq!(e.raw_os_error(), Some(libc::ENOTTY));
        let e = control(null.as_fd(), 0x1234, u64::MAX).unwrap_err();
        assert_eq!(e.raw_os_error(), Some(libc::EFAULT));
    }
}
