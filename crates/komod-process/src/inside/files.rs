//! Files of the kernel's own VFS, through its own system calls.

use super::kernel;
use super::natives::memory;
use super::ptr::Ptr;
use crate::protocol::Entry;

const O_RDONLY: u64 = 0;
const O_WRONLY: u64 = 1;
const O_RDWR: u64 = 2;
const O_CREAT: u64 = 0o100;
const O_TRUNC: u64 = 0o1000;
const O_APPEND: u64 = 0o2000;
const O_DIRECTORY: u64 = 0o200_000;
const O_NOATIME: u64 = 0o1_000_000;
const ENOSPC: i32 = 28;
/// Beyond this, one buffer is used again and again.
const CHUNK: u64 = 64 * 1024;
/// Words of `struct pt_regs` before `di`, and the order of system call arguments in it
/// (arch/x86/include/asm/syscall_wrapper.h): di, si, dx, r10, r8, r9.
const ARGUMENTS: [u64; 6] = [14, 13, 12, 7, 9, 8];

/// A system call by its name, as user space would make it. Answers `-errno` for failures.
pub fn syscall(name: &str, arguments: &[u64]) -> i64 {
    let Some(function) = kernel::function(&format!("__x64_sys_{name}")) else {
        return -38; // ENOSYS
    };
    let regs = memory::internal(21 * 8, 16);
    for (value, word) in arguments.iter().zip(ARGUMENTS) {
        regs.at(8 * word).write(*value);
    }
    let result = kernel::call_at(function, &[regs.0]) as i64;
    memory::release(regs);
    back_to_user_space();
    result
}

/// What runs on the way back to user space: the last fput of a closed file.
pub fn back_to_user_space() {
    kernel::call("task_work_run", &[]);
}

/// A NUL-terminated copy for the time of a call.
fn with_string<R>(text: &str, f: impl FnOnce(Ptr) -> R) -> R {
    let at = memory::string(text);
    let result = f(at);
    memory::release(at);
    result
}

fn open(path: &str, flags: u64) -> Result<u64, i32> {
    match with_string(path, |p| syscall("open", &[p.0, flags, 0o644])) {
        fd if fd >= 0 => Ok(fd as u64),
        error => Err(-error as i32),
    }
}

pub fn close(fd: u64) {
    syscall("close", &[fd]);
}

/// A file descriptor to read from, without a trace in the file's times.
pub fn open_read(path: &str) -> Result<u64, i32> {
    open(path, O_RDONLY | O_NOATIME)
}

/// Makes a file (or replaces it) with this content.
pub fn create(path: &str, data: &[u8]) -> Result<(), i32> {
    let fd = open(path, O_WRONLY | O_CREAT | O_TRUNC)?;
    let result = write_all(fd, data);
    close(fd);
    match result? {
        n if n == data.len() as i64 => Ok(()),
        _ => Err(ENOSPC),
    }
}

pub fn remove(path: &str) {
    with_string(path, |p| syscall("unlink", &[p.0]));
}

/// The content of a file, up to `limit` bytes.
pub fn read(path: &str, limit: u64) -> Result<Vec<u8>, i32> {
    let mut content = Vec::new();
    read_to(path, limit, &mut |bytes| content.extend(bytes)).map(|()| content)
}

/// As [`read`], handing on each piece as it comes.
pub fn read_to(path: &str, limit: u64, each: &mut dyn FnMut(Vec<u8>)) -> Result<(), i32> {
    let fd = open(path, O_RDONLY)?;
    let buffer = memory::internal(CHUNK, 4096);
    let mut left = limit;
    let mut result = Ok(());
    while left > 0 {
        let want = CHUNK.min(left);
        match syscall("read", &[fd, buffer.0, want]) {
            0 => break,
            n if n > 0 => {
                let n = (n as u64).min(want);
                left -= n;
                each(buffer.read_bytes(n as usize));
            }
            error => {
                result = Err(-error as i32);
                break;
            }
        }
    }
    memory::release(buffer);
    close(fd);
    result
}

