//! QEMU: where it is, how a machine is started, and its end.
//!
//! The machine has nothing that a host could see: no network, no disk, no file. It speaks by
//! three sockets that have no name anywhere: the agent's port, the serial console and QEMU's own
//! protocol. QEMU is killed with the thread that started it.

use super::accelerator::Accelerator;
use super::console::Console;
use super::qmp::Qmp;
use super::wire::PORT;
use super::{Spec, VmError};
use komod_kernel::identity::FileIdentity;
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::{File, Permissions};
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = "qemu-system-x86_64";
/// Where QEMU is beside `PATH` (RHEL and its relatives).
const ELSEWHERE: [&str; 1] = ["/usr/libexec/qemu-kvm"];
/// No defaults, no screen, no network; a reboot (`panic=-1`) ends QEMU.
pub(super) const PLAIN: &[&str] =
    &["-no-user-config", "-nodefaults", "-display", "none", "-no-reboot", "-nic", "none"];
/// Part of a snapshot's key: a snapshot fits only the machine that it was made on.
pub(super) const MACHINE: &str = "pc,hpet=off,memory-backend=ram";

/// The program.
#[derive(Debug, Clone)]
pub struct Qemu {
    pub(super) identity: FileIdentity,
}

impl Qemu {
    pub fn find() -> Result<Qemu, VmError> {
        let named = std::env::var_os("KOMOD_QEMU").map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let candidates: Vec<PathBuf> = match named {
            Some(named) => vec![named],
            None => std::env::split_paths(&path)
                .map(|folder| folder.join(PROGRAM))
                .chain(ELSEWHERE.iter().map(PathBuf::from))
                .collect(),
        };
        let identity = candidates.iter().filter(|c| c.is_file()).find_map(|c| FileIdentity::of(c));
        Ok(Qemu { identity: identity.ok_or(VmError::NoQemu)? })
    }

    pub fn program(&self) -> &Path {
        self.identity.path()
    }
}

/// A descriptor that a child has, as a file's name.
pub(super) fn descriptor_path(descriptor: i32) -> String {
    format!("/proc/self/fd/{descriptor}")
}

/// The memory of a machine.
#[derive(Debug, Clone, Copy)]
pub enum Memory<'a> {
    /// Nobody else's.
    Own,
    /// In this file, for others to copy.
    Written(&'a Path),
    /// That of this file; what the machine writes, the file does not see.
    Copied(&'a Path),
}

/// What a machine begins with.
pub enum Begin<'a> {
    Boot {
        kernel: &'a Path,
        initramfs: OwnedFd,
        command_line: &'a str,
    },
    /// The state of the devices comes over QMP.
    Wait,
}

pub struct Settings<'a> {
    pub accelerator: Accelerator,
    pub memory: Memory<'a>,
    pub spec: &'a Spec,
    pub begin: Begin<'a>,
}

/// A running QEMU; it ends with this value.
pub struct Machine {
    child: Child,
    pub port: UnixStream,
    pub qmp: Qmp,
    pub console: Console,
    /// What QEMU says of itself.
    errors: File,
}

