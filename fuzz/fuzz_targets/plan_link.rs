//! Any bytes through the loader core, against an old and a new kernel.
#![no_main]

use komod_load::object_link::plan_object;
use komod_load::struct_module::FIELDS;
use komod_load::{
    Described, Facts, Image, Plan, RegionBases, Request, StructModule, Version, link, plan, survey,
};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// Larger images are planned but not linked: the memory is real.
const MAX_IMAGE: u64 = 16 << 20;

static KERNELS: LazyLock<[Described; 2]> =
    LazyLock::new(|| [Version::new(6, 1, 192), Version::new(6, 12, 117)].map(kernel));

/// Every field of `struct module` exists, sixteen bytes from the next.
fn layout() -> StructModule {
    let size_of = |name: &str| match name {
        "module" => Some(0x800),
        "module_memory" => Some(72),
        _ => None,
    };
    let offset_of = |name: &str, path: &str| match (name, path) {
        ("module", "name") => Some(24),
        ("module", "mem") => Some(0x600),
        ("module", _) => {
            let index = FIELDS.iter().position(|&field| field == path)?;
            Some((80 + index * 16) as u32)
        }
        (_, "base") => Some(0),
        (_, "size") => Some(8),
        (_, "mtn.mod") => Some(16),
        _ => None,
    };
    StructModule::resolve(size_of, offset_of).unwrap()
}

fn kernel(version: Version) -> Described {
    let mut facts = Facts::new(version, "6 SMP ");
    facts.layout = layout();
    // Most of the way lies behind the checks for the right kernel.
    facts.config.modversions = false;
    let mut kernel = Described::new(facts);
    for (index, name) in ["_printk", "param_ops_int", "module_layout"].into_iter().enumerate() {
        kernel.export(name, 0x1000_0000 + index as u64 * 16).gpl_only = index == 1;
    }
    kernel
}

fn link_it(plan: &Plan<'_>) -> Option<Image> {
    let mut next = 0x2000_0000;
    let mut bases = RegionBases::allocate(plan, |region| {
        next += region.size.next_multiple_of(4096);
        next - region.size.next_multiple_of(4096)
    });
    bases.percpu = 0x1000;
    bases.file = Some(0x6000_0000);
    let size: u64 = plan.regions.iter().map(|region| region.size).sum();
    let percpu = plan.percpu.map_or(0, |percpu| percpu.size);
    (size < MAX_IMAGE && percpu < MAX_IMAGE).then(|| link(plan, &bases).ok())?
}

fuzz_target!(|data: &[u8]| {
    let request = Request { ignore_vermagic: true, ..Request::with_params("a=1 b=\"2 3\" -- c") };
    for kernel in KERNELS.iter() {
        let everything = survey(data, kernel, &request);
        match plan(data, kernel, &request) {
            Ok(plan) => {
                assert!(everything.refusals.is_empty());
                if let Some(image) = link_it(&plan) {
                    let mut kernel = kernel.clone();
                    if kernel.modules.begin(&plan, &image).is_ok() {
                        kernel.modules.init_returned(&plan.name, 0).expect("it is coming");
                    }
                }
            }
            Err(refusal) => assert_eq!(Some(&*refusal), everything.refusals.first()),
        }
        if let Ok(plan) = plan_object("x", data, &kernel.facts, &|_| Some(0x1000_0000)) {
            link_it(&plan);
        }
    }
});
