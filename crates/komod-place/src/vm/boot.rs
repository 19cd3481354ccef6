//! A machine booted, up to the moment its agent listens.

use super::VmError;
use super::accelerator::Accelerator;
use super::qemu::{Begin, Machine, Memory, Qemu, Settings};
use super::wire::{self, Answer};
use super::{Spec, Step, initramfs};
use komod_kernel::identity::FileIdentity;
use komod_kernel::image;
use komod_kernel::map::publish;
use komod_process::protocol::{self, Reply};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What every machine's kernel is told. The console is for what the agent cannot tell; it is quiet,
/// because a character costs much under emulation, and has all of the log after a panic
/// (`panic_print=0x20`). `no_timer_check`,
/// `tsc=reliable`: the clocks of an emulated machine on a busy host are not to be judged.
/// `noreplace-smp`: the code stays as it is on real machines, with `lock` prefixes.
/// `cryptomgr.notests`: the kernel's crypto code was tested by others. `unknown_nmi_panic`: how a
/// machine that hangs is made to say where.
const COMMAND_LINE: &str = "console=ttyS0 quiet panic=-1 panic_print=0x20 printk.time=1 \
                            unknown_nmi_panic rdinit=/komod-agent tsc=reliable no_timer_check noreplace-smp \
                            cryptomgr.notests";
/// How long a boot may take, on a slow and busy host.
const PATIENCE: Duration = Duration::from_secs(120);
/// By KVM, it takes a second or two.
const KVM_PATIENCE: Duration = Duration::from_secs(30);
/// How long a message may take that has begun.
const MESSAGE: Duration = Duration::from_secs(5);
/// How often QEMU is looked after meanwhile.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };

pub fn command_line(append: &str) -> String {
    format!("{COMMAND_LINE} {append}").trim_end().to_owned()
}

/// Boots; [`Answer::Ready`] has been heard.
pub fn boot(
    spec: &Spec,
    qemu: &Qemu,
    accelerator: Accelerator,
    memory: Memory<'_>,
    step: &mut dyn FnMut(Step),
) -> Result<(Machine, Vec<(String, Reply)>), VmError> {
    step(Step::Unpacking);
    let kernel = unpacked(&spec.image, &spec.cache)?;
    let archive = initramfs::build(spec.modules.as_deref(), &spec.early)?;
    step(Step::Booting);
    let line = command_line(&spec.append);
    let start = |kernel: &Path| {
        let initramfs = in_memory(&archive)?;
        let begin = Begin::Boot { kernel, initramfs, command_line: &line };
        Machine::start(qemu, Settings { accelerator, memory, spec, begin })
    };
    let mut machine = match start(&kernel) {
        // It cannot be started as it is (`CONFIG_PVH` is off): it has to unpack itself.
        Err(VmError::Start { said }) if said.contains("PVH") => start(&spec.image)?,
        other => other?,
    };
    let early = ready(&mut machine, accelerator)?;
    Ok((machine, early))
}

fn ready(machine: &mut Machine, accelerator: Accelerator) -> Result<Vec<(String, Reply)>, VmError> {
    let patience = match accelerator {
        Accelerator::Kvm => KVM_PATIENCE,
        Accelerator::Tcg => PATIENCE,
    };
    let end = Instant::now() + patience;
    while !speaks(machine)? && Instant::now() < end {
        if let Some(why) = given_up(&machine.errors()) {
            return Err(VmError::NotUp { why, console: machine.last_words() });
        }
    }
    machine.port.set_read_timeout(Some(MESSAGE)).map_err(VmError::Agent)?;
    let why = match protocol::receive::<Answer>(&mut machine.port) {
        Ok(Some((Answer::Ready { version: wire::VERSION, early, .. }, _))) => return Ok(early),
        Ok(Some((Answer::Trouble(why), _))) => why,
        Ok(Some((other, _))) => format!("the agent says {other:?}"),
        Ok(None) => "it ended before its agent spoke".into(),
        Err(e) if e.kind() == ErrorKind::WouldBlock => {
            format!("its agent has not spoken for {} s", patience.as_secs())
        }
        Err(e) => format!("its agent does not speak: {e}"),
    };
    let console = machine.last_words();
    let console = if console.trim().is_empty() { machine.errors() } else { console };
    Err(VmError::NotUp { why, console })
}

/// Whether the agent has something to say, or has gone; waits a little.
fn speaks(machine: &Machine) -> Result<bool, VmError> {
    let mut port = [PollFd::new(&machine.port, PollFlags::IN)];
    match poll(&mut port, Some(&LOOK)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(e) => Err(VmError::Agent(e.into())),
    }
}

/// What QEMU says when KVM cannot go on ("KVM internal error. Suberror: 1", "KVM: entry failed,
/// hardware error 0x80000021"). It stops the machine then and waits for ever.
fn given_up(errors: &str) -> Option<String> {
    let kvm = |line: &&str| line.starts_with("KVM internal error") || line.starts_with("KVM: ");
    errors.lines().find(kvm).map(|line| line.trim_end().to_owned())
}

fn in_memory(archive: &[u8]) -> Result<OwnedFd, VmError> {
    let file = memfd_create("komod-initramfs", MemfdFlags::CLOEXEC)
        .map_err(|e| VmError::file("memfd")(e.into()))?;
    let mut file = File::from(file);
    file.write_all(archive).map_err(VmError::file("memfd"))?;
    Ok(file.into())
}

/// The kernel as an ELF file, which QEMU starts by its PVH entry: unpacking itself is the slow
/// part of a boot under emulation. Unpacked once, then taken from the cache.
fn unpacked(image: &Path, cache: &Path) -> Result<PathBuf, VmError> {
    let mut start = [0; 4];
    let mut file = File::open(image).map_err(VmError::file(image))?;
    if file.read_exact(&mut start).is_ok() && start == *b"\x7fELF" {
        return Ok(image.to_owned());
    }
    let identity = FileIdentity::of(image);
    let identity = serde_json::to_vec(&identity).unwrap_or_default();
    let path = cache.join("unpacked").join(hex(&Sha256::digest(identity), 8));
    if path.is_file() {
        return Ok(path);
    }
    let bytes = std::fs::read(image).map_err(VmError::file(image))?;
    let unpack = |source| VmError::Image { path: image.to_owned(), source };
    let vmlinux = image::unpack(&bytes).map_err(unpack)?;
    publish(&path, &vmlinux).map_err(VmError::file(&path))?;
    Ok(path)
}

pub(super) fn hex(bytes: &[u8], most: usize) -> String {
    bytes.iter().take(most).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_kvm_is_seen() {
        let said = "KVM internal error. Suberror: 1\nemulation failure\nRAX=0000000000000000\n";
        assert_eq!(given_up(said).as_deref(), Some("KVM internal error. Suberror: 1"));
        let said = "warning\nKVM: entry failed, hardware error 0x80000021\n";
        assert!(given_up(said).is_some_and(|why| why.starts_with("KVM: entry failed")));
        assert_eq!(given_up("qemu-system-x86_64: warning: KVM is slow\n"), None);
    }
}
