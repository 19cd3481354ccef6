//! Loading with komod's own loader: `komod-load` decides and links, this puts the result into the
//! kernel's memory and lets the kernel's own code take the module up.
//!
//! The order is that of `load_module` (kernel/module/main.c, 6.1 and 6.12).

use super::super::natives::{memory, patch, percpu};
use super::super::ptr::Ptr;
use super::super::region::{PAGE, PERCPU};
use super::super::{kernel, patching, sched};
use super::formed::Formed;
use super::list;
use super::target::{self, Target};
use komod_load::{
    Errno, Finding, HASHED, Image, LogLine, Plan, Protection, Refusal, RefusalCode, RegionBases,
    Request, SignatureVerdict,
};

/// Loads a module: 0, or a negative errno of the loader or of init. Runs on the task of the
/// process that asked for it.
pub fn load(release: &str, file: &[u8], request: &Request) -> i64 {
    let answer = |errno: i32| -i64::from(errno);
    let parsed = komod_object::Module::parse(file).ok();
    let signature = match parsed.as_ref().and_then(|m| m.signature()) {
        Some(s) => target::verify(s.payload, s.bytes),
        None => SignatureVerdict::UnknownKey,
    };
    let builtin = parsed.is_some_and(|m| target::has_sysfs_entry(&m.name().to_string()));
    let mut has_waited = false;
    let plan = loop {
        let target = match Target::new(release, signature, builtin) {
            Ok(target) => target,
            Err(why) => {
                kernel::print(3, &format!("komod: {why}"));
                return answer(38);
            }
        };
        match komod_load::plan_to_link(file, &target, request) {
            Ok(plan) => break plan,
            Err(refusal) if !has_waited && wait_for_others(&refusal) => has_waited = true,
            Err(refusal) => return refuse(&refusal, 0),
        }
    };
    say(&plan.dmesg);
    let Some(place) = Placement::new(&plan, file, &request.params) else {
        return answer(12);
    };
    let image = match komod_load::link(&plan, &place.bases) {
        Ok(image) => image,
        Err(refusal) => {
            place.give_back(true);
            return refuse(&refusal, plan.dmesg.len());
        }
    };
    list::note(plan.kernel_taint, plan.notices);
    place.fill(&plan, &image);
    let formed = Formed::new(&plan, &image, &place);
    drop(image);
    let result = formed.take_up(|| place.protect());
    if let Err(errno) = result.as_ref() {
        place.give_back(true);
        return answer(*errno);
    }
    memory::release(place.file);
    // From here on the module is the kernel's: a failing init is undone by the kernel, too.
    let result = formed.init();
    if result == 0 {
        place.protect_after_init();
    }
    result
}

/// Waits for a module that is still starting, as the kernel would: for one that exports what is
/// needed half a minute (`resolve_symbol_wait`), for one of the same name without a limit
/// (`module_patient_check_exists`). `true`: planning again may lead to something else.
fn wait_for_others(refusal: &Refusal) -> bool {
    const LONGEST_MS: u64 = 30_000;
    const STEP_MS: u64 = 100;
    let of_code = |code: RefusalCode| {
        let busy = |f: &&Finding| f.code == code && f.errno == Errno::EBUSY;
        refusal.findings.iter().find(busy).map(|f| &f.evidence)
    };
    if let Some(name) = of_code(RefusalCode::AlreadyLoaded).and_then(|e| e.symbol.as_deref()) {
        while list::is_starting(name) {
            kernel::call("msleep", &[STEP_MS]);
        }
        // If it has gone by now, the kernel does not try again.
        return list::find(name).is_some();
    }
    let Some(owner) = of_code(RefusalCode::OwnerBusy).and_then(|e| e.owner.as_deref()) else {
        return false;
    };
    for _ in 0..LONGEST_MS / STEP_MS {
        if !list::is_starting(owner) {
            break;
        }
        kernel::call("msleep", &[STEP_MS]);
    }
    true
}

/// Prints what the loader says.
fn say(lines: &[LogLine]) {
    lines.iter().for_each(|line| kernel::print(line.level, &line.text));
}

