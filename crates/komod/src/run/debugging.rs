//! `komod run --on vm --gdb`: where gdb finds the machine, and how people hear of it.

use crate::cmd::place_error;
use crate::console;
use anyhow::Result;
use komod_place::dependencies::ModuleFile;
use komod_place::process::RuntimeDir;
use komod_place::vm::gdb::Debugger;
use komod_place::vm::{Spec, Vm};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// People look at things for hours.
const PATIENCE: Duration = Duration::from_secs(30 * 24 * 3600);

/// The files of one run that is debugged; they go with it.
pub struct Debugging {
    socket: PathBuf,
    script: PathBuf,
    symbols: PathBuf,
}

impl Debugging {
    pub fn prepare(spec: &mut Spec) -> Result<Debugging> {
        let dir = RuntimeDir::open().map_err(|e| place_error(&e, "starting"))?;
        let file = |ending: &str| dir.path().join(format!("{}.{ending}", std::process::id()));
        let (socket, script, symbols) = (file("gdb"), file("gdbinit"), file("gdbsymbols"));
        spec.gdb = Some(socket.clone());
        spec.patience = PATIENCE;
        Ok(Debugging { socket, script, symbols })
    }

    pub fn begin(&self, vm: &mut Vm, modules: &[ModuleFile]) -> Result<()> {
        let given = modules.iter().filter(|m| m.given);
        let absolute = |m: &ModuleFile| std::path::absolute(&m.path).unwrap_or(m.path.clone());
        let debugger = Debugger {
            socket: self.socket.clone(),
            script: self.script.clone(),
            symbols: self.symbols.clone(),
            modules: given.map(|m| (m.name.clone(), absolute(m))).collect(),
            tell: Box::new(tell),
        };
        Ok(vm.debug(debugger).map_err(|e| place_error(&e, "debugging"))?)
    }
}

fn tell(script: &Path) {
    console::note("the machine has stopped before the module's init and waits for gdb:");
    console::people(&format!("  gdb -x {}", script.display()));
}

impl Drop for Debugging {
    fn drop(&mut self) {
        for file in [&self.socket, &self.script, &self.symbols] {
            let _ = std::fs::remove_file(file);
        }
    }
}
