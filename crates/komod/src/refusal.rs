//! Why a real kernel has refused a module: the kernel gives a number, komod's loader the reason.

use crate::checking;
use komod_check::{Checker, Links, LoadedModule, Machine, Request, loaded_modules};
use komod_kernel::find::FoundKernel;
use komod_place::dependencies::ModuleFile;
use komod_place::{Place, PlaceError};
use komod_process::protocol::{self, Stage};

/// What was asked of the kernel.
pub struct Asked<'a> {
    /// The module that was refused, and before it those that were loaded in the same go.
    pub files: &'a [ModuleFile],
    pub params: &'a str,
    pub force: bool,
}

/// The error with the code of the reason, where the kernel has none to give and komod's loader
/// foretells the same error.
pub fn with_reason(
    error: PlaceError,
    kernel: &FoundKernel,
    place: &mut dyn Place,
    asked: &Asked<'_>,
) -> PlaceError {
    let PlaceError::Refused { errno, stage: Stage::Load, code: None } = error else { return error };
    let code = reason(kernel, place, asked, errno);
    PlaceError::Refused { errno, stage: Stage::Load, code }
}

fn reason(
    kernel: &FoundKernel,
    place: &mut dyn Place,
    asked: &Asked<'_>,
    errno: i32,
) -> Option<String> {
    let (file, before) = asked.files.split_last()?;
    let modules = place.modules(&mut |_| {}).ok()?;
    let target = checking::target(kernel).ok()?;
    let links: Vec<Links> = asked.files.iter().map(|file| Links::of(&file.elf)).collect();
    let machine = Machine { only_loaded: true, ..Machine::fresh() };
    let mut checker = Checker::new(&target, &links).on(machine).only_loading();
    for file in before {
        checker.check(&file.path, &file.elf);
    }
    checker.machine().loaded = modules.iter().filter_map(loaded).collect();
    *checker.request() = Request {
        ignore_vermagic: asked.force,
        ignore_modversions: asked.force,
        ..Request::with_params(asked.params)
    };
    let verdict = checker.check(&file.path, &file.elf);
    let refusal = verdict.refusal().filter(|refusal| refusal.errno.0 == errno)?;
    Some(refusal.code.to_string())
}

/// By a line of `/proc/modules`, which is what the checker reads.
fn loaded(module: &protocol::LoadedModule) -> Option<LoadedModule> {
    let protocol::LoadedModule { name, size, refcount, state, address, taints, .. } = module;
    let taints = if taints.is_empty() { String::new() } else { format!(" ({taints})") };
    let line = format!("{name} {size} {refcount} - {state} {address:#x}{taints}\n");
    loaded_modules(&line).pop()
}
