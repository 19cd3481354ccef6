//! What the kernel does not check, of one module: how its types lie, what it was built with.

use komod_diag::Diagnostic;
use komod_object::Module;

use crate::target::Target;
use crate::{built_with, layouts};

impl Target {
    /// What is told of an uncompressed module that this kernel may well load, and should not.
    /// Layouts are compared if the target was made with the kernel's image, and if the module has
    /// debug information that can be read.
    pub fn advice(&self, bytes: &[u8]) -> Vec<Diagnostic> {
        let Ok(module) = Module::parse(bytes) else { return Vec::new() };
        let mut told = Vec::new();
        if let Some(btf) = self.btf()
            && let Ok(differences) = layouts::differences(&module, btf)
        {
            told.extend(layouts::advice(self.release(), &differences));
        }
        told.extend(built_with::advice(&module, &self.build));
        told
    }
}
