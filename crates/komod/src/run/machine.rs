//! Virtual machines, for one run or to stay.

use crate::cmd::PlaceFlags;
use crate::console;
use crate::explained::Explained;
use crate::kernels;
use crate::progress::Progress;
use anyhow::Result;
use komod_kernel::find::FoundKernel;
use komod_place::PlaceError;
use komod_place::process::RuntimeDir;
use komod_place::vm::{Spec, Start, Step, Vm};

/// What a machine with this kernel is.
pub fn spec(kernel: &FoundKernel, append: &str, flags: &PlaceFlags) -> Result<Spec> {
    let image = kernel.image.clone().ok_or_else(|| {
        Explained::new(format!("kernel {} has no image here to boot", kernel.release))
            .hint("`komod kernel fetch` gets one")
    })?;
    let cache = kernels::cache()?.join("vm");
    Ok(Spec {
        append: append.to_owned(),
        megabytes: flags.memory,
        processors: flags.cpus,
        files: flags.files.clone(),
        ..Spec::new(image, kernel.modules.clone(), cache)
    })
}

/// Boots it, whatever snapshots there are.
pub fn boot(kernel: &FoundKernel, spec: &Spec) -> Result<Vm, PlaceError> {
    let release = &kernel.release;
    let _progress = Progress::start(format!("booting kernel {release} in a virtual machine"));
    Vm::boot(spec, &mut |_| {})
}

pub fn not_started(kernel: &FoundKernel, error: &PlaceError) -> anyhow::Error {
    let release = &kernel.release;
    anyhow::Error::new(Explained::from_error(error))
        .context(format!("cannot start a machine with kernel {release}"))
}

/// Starts it; the word says how it came to be, for reports.
pub fn start(kernel: &FoundKernel, spec: &Spec, fresh: bool) -> Result<(Vm, &'static str)> {
    let release = &kernel.release;
    let progress = Progress::start(format!("starting a machine with kernel {release}"));
    let mut step = |step: Step| {
        progress.set(match step {
            Step::Unpacking => format!("unpacking kernel {release}"),
            Step::Booting => format!("booting kernel {release} in a virtual machine"),
            Step::Saving => "saving the booted machine".to_owned(),
        });
    };
    // A boot with words of its own is hardly done twice.
    let started = match (fresh || !spec.append.is_empty(), RuntimeDir::open()) {
        (false, Ok(dir)) => Vm::start(spec, &dir, &mut step),
        (false, Err(e)) => {
            console::note(&format!("no machine is copied: {e}"));
            Vm::boot(spec, &mut step)
        }
        (true, _) => Vm::boot(spec, &mut step),
    };
    drop(progress);
    let vm = started.map_err(|e| not_started(kernel, &e))?;
    let how = match vm.start_kind() {
        Start::Booted { because: Some(why) } => {
            console::note(&format!("booted anew, no machine is copied: {why}"));
            "booted"
        }
        Start::Booted { because: None } => "booted",
        Start::Restored => "restored",
        Start::RestoredFromNew => "restored-new",
    };
    Ok((vm, how))
}