/// Writes all of `data`; tells how many bytes were taken.
pub fn write(path: &str, data: &[u8], append: bool) -> Result<i64, i32> {
    let fd = open(path, if append { O_WRONLY | O_APPEND } else { O_WRONLY | O_TRUNC })?;
    let result = write_all(fd, data);
    close(fd);
    result
}

/// Writes until everything or nothing more is taken; empty data is one empty write.
fn write_all(fd: u64, data: &[u8]) -> Result<i64, i32> {
    let buffer = memory::internal(CHUNK, 4096);
    let mut written = 0i64;
    let mut result = Ok(());
    loop {
        let rest = data.get(written as usize..).unwrap_or_default();
        let part = &rest[..rest.len().min(CHUNK as usize)];
        if part.is_empty() && written > 0 {
            break;
        }
        buffer.write_bytes(part);
        match syscall("write", &[fd, buffer.0, part.len() as u64]) {
            n if n > 0 => written += n.min(part.len() as i64),
            0 => break,
            error => {
                result = Err(-error as i32);
                break;
            }
        }
    }
    memory::release(buffer);
    result.map(|()| written)
}

/// `ioctl`: with a buffer, its address is the argument and its content comes back.
pub fn ioctl(path: &str, command: u32, value: u64, data: &[u8]) -> Result<(i64, Vec<u8>), i32> {
    let fd = open(path, O_RDWR).or_else(|_| open(path, O_RDONLY))?;
    let buffer = memory::internal(data.len().max(1) as u64, 16);
    buffer.write_bytes(data);
    let argument = if data.is_empty() { value } else { buffer.0 };
    let result = syscall("ioctl", &[fd, u64::from(command), argument]);
    let back = buffer.read_bytes(data.len());
    memory::release(buffer);
    close(fd);
    if (-4095..0).contains(&result) { Err(-result as i32) } else { Ok((result, back)) }
}

/// Directory entries without `.` and `..`, sorted by name.
pub fn list(path: &str) -> Result<Vec<Entry>, i32> {
    let fd = open(path, O_RDONLY | O_DIRECTORY)?;
    let buffer = memory::internal(CHUNK, 4096);
    let mut entries = Vec::new();
    let mut result = Ok(());
    loop {
        match syscall("getdents64", &[fd, buffer.0, CHUNK]) {
            0 => break,
            n if n > 0 => parse_entries(&buffer.read_bytes(n as usize), &mut entries),
            error => {
                result = Err(-error as i32);
                break;
            }
        }
    }
    memory::release(buffer);
    close(fd);
    entries.sort_by(|a: &Entry, b: &Entry| a.name.cmp(&b.name));
    result.map(|()| entries)
}

/// `struct linux_dirent64` (getdents64(2)): inode, offset, record length, type, name.
fn parse_entries(mut bytes: &[u8], entries: &mut Vec<Entry>) {
    while bytes.len() > 19 {
        let inode = u64::from_le_bytes(bytes[..8].try_into().unwrap_or_default());
        let length = usize::from(u16::from_le_bytes([bytes[16], bytes[17]]));
        let Some(record) = bytes.get(19..length) else { break };
        let name: Vec<u8> = record.iter().copied().take_while(|b| *b != 0).collect();
        let name = String::from_utf8_lossy(&name).into_owned();
        if name != "." && name != ".." {
            entries.push(Entry { name, inode, kind: bytes[18] });
        }
        bytes = &bytes[length..];
    }
}

/// Mounts what user space would mount first.
pub fn mount_all() {
    const MOUNTS: [(&str, &str); 5] = [
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("devtmpfs", "/dev"),
        ("debugfs", "/sys/kernel/debug"),
        ("securityfs", "/sys/kernel/security"),
    ];
    for (kind, path) in MOUNTS {
        let (kind, path) = (memory::string(kind), memory::string(path));
        kernel::call("init_mkdir", &[path.0, 0o755]);
        kernel::call("init_mount", &[kind.0, path.0, kind.0, 0, 0]);
        memory::release(kind);
        memory::release(path);
    }
}
