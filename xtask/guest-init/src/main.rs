//! The guest's first process: mounts the usual file systems, does its jobs, reports, powers off.
//!
//! It is linked statically and started by the kernel from the initramfs. A failure here ends the
//! process, which the kernel answers with a panic, which the host sees.

#![forbid(unsafe_code)]

mod kmsg;

use guest_init::{
    DEBUG_PORT, JOBS_PATH, Job, NOT_WAITED, Report, Step, Who, module_name, parse_jobs,
};
use kmsg::KernelLog;
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use rustix::system::{RebootCommand, delete_module, finit_module, reboot, uname};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// `O_NONBLOCK`: `rmmod` never waits for a module's users to go.
const NO_WAIT: i32 = 0o4000;
/// A module that is busy only because its own work has not ended yet gets this many more tries.
const UNLOAD_TRIES: u32 = 10;
const UNLOAD_PAUSE: Duration = Duration::from_millis(20);

fn main() -> io::Result<()> {
    mount_all()?;
    let_go_of_the_console()?;
    work().inspect_err(|error| {
        // Nobody reads our standard error, but the kernel's log goes to the host.
        let _ = fs::write("/dev/kmsg", format!("<3>guest-init: {error}"));
    })
}

fn work() -> io::Result<()> {
    let mut guest = Guest {
        port: OpenOptions::new().read(true).write(true).open("/dev/port")?,
        log: KernelLog::open()?,
    };
    let jobs = parse_jobs(&fs::read_to_string(JOBS_PATH)?)
        .map_err(|line| io::Error::other(format!("{JOBS_PATH}: cannot understand {line:?}")))?;
    guest.say(&Report::Booted { release: uname().release().to_string_lossy().into_owned() })?;
    for job in &jobs {
        guest.run(job)?;
    }
    guest.say(&Report::Done)?;
    reboot(RebootCommand::PowerOff)?;
    Ok(())
}

/// The kernel gave us its console (a serial line) as standard files. Held open, it would be busy
/// for the modules that use serial lines.
fn let_go_of_the_console() -> io::Result<()> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    Ok(())
}

fn mount_all() -> io::Result<()> {
    for (kind, target) in [
        ("devtmpfs", "/dev"),
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("debugfs", "/sys/kernel/debug"),
        ("securityfs", "/sys/kernel/security"),
    ] {
        fs::create_dir_all(target)?;
        mount(kind, target, kind, MountFlags::empty(), None)?;
    }
    Ok(())
}

struct Guest {
    port: File,
    log: KernelLog,
}

impl Guest {
    /// One line on the debug console. `/dev/port` writes successive bytes to successive ports
    /// (Linux 6.1 `drivers/char/mem.c`), so each byte is a write of its own.
    fn say(&mut self, report: &Report) -> io::Result<()> {
        for byte in format!("{report}\n").as_bytes() {
            rustix::io::pwrite(&self.port, std::slice::from_ref(byte), DEBUG_PORT)?;
        }
        Ok(())
    }

    fn say_log(&mut self) -> io::Result<()> {
        for report in self.log.drain()? {
            self.say(&report)?;
        }
        Ok(())
    }

    fn run(&mut self, job: &Job) -> io::Result<()> {
        // What came up since the last job is nobody's.
        self.log.drain()?;
        self.say(&Report::Start { key: job.key.clone() })?;
        let mut loaded: Vec<String> = Vec::new();
        let mut failed = false;
        for step in &job.steps {
            match step {
                Step::Load { path, params } if !failed => {
                    let name = module_name(path);
                    let result = load(path, params);
                    match result {
                        0 => loaded.push(name.clone()),
                        // Left over from an earlier job or built in: usable, but not ours.
                        e if e == -Errno::EXIST.raw_os_error() => {}
                        _ => failed = true,
                    }
                    self.say(&Report::Loaded { name, result })?;
                }
                Step::Read { path } if !failed => self.read(path)?,
                Step::Write { path, text } if !failed => {
                    let result = OpenOptions::new()
                        .write(true)
                        .open(path)
                        .and_then(|mut f| io::Write::write(&mut f, text.as_bytes()));
                    let result = result.map_or_else(errno, |n| n as i64);
                    self.say_log()?;
                    self.say(&Report::File { path: path.clone(), result })?;
                }
                Step::Load { .. } | Step::Read { .. } | Step::Write { .. } => {}
                Step::Settle { ms } => sleep(Duration::from_millis(*ms)),
                Step::Unload { name } => {
                    if loaded.contains(name) {
                        self.say_log()?;
                        let result = unload(name);
                        self.say(&Report::Unloaded { name: name.clone(), result })?;
                    }
                }
                Step::Insert { path, flags, who, params } => {
                    let result = insert(path, *flags, *who, params);
                    self.say_log()?;
                    self.say(&Report::Loaded { name: path.clone(), result })?;
                }
                Step::Remove { name } => {
                    let result = unload(name);
                    self.say_log()?;
                    self.say(&Report::Unloaded { name: name.clone(), result })?;
                }
            }
        }
        self.say_log()?;
        self.say(&Report::End { key: job.key.clone() })
    }

