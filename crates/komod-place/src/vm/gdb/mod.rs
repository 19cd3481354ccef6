//! gdb at a machine: stopped before a module's init, with the module's symbols at their addresses.
//!
//! komod is the first to debug: it stops the machine where the kernel has formed the module and is
//! about to call its init (`do_init_module`, `kernel/module/main.c` of Linux 6.1), reads where the
//! sections are, writes them down for gdb and leaves without letting the machine go on. Whoever
//! comes next to the socket finds it as it is.

mod linked;
mod remote;
mod script;
mod sections;

use super::VmError;
use komod_kernel::btf::Btf;
use remote::Remote;
use sections::Formed;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

/// Is told how gdb is started, when the machine waits for it.
pub type Tell = dyn Fn(&Path) + Send + Sync;

/// What it takes to debug.
pub struct Debugger {
    /// QEMU listens here.
    pub socket: PathBuf,
    /// Where to write the module's file as gdb wants it.
    pub symbols: PathBuf,
    /// Where to write what gdb has to be told.
    pub script: PathBuf,
    /// The modules to stop before, and their files.
    pub modules: BTreeMap<String, PathBuf>,
    pub tell: Box<Tell>,
}

/// What the kernel under the machine says of itself.
pub struct Kernel {
    pub btf: Btf,
    /// The address of `do_init_module`.
    pub before_init: u64,
}

/// One load that is waited for.
pub struct Watch {
    line: UnixStream,
    thread: JoinHandle<(Debugger, Kernel)>,
}

impl Watch {
    /// The machine runs, and will stop before the next module's init.
    pub fn begin(debugger: Debugger, kernel: Kernel) -> Result<Watch, VmError> {
        let line = UnixStream::connect(&debugger.socket).map_err(VmError::Gdb)?;
        let its = line.try_clone().map_err(VmError::Gdb)?;
        let mut machine = Remote::new(its);
        machine.breakpoint(kernel.before_init, true).map_err(VmError::Gdb)?;
        machine.go_on().map_err(VmError::Gdb)?;
        let thread = std::thread::spawn(move || {
            // Whatever goes wrong, the load goes on.
            let waits = wait(&mut machine, &debugger, &kernel).unwrap_or(false);
            // QEMU has one debugger at a time. Gone without a word, the machine stays as it is.
            machine.hang_up();
            if waits {
                (debugger.tell)(&debugger.script);
            }
            (debugger, kernel)
        });
        Ok(Watch { line, thread })
    }

    /// The load is over, with or without a stop.
    pub fn end(mut self) -> Option<(Debugger, Kernel)> {
        if !self.thread.is_finished() {
            // What ctrl-C in gdb sends: the thread sees a stop that is not its own.
            let _ = self.line.write_all(&[3]);
        }
        self.thread.join().ok()
    }
}

/// Whether the machine has stopped before one of the modules' init.
fn wait(
    machine: &mut Remote<UnixStream>,
    debugger: &Debugger,
    kernel: &Kernel,
) -> io::Result<bool> {
    let stop = machine.stopped()?;
    machine.breakpoint(kernel.before_init, false)?;
    if stop.rip != kernel.before_init {
        return machine.detach().map(|()| false);
    }
    let formed: Formed = match sections::formed(machine, &kernel.btf, stop.rdi) {
        Ok(formed) => formed,
        Err(e) => {
            machine.detach()?;
            return Err(e);
        }
    };
    let Some(file) = debugger.modules.get(&formed.name) else {
        return machine.detach().map(|()| false);
    };
    let write = || {
        let module = crate::dependencies::contents(file).map_err(io::Error::other)?.elf;
        let linked = linked::linked(&module, &formed.sections);
        std::fs::write(&debugger.symbols, linked.as_ref().unwrap_or(&module))?;
        std::fs::write(&debugger.script, script::text(&debugger.socket, &debugger.symbols, &formed))
    };
    if let Err(e) = write() {
        machine.detach()?;
        return Err(e);
    }
    Ok(true)
}
