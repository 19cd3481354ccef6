//! The modules of real distribution kernels against a kernel made of their `Module.symvers`: all
//! must be accepted and linked.

#[path = "../../komod-object/tests/common/mod.rs"]
mod common;
mod layouts;

use common::{Kernel, kernels, read, symvers_name};
use komod_load::{
    Described, Facts, Image, Plan, Protection, RegionBases, Request, Taint, Version, link, plan,
};
use komod_object::symvers::Symvers;
use std::fs;
use std::time::{Duration, Instant};

/// A kernel that exports everything, modules' symbols included, at invented addresses below 2 GiB.
fn described(kernel: &Kernel, symvers: &Symvers<'_>) -> Described {
    let version = Version::from_release(&kernel.release).unwrap();
    let vermagic = format!("{} SMP preempt mod_unload modversions ", kernel.release);
    let mut facts = Facts::new(version, vermagic);
    facts.layout = layouts::of(&kernel.root, &kernel.release);
    let mut described = Described::new(facts);
    let mut next = 0x1000_0000;
    described.add_symvers(symvers, |_| {
        next += 16;
        Some(next)
    });
    described
}

/// Puts the regions one after the other, from 512 MiB on.
fn bases(plan: &Plan<'_>) -> RegionBases {
    let mut next = 0x2000_0000;
    let mut bases = RegionBases::allocate(plan, |region| {
        let address = next;
        next += region.size.next_multiple_of(4096);
        address
    });
    bases.percpu = 0x3_0000;
    bases
}

#[test]
fn every_module_plans_and_links() {
    for kernel in kernels() {
        let text = fs::read(&kernel.symvers).unwrap();
        let symvers = Symvers::parse(&text).unwrap();
        let target = described(&kernel, &symvers);
        let request = Request::default();
        let (mut planning, mut linking) = (Duration::ZERO, Duration::ZERO);
        let (mut count, mut bytes_linked, mut longest) = (0, 0, (Duration::ZERO, String::new()));
        for path in kernel.sample() {
            let bytes = read(path);
            let name = symvers_name(path);
            // Its own exports are not taken yet.
            let mut target_without = None;
            let exports = komod_object::Module::parse(&bytes).unwrap().exports().unwrap();
            if !exports.is_empty() {
                let mut without = target.clone();
                for export in &exports {
                    without.symbols.remove(export.name.as_str().unwrap());
                }
                target_without = Some(without);
            }
            let target = target_without.as_ref().unwrap_or(&target);

            let start = Instant::now();
            let plan = plan(&bytes, target, &request)
                .unwrap_or_else(|refusal| panic!("{name}: {refusal}\n{:#?}", refusal.findings));
            let planned = start.elapsed();
            let bases = bases(&plan);
            let start = Instant::now();
            let image = link(&plan, &bases)
                .unwrap_or_else(|refusal| panic!("{name}: {refusal}\n{:#?}", refusal.findings));
            let linked = start.elapsed();
            planning += planned;
            linking += linked;
            if planned + linked > longest.0 {
                longest = (planned + linked, name.clone());
            }
            count += 1;
            bytes_linked += image.regions.iter().map(|region| region.bytes.len()).sum::<usize>();
            check(&name, &plan, &image, exports.len());
        }
        println!(
            "{}: {count} modules, {bytes_linked} bytes, planned in {planning:?}, linked in \
             {linking:?}; longest {:?} ({})",
            kernel.release, longest.0, longest.1
        );
    }
}

/// What must hold for every stock module.
fn check(name: &str, plan: &Plan<'_>, image: &Image, exports: usize) {
    let staging = plan.taint.contains(Taint::STAGING);
    assert!(plan.dmesg.is_empty() || staging || plan.taint.contains(Taint::TEST), "{name}");
    assert!(plan.sig_ok, "{name} is signed");
    assert_eq!(image.exports.len(), exports, "{name}");
    for export in &image.exports {
        assert!(image.sections.iter().any(|s| {
            // A label may stand at the very end of its section.
            (s.address..=s.address + s.size).contains(&export.address)
        }));
    }
    for region in &plan.regions {
        let mut end = 0;
        for part in &region.parts {
            assert_eq!(part.offset, end, "{name}: parts without gaps");
            assert!(part.offset.is_multiple_of(4096) || part.protection == Protection::ReadWrite);
            end = part.offset + part.size;
        }
        assert_eq!(end, region.size, "{name}: parts cover the region");
    }
    for section in &image.sections {
        let header = plan.elf().section(section.index).unwrap().header;
        assert!(section.address.is_multiple_of(header.align.max(1)), "{name}: {}", section.name);
    }
    // The entry points are where the symbols are, and in code.
    let symbol = |symbol: &str| {
        let symbol = plan.elf().symbols().unwrap().by_name(symbol)?;
        Some(image.values[symbol.index])
    };
    assert_eq!(image.init, symbol("init_module"), "{name}");
    assert_eq!(image.exit, symbol("cleanup_module"), "{name}");
    assert_eq!((plan.has_init, plan.has_exit), (image.init.is_some(), image.exit.is_some()));
}
