//! Scenes about what lies around a module: how it is handed over, what starts at the same time,
//! what the machine demands and mitigates, whose types it continues.

use super::scene::{Attempt, Proof, Scene, State};
use crate::modules::ModuleTree;
use crate::oracle::loaders::case::Load;
use crate::oracle::loaders::mutate::Mutant;
use crate::oracle::loaders::ours::Built;
use anyhow::Result;
use guest_init::Who;
use komod_object::elf::{SHF_ALLOC, SHT_PROGBITS};

/// What a call leads to that is made in the wrong way (finit_module(2), `ksys_finit_module()`,
/// `kernel_read_file()`; Linux 6.1 and 6.12): the module does not matter.
const CALLS: &[(&str, Who, u32, i32)] = &[
    ("L-48 with a flag that does not exist", Who::Root, 1 << 7, -EINVAL),
    ("L-48 with a file that cannot be read", Who::WriteOnly, 0, -EBADF),
    ("L-48 with a folder", Who::Folder, 0, -EINVAL),
    ("L-02 while it is written", Who::BeingWritten, 0, -ETXTBSY),
];
const EBADF: i32 = 9;
const EINVAL: i32 = 22;
const ETXTBSY: i32 = 26;

/// What loads, and goes wrong.
const PROOFS: &[(&str, &str, Proof)] = &[
    (
        "stale",
        "L-49 a field is read elsewhere",
        Proof {
            advice: ("L-49", "tv_nsec: at 16, in the kernel at 8"),
            log: "stale: -1 nanoseconds",
        },
    ),
    (
        "overwritten",
        "L-49 a structure is written beyond",
        Proof {
            advice: ("L-49", "8 bytes in the module, 16 in the kernel"),
            log: "overwritten: the canary is dead",
        },
    ),
    (
        "init-positive",
        "L-42 a positive constant",
        Proof {
            advice: ("L-42", "returns 5"),
            log: "init suspiciously returned 5, it should follow 0/-E convention",
        },
    ),
    ("no-exit", "L-43 no exit", Proof { advice: ("L-43", "never be unloaded"), log: "" }),
];

/// Its parameters are addresses of hardware (`module_param_hw`).
const WITH_PORTS: [&str; 2] = ["drivers/parport/parport.ko", "drivers/parport/parport_pc.ko"];
/// Has types of its own.
const WITH_TYPES: &str = "drivers/net/dummy.ko";

pub fn scenes(built: &Built, tree: &ModuleTree, foreign: &ModuleTree) -> Result<Vec<Scene>> {
    let mut all = Vec::new();
    for (name, who, flags, answer) in CALLS {
        let mut scene = Scene::of((*name).to_owned(), built.load("hello")?);
        let call = Attempt {
            flags: *flags,
            answer: Some(*answer),
            ..Attempt::by(*who, built.load("hello")?)
        };
        scene.loads[0] = call;
        all.push(scene);
    }
    for (name, params) in
        [("L-24 while it starts, and lives", ""), ("L-24 while it starts, and fails", "result=-19")]
    {
        let mut scene = Scene::of(name.to_owned(), built.load("slow")?);
        let first = Load { params: params.to_owned(), ..built.load("slow")? };
        scene.loads.insert(0, Attempt::by(Who::Behind, first));
        all.push(scene);
    }
    for state in [State::Lockdown, State::Plain] {
        for params in
            ["io=0x3bc", "io_hi=1 verbose=1", "verbose=1", "io", "verbose_probing=x irq=7"]
        {
            let [needed, module] = WITH_PORTS.map(|key| tree.module(key));
            let (needed, module) = (needed?, module?);
            let load = Load { params: params.to_owned(), ..Load::new("parport_pc", &module.bytes) };
            let name = format!("ports of hardware, {state:?}: {params}");
            let mut scene = Scene { state, ..Scene::of(name, load) };
            scene.loads.insert(0, Attempt::by(Who::Root, Load::new("parport", &needed.bytes)));
            all.push(scene);
        }
    }
    for state in [State::NoMitigation, State::Plain] {
        let mut file = Mutant::new(&built.load("hello")?.bytes);
        file.modinfo("retpoline", None)?;
        let name = format!("without retpolines, {state:?}");
        all.push(Scene { state, ..Scene::of(name, Load::new("hello", &file.0)) });
    }
    for (name, load) in [
        ("L-46 unsigned", built.load("hello")?),
        ("L-46 signed by the kernel's maker", Load::new("dummy", &tree.module(WITH_TYPES)?.bytes)),
        ("L-46 not a module", Load::new("x", b"x")),
    ] {
        all.push(Scene { state: State::Appraised, ..Scene::of(name.to_owned(), load) });
    }
    for (module, name, proof) in PROOFS {
        let scene = Scene::of((*name).to_owned(), built.load(module)?);
        all.push(Scene { proof: Some(*proof), ..scene });
    }
    for (name, from) in [("its own kernel", tree), ("another kernel", foreign)] {
        let stock = Mutant::new(&from.module(WITH_TYPES)?.bytes);
        let types = stock.contents(stock.section(".BTF")?)?;
        let mut file = Mutant::new(&built.load("hello")?.bytes);
        file.add(".BTF", SHT_PROGBITS, SHF_ALLOC, &types, 0)?;
        let load = Load::new("hello", &file.0);
        let scene = Scene::of(format!("L-45 types that continue those of {name}"), load);
        all.push(scene);
    }
    Ok(all)
}
