//! A case: what is done, by either loader, in a fork of a booted kernel.

use crate::modules::Module;
use std::sync::Arc;

/// What is done, in order. What the last load led to is looked at more closely.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    pub steps: Vec<Step>,
}

#[derive(Clone)]
pub enum Step {
    Load(Load),
    /// A file of the kernel's own VFS is written.
    Write(&'static str, &'static str),
}

#[derive(Clone, Default)]
pub struct Load {
    pub name: String,
    pub bytes: Arc<[u8]>,
    pub params: String,
    pub force_vermagic: bool,
    pub force_modversions: bool,
}

impl Case {
    /// Modules loaded one after the other, without parameters.
    pub fn of_modules(name: &str, modules: &[Arc<Module>]) -> Case {
        let load = |module: &Arc<Module>| Step::Load(Load::new(&module.name, &module.bytes));
        Case { name: name.to_owned(), steps: modules.iter().map(load).collect() }
    }

    /// The load that is looked at.
    pub fn last(&self) -> Option<&Load> {
        self.steps.iter().rev().find_map(|step| match step {
            Step::Load(load) => Some(load),
            Step::Write(..) => None,
        })
    }
}

impl Load {
    pub fn new(name: &str, bytes: &[u8]) -> Load {
        Load { name: name.to_owned(), bytes: bytes.into(), ..Load::default() }
    }
}
