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
mod initramfs;
mod oops;
mod qemu;
mod qmp;
mod snapshot;
pub(crate) mod wire;

pub use agent::{AGENT_ARGV0, AGENT_OPTION, agent_main, here_main};
pub(crate) use console::{Mark, console_line, panic_text};
pub use error::VmError;
pub(crate) use executable::Executable;
pub(crate) use oops::Reports;

use crate::place::Events;
use crate::process::RuntimeDir;
use crate::{Channel, PlaceError};
use conversation::Conversation;
use komod_process::protocol::{Reply, Request};
use qemu::{Memory, Qemu};
use serde::{Deserialize, Serialize};
use snapshot::Snapshot;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// How long another command may take to make the snapshot we want, too.
const MAKING_PATIENCE: Duration = Duration::from_secs(180);

/// What kind of machine is wanted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spec {
    /// The kernel's boot image.
    pub image: PathBuf,
    /// `lib/modules/RELEASE` of this kernel, if there is one.
    pub modules: Option<PathBuf>,
    /// Where to keep snapshots and unpacked kernels.
    pub cache: PathBuf,
    /// More words for the kernel's command line.
    pub append: String,
    pub megabytes: u32,
    /// How long a call may wait in the kernel.
    pub patience: Duration,
}

impl Spec {
    pub const MEGABYTES: u32 = 512;
    pub const PATIENCE: Duration = Duration::from_secs(30);
}

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
}

impl Vm {
    /// A machine of its own.
    pub fn boot(spec: &Spec, step: &mut dyn FnMut(Step)) -> Result<Vm, PlaceError> {
        let qemu = Qemu::find()?;
        let accelerator = accelerator::choose(&qemu, &spec.cache);
        let machine = boot::boot(spec, &qemu, accelerator, Memory::Own, step)?;
        let conversation = Conversation::begin(machine, spec.patience)?;
        Ok(Vm { conversation, start: Start::Booted { because: None } })
    }

    /// A copy of this machine's snapshot, which is made first if it is not there; boots if all of
    /// that fails.
    pub fn start(
        spec: &Spec,
        dir: &RuntimeDir,
        step: &mut dyn FnMut(Step),
    ) -> Result<Vm, PlaceError> {
        match Vm::restore(spec, dir, step) {
            // These a boot would meet again.
            Err(
                e @ PlaceError::Vm(VmError::NoQemu | VmError::NotUp { .. } | VmError::Image { .. }),
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
        dir: &RuntimeDir,
        step: &mut dyn FnMut(Step),
    ) -> Result<Vm, PlaceError> {
        let qemu = Qemu::find()?;
        let accelerator = accelerator::choose(&qemu, &spec.cache);
        let snapshot = Snapshot::of(spec, &qemu, accelerator);
        let copy = |start| -> Result<Vm, PlaceError> {
            let machine = snapshot.restore(spec, &qemu, accelerator)?;
            Ok(Vm { conversation: Conversation::begin(machine, spec.patience)?, start })
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
        snapshot.make(spec, &qemu, accelerator, step)?;
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
        self.conversation.call(request, payload, events)
    }
}
