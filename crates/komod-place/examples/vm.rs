//! Starts a virtual machine, loads modules into it and tells what took how long:
//! `cargo run -p komod-place --example vm -- IMAGE MODULES_DIR CACHE X.ko…`
#![forbid(unsafe_code)]

use komod_place::dependencies::load_order;
use komod_place::process::RuntimeDir;
use komod_place::vm::{AGENT_ARGV0, Spec, Vm, agent_main};
use komod_place::{ModuleToLoad, Place};
use komod_process::protocol::{Event, Loader};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os();
    if arguments.next().is_some_and(|name| name == AGENT_ARGV0) {
        agent_main();
    }
    let mut next = || arguments.next().map(PathBuf::from).ok_or("IMAGE MODULES_DIR CACHE X.ko…");
    let (image, modules, cache) = (next()?, next()?, next()?);
    let files: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    let started = Instant::now();
    let told = |what: &str| println!("{:8.3} s  {what}", started.elapsed().as_secs_f64());
    let spec = Spec::new(image, Some(modules.clone()), cache);
    let order = load_order(&files, Some(&modules), &BTreeSet::new())?;
    let mut vm = Vm::start(&spec, &RuntimeDir::open()?, &mut |step| told(&format!("{step:?}")))?;
    told(&format!("{:?}", vm.start_kind()));
    let mut events = |event: &Event| match event {
        Event::Log(record) => told(&format!("[{}] {}", record.us, record.text)),
        other => told(&format!("{other:?}")),
    };
    for module in &order.modules {
        let module = ModuleToLoad {
            file: &module.name,
            elf: &module.elf,
            params: "",
            loader: Loader::Kernel,
            force_vermagic: false,
            force_modversions: false,
        };
        match vm.load(&module, &mut events) {
            Ok(loaded) => told(&format!("{loaded:?}")),
            Err(e) => told(&format!("{}: {e}", module.file)),
        }
    }
    for module in order.modules.iter().rev() {
        match vm.unload(&module.name, false, &mut events) {
            Ok(()) => told(&format!("{} is out", module.name)),
            Err(e) => told(&format!("{}: {e}", module.name)),
        }
    }
    Ok(())
}
