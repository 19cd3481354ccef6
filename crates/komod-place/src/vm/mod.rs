//! A virtual machine as a place: QEMU, the distribution's own kernel, and komod as its first
//! process.
//!
//! [`Vm::start`] copies a machine that has booted before ([`snapshot`]), or boots one. What
//! happens in it is asked for over a serial port of its own ([`wire`], [`agent`]); the serial
//! console is for when the kernel cannot be asked any more.

mod accelerator;
pub mod agent;
mod boot;
pub(crate) mod bridge;
mod console;
mod conversation;
pub mod cpio;
mod elf_file;
mod error;
pub(crate) mod executable;
pub mod gdb;
mod initramfs;
mod oops;
pub mod program;
mod qemu;
mod qmp;
mod snapshot;
mod spec;
mod transfer;
pub(crate) mod wire;

pub use agent::{AGENT_ARGV0, AGENT_OPTION, agent_main, here_main};
pub use console::told;
pub(crate) use console::{Mark, console_line, panic_text};
pub use error::VmError;
pub(crate) use executable::Executable;
pub(crate) use oops::Reports;
pub use spec::{EarlyModule, HostFile, Spec};

use crate::place::Events;
use crate::process::RuntimeDir;
use crate::{Channel, Place, PlaceError};
use accelerator::Accelerator;
use conversation::Conversation;
use gdb::{Debugger, Watch};
use komod_kernel::btf::Btf;
use komod_process::protocol::{Reply, Request};
use qemu::{Machine, Memory, Qemu};
use snapshot::Snapshot;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long another command may take to make the snapshot we want, too.
const MAKING_PATIENCE: Duration = Duration::from_secs(180);

/// Debian's are 5 MB.
const MAX_BTF: u64 = 64 << 20;

/// What is being done until the machine is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Unpacking,
    Booting,
    Saving,
}

/// How the machine came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Booted for this command; `because` says why no snapshot was used, if one was wanted.
    Booted { because: Option<String> },
    /// A copy of a snapshot that was there.
    Restored,
    /// A copy of a snapshot that this command has made.
    RestoredFromNew,
}

/// A machine that ends with this value.
pub struct Vm {
    conversation: Conversation,
    start: Start,
    early: Vec<(String, Reply)>,
    debugging: Option<(Debugger, gdb::Kernel)>,
}

impl Vm {
    /// A machine of its own.
    pub fn boot(spec: &Spec, step: &mut dyn FnMut(Step)) -> Result<Vm, PlaceError> {
        by_what_works(spec, |qemu, accelerator| {
            let (machine, early) = boot::boot(spec, qemu, accelerator, Memory::Own, step)?;
            let mut vm = Vm::begin(machine, spec, Start::Booted { because: None })?;
            vm.early = early;
            Ok(vm)
        })
    }

    fn begin(machine: Machine, spec: &Spec, start: Start) -> Result<Vm, PlaceError> {
        let whole_log = !spec.early.is_empty();
        let conversation = Conversation::begin(machine, spec.patience, whole_log)?;
        let mut vm = Vm { conversation, start, early: Vec::new(), debugging: None };
        for file in &spec.files {
            transfer::copy(&mut vm, file)?;
        }
        Ok(vm)
    }

    /// From now on stops before the init of these modules.
    pub fn debug(&mut self, debugger: Debugger) -> Result<(), PlaceError> {
        const BEFORE_INIT: &str = "do_init_module";
        let no_stop = |why: &str| VmError::NoStop(why.to_owned());
        let (symbols, _) = self.symbols(BEFORE_INIT, 64, &mut |_| {})?;
        let symbol = symbols.iter().find(|s| s.name == BEFORE_INIT && s.address != 0);
        let before_init = symbol.ok_or_else(|| no_stop("it has no do_init_module"))?.address;
        let bytes = self.read("/sys/kernel/btf/vmlinux", MAX_BTF, &mut |_| {})?;
        let btf = Btf::parse(bytes).map_err(|e| no_stop(&e.to_string()))?;
        self.debugging = Some((debugger, gdb::Kernel { btf, before_init }));
        Ok(())
    }

    /// What came of the early modules, in their order.
    pub fn early(&self) -> &[(String, Reply)] {
        &self.early
    }

