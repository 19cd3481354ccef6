//! A fresh kernel for one command.

use super::runtime_dir::RuntimeDir;
use super::zygote;
use crate::place::Events;
use crate::{Channel, PlaceError};
use komod_process::client::Kernel;
use komod_process::protocol::{BootSpec, Mode, Reply, Request};

/// How the kernel came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Booted for this command; `because` says why no zygote was used, if one was wanted.
    Cold { because: Option<String> },
    /// Forked from a zygote that was there.
    Forked,
    /// Forked from a zygote that this command has started.
    ForkedFromNew,
}

/// An in-process kernel that ends with this value.
pub struct OneShot {
    kernel: Kernel,
    start: Start,
}

impl OneShot {
    /// Boots a kernel; `builtin` are the bytes of the modules linked into the boot.
    pub fn boot(
        spec: &BootSpec,
        builtin: &[u8],
        events: Events<'_>,
    ) -> Result<OneShot, PlaceError> {
        let spec = BootSpec { mode: Mode::Single, ..spec.clone() };
        let kernel = Kernel::boot(&spec, builtin, None, events)?;
        Ok(OneShot { kernel, start: Start::Cold { because: None } })
    }

    /// Takes a fork of a zygote, or boots if that fails for whatever reason.
    pub fn fork_or_boot(
        spec: &BootSpec,
        dir: &RuntimeDir,
        events: Events<'_>,
    ) -> Result<OneShot, PlaceError> {
        match zygote::fork(dir, spec) {
            Ok((kernel, true)) => Ok(OneShot { kernel, start: Start::Forked }),
            Ok((kernel, false)) => Ok(OneShot { kernel, start: Start::ForkedFromNew }),
            Err(e) => {
                let mut cold = OneShot::boot(spec, &[], events)?;
                cold.start = Start::Cold { because: Some(e.to_string()) };
                Ok(cold)
            }
        }
    }

    pub fn start(&self) -> &Start {
        &self.start
    }
}

impl Channel for OneShot {
    fn call(
        &mut self,
        request: &Request,
        payload: &[u8],
        events: Events<'_>,
    ) -> Result<(Reply, Vec<u8>), PlaceError> {
        Channel::call(&mut self.kernel, request, payload, events)
    }
}