impl Machine {
    pub fn start(qemu: &Qemu, settings: Settings<'_>) -> Result<Machine, VmError> {
        let pair = || UnixStream::pair().map_err(VmError::file("socketpair"));
        let ((port, its_port), (console, its_console), (qmp, its_qmp)) =
            (pair()?, pair()?, pair()?);
        let memfd = memfd_create("komod-qemu-errors", MemfdFlags::CLOEXEC)
            .map_err(|e| VmError::file("memfd")(e.into()))?;
        let errors = File::from(memfd);
        let mut command = Command::new(qemu.program());
        let Spec { megabytes, processors, gdb, .. } = settings.spec;
        command.args(PLAIN).args(settings.accelerator.arguments()).args(["-M", MACHINE]);
        command.args(["-smp", &processors.to_string(), "-m", &megabytes.to_string()]);
        command.args(["-object", &memory(settings.memory, *megabytes)]);
        for (id, socket) in [("port", &its_port), ("console", &its_console), ("qmp", &its_qmp)] {
            command.args(["-chardev", &format!("socket,id={id},fd={}", socket.as_raw_fd())]);
        }
        command
            .args(["-device", "virtio-serial-pci"])
            .args(["-device", &format!("virtserialport,chardev=port,name={PORT}")])
            .args(["-serial", "chardev:console", "-mon", "chardev=qmp,mode=control"]);
        let mut inherited: Vec<OwnedFd> = vec![its_port.into(), its_console.into(), its_qmp.into()];
        if let Some(path) = gdb {
            let listener = listener(path).map_err(VmError::file(path))?;
            let chardev = format!("socket,id=gdb,fd={},server=on,wait=off", listener.as_raw_fd());
            command.args(["-chardev", &chardev, "-gdb", "chardev:gdb"]);
            inherited.push(listener.into());
        }
        match settings.begin {
            Begin::Boot { kernel, initramfs, command_line } => {
                command.arg("-kernel").arg(kernel);
                command.args(["-initrd", &descriptor_path(initramfs.as_raw_fd())]);
                command.args(["-append", command_line]);
                inherited.push(initramfs);
            }
            Begin::Wait => {
                command.args(["-incoming", "defer"]);
            }
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors.try_clone().map_err(VmError::file("memfd"))?);
        komod_process::bound_child::bind(&mut command, inherited);
        let child = command.spawn().map_err(VmError::file(qemu.program()))?;
        // With it go our copies of QEMU's ends, so that its end is theirs.
        drop(command);
        let console = Console::new(console);
        let mut machine = Machine { child, port, qmp: Qmp::new(qmp)?, console, errors };
        match machine.qmp.begin() {
            Ok(()) => Ok(machine),
            Err(_) => Err(VmError::Start { said: machine.errors() }),
        }
    }

    /// What QEMU has said on its standard error.
    pub fn errors(&mut self) -> String {
        let mut text = Vec::new();
        let _ = self.errors.seek(SeekFrom::Start(0));
        let _ = self.errors.by_ref().take(1 << 16).read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Seconds of processor time that QEMU has used.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        cpu_ticks(&stat.unwrap_or_default()).unwrap_or(0) as f64
            / rustix::param::clock_ticks_per_second() as f64
    }

    /// Whether QEMU ends within this time, by itself.
    pub fn ends_within(&mut self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(5)),
                Ok(None) => return false,
                _ => return true,
            }
        }
    }

    /// Ends QEMU and gives all that the console said.
    pub fn last_words(&mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.console.finish();
        self.console.text()
    }
}

/// A socket that only this user may connect to.
fn listener(path: &Path) -> std::io::Result<UnixListener> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// The other ends of a machine that has no QEMU.
#[cfg(test)]
pub(super) struct Fake {
    pub port: UnixStream,
    pub console: UnixStream,
}

#[cfg(test)]
impl Machine {
    /// A machine whose QEMU is another program.
    pub fn fake(program: &str, arguments: &[&str]) -> (Machine, Fake) {
        let pair = || UnixStream::pair().unwrap();
        let ((port, its_port), (console, its_console), (qmp, _)) = (pair(), pair(), pair());
        let child = Command::new(program).args(arguments).spawn().unwrap();
        let errors = File::from(memfd_create("fake", MemfdFlags::CLOEXEC).unwrap());
        let (qmp, console) = (Qmp::new(qmp).unwrap(), Console::new(console));
        let machine = Machine { child, port, qmp, console, errors };
        (machine, Fake { port: its_port, console: its_console })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn memory(memory: Memory<'_>, megabytes: u32) -> String {
    let file = |path: &Path, share: &str| {
        // A comma in a value is written twice (QEMU's option syntax, qemu(1)).
        let path = path.display().to_string().replace(',', ",,");
        format!("memory-backend-file,id=ram,size={megabytes}M,mem-path={path},share={share}")
    };
    match memory {
        Memory::Own => format!("memory-backend-ram,id=ram,size={megabytes}M"),
        Memory::Written(path) => file(path, "on"),
        Memory::Copied(path) => file(path, "off"),
    }
}

/// `utime` and `stime` of `/proc/PID/stat` (proc(5)).
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    user.checked_add(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_the_14th_and_15th_field() {
        let stat = "9 (qemu (x) ) S 1 9 9 0 -1 4194560 100 0 0 0 70 5 0 0 20 0 4 0 99 1 1";
        assert_eq!(cpu_ticks(stat), Some(75));
        assert_eq!(cpu_ticks("torn"), None);
    }

    #[test]
    fn a_path_with_a_comma_stays_one_path() {
        let text = memory(Memory::Copied(Path::new("/a,b")), 64);
        assert_eq!(text, "memory-backend-file,id=ram,size=64M,mem-path=/a,,b,share=off");
    }
}