/// Says what has not been `said` yet.
fn refuse(refusal: &Refusal, said: usize) -> i64 {
    for line in refusal.dmesg.get(said..).unwrap_or_default() {
        let text = match refusal.evidence.address {
            Some(address) if line.text.contains(HASHED) => {
                line.text.replace(HASHED, &kernel::hashed(address))
            }
            _ => line.text.clone(),
        };
        kernel::print(line.level, &text);
    }
    list::note(refusal.kernel_taint, refusal.notices);
    super::refused::note(refusal.code);
    -i64::from(refusal.errno.0)
}

/// The memory a module got.
pub struct Placement {
    pub bases: RegionBases,
    /// A copy of the ELF file whose section headers hold the final addresses.
    pub file: Ptr,
    regions: Vec<Ptr>,
    percpu: Option<u64>,
    args: Ptr,
    /// Pages with the protection they get once the module is formed.
    parts: Vec<(u64, u64, Protection)>,
}

impl Placement {
    fn new(plan: &Plan<'_>, file: &[u8], params: &str) -> Option<Placement> {
        let mut regions = Vec::new();
        let mut bases = RegionBases::allocate(plan, |region| {
            let at = if region.size == 0 { Ptr::NULL } else { patch::module_memory(region.size) };
            regions.push(at);
            at.0
        });
        let full = plan.regions.iter().zip(&regions).all(|(r, at)| r.size == 0 || !at.is_null());
        let percpu = plan.percpu.as_ref().map(|p| percpu::allocate(p.size, p.align, 0));
        if !full || percpu == Some(0) {
            regions.iter().for_each(|at| patch::free_module_memory(*at));
            return None;
        }
        let copy = memory::internal(file.len().max(1) as u64, 4096);
        copy.write_bytes(file);
        let args = memory::string(params);
        bases.percpu = percpu.unwrap_or(0);
        bases.file = Some(copy.0);
        bases.args = Some(args.0);
        let parts = plan
            .regions
            .iter()
            .zip(&regions)
            .flat_map(|(region, at)| {
                let part = |p: &komod_load::Part| (at.0 + p.offset, p.size, p.protection);
                region.parts.iter().map(part).collect::<Vec<_>>()
            })
            .collect();
        Some(Placement { bases, file: copy, regions, percpu, args, parts })
    }

    /// Write-protects what the kernel protects when the module is formed.
    pub fn protect(&self) {
        for (start, size, protection) in &self.parts {
            let end = (start + size).next_multiple_of(PAGE);
            match protection {
                Protection::ReadExec => patching::seal(*start, end, true),
                Protection::Read => patching::seal(*start, end, false),
                Protection::ReadWrite | Protection::ReadWriteUntilInit => {
                    patching::protect(*start, end, Some(true), Some(false));
                }
                Protection::ReadWriteExec => {}
            }
        }
    }

    /// What only init may write is read-only from now on, if init succeeded.
    fn protect_after_init(&self) {
        for (start, size, protection) in &self.parts {
            if *protection == Protection::ReadWriteUntilInit {
                patching::seal(*start, (start + size).next_multiple_of(PAGE), false);
            }
        }
    }

    /// Copies the linked image into place.
    fn fill(&self, plan: &Plan<'_>, image: &Image) {
        for region in &image.regions {
            if !region.bytes.is_empty() {
                Ptr(region.address).write_bytes(&region.bytes);
            }
        }
        if let Some(offset) = self.percpu {
            Ptr(PERCPU + offset).write_bytes(&image.percpu);
        }
        // Address and flags of every section as the kernel's loader leaves them.
        const SH_FLAGS: u64 = 8;
        const SH_ADDR: u64 = 16;
        const SH_OFFSET: u64 = 24;
        let headers = self.file.at(self.file.at(40u64).read::<u64>());
        for index in 0..u64::from(self.file.at(60u64).read::<u16>()) {
            let header = headers.at(64 * index);
            let offset = header.at(SH_OFFSET).read::<u64>();
            header.at(SH_ADDR).write(self.file.0.wrapping_add(offset));
            header.at(SH_FLAGS).write(plan.section_flags(index as usize));
        }
        for section in &image.sections {
            headers.at(64 * section.index as u64 + SH_ADDR).write(section.address);
        }
    }

    /// Frees what was allocated for a module that the kernel did not take.
    fn give_back(&self, with_file: bool) {
        self.regions.iter().for_each(|at| patch::free_module_memory(*at));
        if let Some(offset) = self.percpu {
            percpu::release(offset);
        }
        memory::release(self.args);
        if with_file {
            memory::release(self.file);
        }
        sched::reset_preempt();
    }
}
