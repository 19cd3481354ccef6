//! What the kernel does not check, of one module: how its types lie, what it was built with.

use komod_diag::{Diagnostic, Severity};
use komod_object::Module;

use crate::target::Target;
use crate::{built_with, init_returns, layouts};

impl Target {
    /// What is told of an uncompressed module that this kernel may well load, and should not.
    /// Layouts are compared if the target was made with the kernel's image, and if the module has
    /// debug information that can be read.
    pub fn advice(&self, bytes: &[u8]) -> Vec<Diagnostic> {
        let Ok(module) = Module::parse(bytes) else { return Vec::new() };
        let mut told = Vec::new();
        if let Some(btf) = self.btf()
            && let Ok(found) = layouts::compare(&module, btf)
        {
            told.extend(layouts::advice(self.release(), &found.differences));
            if found.source == layouts::Source::ForeignBtf {
                told.push(foreign_types(self.release()));
            }
        }
        told.extend(built_with::advice(&module, &self.build));
        told.extend(init_returns::advice(&module));
        told
    }
}

/// L-45.
fn foreign_types(release: &str) -> Diagnostic {
    let title = format!("its .BTF continues the types of another build than kernel {release}");
    Diagnostic::new("L-45", Severity::Note, title)
}
