//! This machine.

use super::kernel_log::{KernelLog, Kmsg};
use super::kernel_ring::{KernelRecords, LogControl, LogStart, Ring};
use super::{Host, LoadFlags, Removal, libc_calls};
use std::ffi::{CStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::path::Path;

/// More of a file of `/proc` or `/sys` is not read: `/proc/modules` of a kernel with every module
/// of a distribution has about half a megabyte.
const MAX_FILE: u64 = 16 << 20;

/// The kernel this process runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealHost;

impl Host for RealHost {
    fn finit_module(
        &self,
        file: BorrowedFd<'_>,
        parameters: &CStr,
        flags: LoadFlags,
    ) -> io::Result<()> {
        libc_calls::finit(file, parameters, flags)
    }

    fn init_module(&self, image: &[u8], parameters: &CStr) -> io::Result<()> {
        libc_calls::init(image, parameters)
    }

    fn delete_module(&self, name: &CStr, how: Removal) -> io::Result<()> {
        libc_calls::delete(name, how)
    }

    fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        let mut contents = Vec::new();
        File::open(file)?.take(MAX_FILE).read_to_end(&mut contents)?;
        Ok(contents)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        std::fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    fn release(&self) -> io::Result<String> {
        libc_calls::release()
    }

    fn kernel_log(&self) -> io::Result<Box<dyn KernelLog>> {
        Ok(Box::new(Kmsg::open()?))
    }

    fn kernel_records(&self, start: LogStart, wait: bool) -> io::Result<Box<dyn KernelRecords>> {
        Ok(Box::new(Ring::open(start, wait)?))
    }

    fn read_log(&self, size: Option<u32>) -> io::Result<Vec<u8>> {
        libc_calls::read_log(size)
    }

    fn control_log(&self, what: LogControl) -> io::Result<()> {
        libc_calls::control_log(what)
    }
}