    fn read(&mut self, path: &str) -> io::Result<()> {
        let read = fs::read(path);
        let result = read.as_ref().map_or_else(errno_of, |d| d.len() as i64);
        // What the read made the kernel say comes before its result.
        self.say_log()?;
        self.say(&Report::File { path: path.to_owned(), result })?;
        for line in String::from_utf8_lossy(&read.unwrap_or_default()).lines() {
            self.say(&Report::Data { text: line.to_owned() })?;
        }
        Ok(())
    }
}

fn errno(e: io::Error) -> i64 {
    errno_of(&e)
}

/// The negative errno, as the system call returned it.
fn errno_of(e: &io::Error) -> i64 {
    -i64::from(e.raw_os_error().unwrap_or(Errno::IO.raw_os_error()))
}

fn insert(path: &str, flags: u32, who: Who, params: &str) -> i32 {
    let (own_path, own_params) = (path.to_owned(), params.to_owned());
    let other = move |drop: bool| {
        if drop {
            let none = CapabilitySet::empty();
            let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
            if let Err(e) = set_capabilities(None, none) {
                return -e.raw_os_error();
            }
        }
        load_with(&own_path, &own_params, flags)
    };
    let opened = |options: &OpenOptions, path: &Path| match options.open(path) {
        Ok(file) => finit(&file, params, flags),
        Err(e) => errno(e) as i32,
    };
    match who {
        Who::Root => other(false),
        Who::WriteOnly => opened(OpenOptions::new().write(true), Path::new(path)),
        Who::BeingWritten => match OpenOptions::new().append(true).open(path) {
            Ok(_writer) => opened(OpenOptions::new().read(true), Path::new(path)),
            Err(e) => errno(e) as i32,
        },
        Who::Folder => {
            let folder = Path::new(path).parent().unwrap_or(Path::new("/"));
            opened(OpenOptions::new().read(true), folder)
        }
        Who::Nobody => {
            std::thread::spawn(move || other(true)).join().unwrap_or(-Errno::IO.raw_os_error())
        }
        Who::Behind => {
            std::thread::spawn(move || other(false));
            sleep(Duration::from_millis(500));
            NOT_WAITED
        }
    }
}

fn load(path: &str, params: &str) -> i32 {
    load_with(path, params, 0)
}

fn load_with(path: &str, params: &str, flags: u32) -> i32 {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) => return errno(e) as i32,
    };
    finit(&file, params, flags)
}

fn finit(file: &File, params: &str, flags: u32) -> i32 {
    let Ok(params) = CString::new(params) else { return -Errno::INVAL.raw_os_error() };
    result(finit_module(file, &params, flags as _))
}

fn unload(name: &str) -> i32 {
    let Ok(name) = CString::new(name) else { return -Errno::INVAL.raw_os_error() };
    for _ in 1..UNLOAD_TRIES {
        match delete_module(&name, NO_WAIT) {
            Err(Errno::AGAIN) => sleep(UNLOAD_PAUSE),
            other => return result(other),
        }
    }
    result(delete_module(&name, NO_WAIT))
}

fn result(outcome: rustix::io::Result<()>) -> i32 {
    outcome.map_or_else(|e| -e.raw_os_error(), |()| 0)
}