    /// A copy of this machine's snapshot, which is made first if it is not there; boots if all of
    /// that fails.
    pub fn start(
        spec: &Spec,
        dir: &RuntimeDir,
        step: &mut dyn FnMut(Step),
    ) -> Result<Vm, PlaceError> {
        dir.sweep();
        let restored = by_what_works(spec, |qemu, accelerator| {
            Vm::restore(spec, qemu, accelerator, dir, step)
        });
        match restored {
            // These a boot would meet again.
            Err(
                e @ PlaceError::Vm(
                    VmError::NoQemu
                    | VmError::NotUp { .. }
                    | VmError::Image { .. }
                    | VmError::HostFile { .. },
                ),
            ) => Err(e),
            Err(e) => {
                let mut vm = Vm::boot(spec, step)?;
                vm.start = Start::Booted { because: Some(e.to_string()) };
                Ok(vm)
            }
            restored => restored,
        }
    }

    fn restore(
        spec: &Spec,
        qemu: &Qemu,
        accelerator: Accelerator,
        dir: &RuntimeDir,
        step: &mut dyn FnMut(Step),
    ) -> Result<Vm, PlaceError> {
        let snapshot = Snapshot::of(spec, qemu, accelerator);
        let copy = |start| -> Result<Vm, PlaceError> {
            let machine = snapshot.restore(spec, qemu, accelerator)?;
            Vm::begin(machine, spec, start)
        };
        if snapshot.is_whole()
            && let Ok(vm) = copy(Start::Restored)
        {
            return Ok(vm);
        }
        let lock = dir.lock(&lock_name(&snapshot.name), MAKING_PATIENCE)?;
        let lock = lock.ok_or_else(|| {
            PlaceError::Background("another command has been making it for too long".into())
        })?;
        // Another command may have made it while we waited.
        if snapshot.is_whole()
            && let Ok(vm) = copy(Start::Restored)
        {
            return Ok(vm);
        }
        snapshot.make(spec, qemu, accelerator, step)?;
        snapshot.prune_others(&|name| {
            dir.lock(&lock_name(name), Duration::ZERO).is_ok_and(|lock| lock.is_some())
        });
        drop(lock);
        copy(Start::RestoredFromNew)
    }

    /// Where the machine speaks, to wait for it.
    fn port(&self) -> &UnixStream {
        self.conversation.port()
    }

    /// Takes what it says of its own accord.
    fn idle(&mut self, events: Events<'_>) -> Result<(), PlaceError> {
        self.conversation.idle(events)
    }

    pub fn start_kind(&self) -> &Start {
        &self.start
    }
}

/// By KVM, if that works. If a machine does not come up by it, the translator is asked; and if that
/// one does better, it is the one to use from now on.
fn by_what_works(
    spec: &Spec,
    mut start: impl FnMut(&Qemu, Accelerator) -> Result<Vm, PlaceError>,
) -> Result<Vm, PlaceError> {
    let qemu = Qemu::find()?;
    let accelerator = accelerator::choose(&qemu, &spec.cache);
    match (start(&qemu, accelerator), accelerator) {
        (Err(PlaceError::Vm(VmError::NotUp { .. } | VmError::Start { .. })), Accelerator::Kvm) => {
            let vm = start(&qemu, Accelerator::Tcg)?;
            accelerator::remember(&qemu, &spec.cache, false);
            Ok(vm)
        }
        (started, _) => started,
    }
}

fn lock_name(snapshot: &str) -> String {
    format!("vm-{snapshot}")
}

impl Channel for Vm {
    fn call(
        &mut self,
        request: &Request,
        payload: &[u8],
        events: Events<'_>,
    ) -> Result<(Reply, Vec<u8>), PlaceError> {
        let watch = match (request, self.debugging.take()) {
            (Request::Load { .. }, Some((debugger, kernel))) => {
                Some(Watch::begin(debugger, kernel)?)
            }
            (_, debugging) => {
                self.debugging = debugging;
                None
            }
        };
        let answer = self.conversation.call(request, payload, events);
        if let Some(watch) = watch {
            self.debugging = watch.end();
        }
        answer
    }
}
