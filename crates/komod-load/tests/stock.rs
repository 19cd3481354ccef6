//! The modules of real distribution kernels against a kernel made of their `Module.symvers`: all
//! must be accepted and linked.

#[path = "../../komod-object/tests/common/mod.rs"]
mod common;
mod layouts;

use common::{Kernel, kernels, read, symvers_name};
use komod_load::params::{self, ParamKind};
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

/// Types as `parmtype` writes them.
fn kind_of(text: &str) -> Option<ParamKind> {
    if let Some(element) = text.strip_prefix("array of ") {
        let of = Box::new(ParamKind::from_ops(&format!("param_ops_{element}"))?);
        return Some(ParamKind::Array { of, max: 0 });
    }
    match text {
        "string" => Some(ParamKind::String(0)),
        _ => ParamKind::from_ops(&format!("param_ops_{text}")),
    }
}

/// The same type, whatever the limits.
fn same_kind(a: &ParamKind, b: &ParamKind) -> bool {
    match (a, b) {
        (ParamKind::Array { of: a, .. }, ParamKind::Array { of: b, .. }) => a == b,
        (ParamKind::String(_), ParamKind::String(_)) => true,
        _ => a == b,
    }
}

#[test]
fn parameters_have_the_types_modinfo_names() {
    for kernel in kernels() {
        let (mut count, mut custom) = (0, 0);
        for path in kernel.sample() {
            let bytes = read(path);
            let module = komod_object::Module::parse(&bytes).unwrap();
            let declared = params::declared(module.elf(), 40);
            for documented in module.params() {
                let Some(text) = documented.kind else { continue };
                let name = documented.name;
                // A module may give its parameters a prefix that `parmtype` does not have.
                let plain = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
                let found = declared.iter().find(|param| name == plain(&param.name).as_str());
                let found = found.unwrap_or_else(|| panic!("{}: no {name}", path.display()));
                count += 1;
                match kind_of(&text.to_string()) {
                    // Some name a standard type but set it with functions of their own.
                    Some(kind) if !matches!(found.kind, ParamKind::Custom { .. }) => assert!(
                        same_kind(&found.kind, &kind),
                        "{}: {name} is {:?}, not {text}",
                        path.display(),
                        found.kind
                    ),
                    _ => custom += 1,
                }
                if let ParamKind::Array { max: limit, .. } | ParamKind::String(limit) = found.kind {
                    assert!((1..100_000).contains(&limit), "{}: {name}", path.display());
                }
            }
        }
        assert!(custom * 10 < count, "{custom} of {count} parameters are of unknown type");
        println!("{}: {count} parameters, {custom} of types of their own", kernel.release);
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
