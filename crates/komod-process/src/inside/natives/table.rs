//! Which native stands in for which kernel function, checked and installed.

use crate::inside::abi::{Class, NativeFn, Proto};
use crate::inside::kernel;
use crate::inside::patching;
use crate::inside::stubs;
use komod_kernel::btf::{Btf, FuncProto, TypeClass};

enum Code {
    Rust {
        address: u64,
        proto: Proto,
    },
    /// A hand-written stub that keeps every register; it takes and ignores any arguments.
    Stub {
        address: u64,
        ret: &'static [Class],
    },
}

struct Native {
    name: &'static str,
    code: Code,
}

#[derive(Default)]
pub struct Table(Vec<Native>);

/// What became of a table.
#[derive(Debug, Default, Clone)]
pub struct Installed {
    pub count: usize,
    /// Functions without BTF (assembly), installed unchecked.
    pub unchecked: Vec<&'static str>,
}

impl Table {
    /// A Rust native for the functions called `names` (one function, or versions of it).
    /// The same name may be added again with another signature: the one that BTF knows wins.
    pub fn add<F: NativeFn>(&mut self, names: &[&'static str], native: F) {
        for name in names {
            let code = Code::Rust { address: native.address(), proto: F::proto() };
            self.0.push(Native { name, code });
        }
    }

    /// A fixed stub; the functions must return one of `ret`.
    pub fn stub(&mut self, names: &[&'static str], address: u64, ret: &'static [Class]) {
        for name in names {
            self.0.push(Native { name, code: Code::Stub { address, ret } });
        }
    }

    /// Redirects each function's entry to its native.
    pub fn install(self, btf: &Btf) -> Result<Installed, Vec<String>> {
        let mut done = Installed::default();
        let mut errors = Vec::new();
        let mut natives = self.0.iter().peekable();
        let mut handled = std::collections::HashSet::new();
        for native in natives.by_ref() {
            let Some(entry) = kernel::function(native.name) else { continue };
            if handled.contains(native.name) {
                continue;
            }
            match btf.func(native.name) {
                None => {
                    if matches!(native.code, Code::Rust { .. }) {
                        done.unchecked.push(native.name);
                    }
                }
                Some(real) => {
                    if let Err(reason) = native.fits(&real) {
                        let other =
                            self.0.iter().any(|o| o.name == native.name && o.fits(&real).is_ok());
                        if !other {
                            handled.insert(native.name);
                            errors.push(format!("{}: {reason}", native.name));
                        }
                        continue;
                    }
                }
            }
            handled.insert(native.name);
            let target = match &native.code {
                Code::Rust { address, proto } => {
                    stubs::trampoline(*address, proto.params.len().saturating_sub(6))
                }
                Code::Stub { address, .. } => *address,
            };
            patching::redirect(entry, target);
            done.count += 1;
        }
        if errors.is_empty() { Ok(done) } else { Err(errors) }
    }
}

impl Native {
    fn fits(&self, real: &FuncProto<'_>) -> Result<(), String> {
        let ret = class(&real.ret);
        match &self.code {
            Code::Stub { ret: accepted, .. } => {
                if accepted.iter().any(|c| same(*c, ret)) {
                    Ok(())
                } else {
                    Err(format!("the kernel's returns {ret}, the stub serves {accepted:?}"))
                }
            }
            Code::Rust { proto, .. } => {
                let params: Vec<Class> = real.params.iter().map(|p| class(&p.1)).collect();
                let fits = same(proto.ret, ret)
                    && (proto.params.len() == params.len()
                        || real.variadic && proto.params.len() >= params.len())
                    && proto.params.iter().zip(&params).all(|(a, b)| same(*a, *b));
                if fits {
                    Ok(())
                } else {
                    Err(format!("native is {proto}, the kernel's is {}", Proto { ret, params }))
                }
            }
        }
    }
}

/// Signs do not matter: a register holds the same bits.
fn same(a: Class, b: Class) -> bool {
    match (a, b) {
        (Class::Int { size: x, .. }, Class::Int { size: y, .. }) => x == y,
        _ => a == b,
    }
}

fn class(t: &TypeClass) -> Class {
    match t {
        TypeClass::Void => Class::Void,
        TypeClass::Bool => Class::Bool,
        TypeClass::Int { size, signed } => Class::Int { size: *size as u8, signed: *signed },
        TypeClass::Enum { size } => Class::Int { size: *size as u8, signed: false },
        TypeClass::Pointer => Class::Pointer,
        // Small structures (kuid_t, pgprot_t, ktime_t) travel in a register like an integer.
        TypeClass::Struct { size } | TypeClass::Float { size } => {
            Class::Int { size: (*size).min(255) as u8, signed: false }
        }
        _ => Class::Int { size: 255, signed: false },
    }
}
