//! What the first process of a machine has to do before anything else.

use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use rustix::system::finit_module;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Where the initramfs has the drivers of the serial port, named in loading order.
pub const DRIVERS: &str = "/drivers";

const CLOCK_PATIENCE: Duration = Duration::from_secs(5);
const CLOCK_ROUND: Duration = Duration::from_millis(20);

pub fn mount_all() -> io::Result<()> {
    for (kind, target, needed) in [
        ("devtmpfs", "/dev", true),
        ("proc", "/proc", true),
        ("sysfs", "/sys", true),
        ("tmpfs", "/tmp", true),
        ("debugfs", "/sys/kernel/debug", false),
        ("tracefs", "/sys/kernel/tracing", false),
        ("securityfs", "/sys/kernel/security", false),
    ] {
        let made = fs::create_dir_all(target)
            .and_then(|()| Ok(mount(kind, target, kind, MountFlags::empty(), None)?));
        if needed {
            made.map_err(|e| io::Error::other(format!("mounting {target}: {e}")))?;
        }
    }
    Ok(())
}

/// The kernel gave us its console (a serial line) as standard files. Held open, it would be busy
/// for the modules that use serial lines.
pub fn let_go_of_the_console() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    Ok(())
}

/// The clock that the kernel begins with is measured again a second later (`tsc_refine_calibration`
/// in `arch/x86/kernel/tsc.c`, Linux 6.1), and the log says so; better now than in the middle of
/// somebody's module.
pub fn wait_for_the_clock() {
    const CURRENT: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let end = Instant::now() + CLOCK_PATIENCE;
    while fs::read_to_string(CURRENT).is_ok_and(|clock| clock.trim_end() == "tsc-early")
        && Instant::now() < end
    {
        sleep(CLOCK_ROUND);
    }
}

pub fn load_drivers() -> io::Result<()> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(DRIVERS).into_iter().flatten().flatten().map(|e| e.path()).collect();
    files.sort();
    for path in files {
        match finit_module(&File::open(&path)?, c"", 0) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(io::Error::other(format!("{}: {e}", path.display()))),
        }
    }
    Ok(())
}
