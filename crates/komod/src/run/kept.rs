//! A machine that may stay when a run is over: it is one that is up from the beginning.

use crate::cmd::place_error;
use crate::explained::Explained;
use crate::kernels;
use crate::progress::Progress;
use anyhow::{Context, Result};
use komod_kernel::find::FoundKernel;
use komod_place::process::{Resident, RuntimeDir, What, down, up};
use komod_place::vm::Spec;

/// What such a machine is called.
const NAME: &str = "default";

pub struct Kept {
    dir: RuntimeDir,
}

impl Kept {
    pub fn start(kernel: &FoundKernel, spec: Spec) -> Result<Kept> {
        let release = &kernel.release;
        let dir = RuntimeDir::open().map_err(|e| place_error(&e, "starting"))?;
        let progress = Progress::start(format!("starting a machine with kernel {release}"));
        let report = up(&dir, NAME, What::Machine(spec), kernels::about(kernel));
        drop(progress);
        let report = report
            .map_err(|e| place_error(&e, "starting"))
            .with_context(|| format!("cannot start a machine with kernel {release}"))?;
        if report.already {
            let why = format!("a kernel named `{NAME}` is up already");
            return Err(Explained::new(why).hint(format!("stop it: komod down {NAME}")).into());
        }
        Ok(Kept { dir })
    }

    pub fn connect(&self) -> Result<Resident> {
        Ok(Resident::connect(&self.dir, NAME).map_err(|e| place_error(&e, "connecting"))?)
    }

    pub fn end() -> Result<()> {
        let dir = RuntimeDir::open().map_err(|e| place_error(&e, "stopping"))?;
        Ok(down(&dir, NAME).map_err(|e| place_error(&e, "stopping"))?)
    }
}
