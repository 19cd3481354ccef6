//! Loading with the image's own loader, as `insmod` does: a file, `finit_module(2)`, its flags.

use super::super::natives::{memory, random};
use super::super::{clock, files};

/// Where the file lies while it is loaded, on the kernel's root file system.
const FILE: &str = "/module.ko";
/// `MODULE_INIT_IGNORE_MODVERSIONS` and `MODULE_INIT_IGNORE_VERMAGIC` (include/uapi/linux/module.h).
const IGNORE_MODVERSIONS: u64 = 1;
const IGNORE_VERMAGIC: u64 = 2;

/// Loads a module: 0, or a negative errno. Runs on the task of the process that asked for it.
pub fn load_by_kernel(file: &[u8], request: &komod_load::Request) -> i64 {
    // That there is a file at all is no part of the load: the module shall find the time and the
    // random numbers it would find when komod's loader loads it.
    let fd = match clock::undisturbed(|| random::undisturbed(|| put(file))) {
        Ok(fd) => fd,
        Err(errno) => return -i64::from(errno),
    };
    let mut flags = 0;
    if request.ignore_modversions {
        flags |= IGNORE_MODVERSIONS;
    }
    if request.ignore_vermagic {
        flags |= IGNORE_VERMAGIC;
    }
    let params = memory::string(&request.params);
    let result = files::syscall("finit_module", &[fd, params.0, flags]);
    memory::release(params);
    clock::undisturbed(|| files::close(fd));
    result
}

/// A file descriptor of a file with this content. An open file needs no name, and without one it
/// is gone whatever happens to this task.
fn put(content: &[u8]) -> Result<u64, i32> {
    files::create(FILE, content)?;
    let fd = files::open_read(FILE);
    files::remove(FILE);
    fd
}
