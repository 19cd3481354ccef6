//! The C signatures of natives, as data that can be compared with the kernel's BTF.

use super::ptr::Ptr;

/// What matters of a parameter's type when it travels in a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Void,
    Bool,
    Int { size: u8, signed: bool },
    Pointer,
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Class::Void => f.write_str("void"),
            Class::Bool => f.write_str("bool"),
            Class::Int { size, signed } => {
                write!(f, "{}{}", if *signed { 's' } else { 'u' }, size * 8)
            }
            Class::Pointer => f.write_str("ptr"),
        }
    }
}

/// A type that natives take and return.
pub trait Abi {
    const CLASS: Class;
}

macro_rules! abi {
    ($($t:ty => $c:expr),* $(,)?) => { $(impl Abi for $t { const CLASS: Class = $c; })* };
}
abi! {
    () => Class::Void,
    bool => Class::Bool,
    u8 => Class::Int { size: 1, signed: false },
    u16 => Class::Int { size: 2, signed: false },
    u32 => Class::Int { size: 4, signed: false },
    u64 => Class::Int { size: 8, signed: false },
    i32 => Class::Int { size: 4, signed: true },
    i64 => Class::Int { size: 8, signed: true },
    Ptr => Class::Pointer,
}

/// A native's prototype.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proto {
    pub ret: Class,
    pub params: Vec<Class>,
}

impl std::fmt::Display for Proto {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}(", self.ret)?;
        for (i, p) in self.params.iter().enumerate() {
            write!(f, "{}{p}", if i > 0 { ", " } else { "" })?;
        }
        f.write_str(")")
    }
}

/// An `extern "C" fn` that can stand in for a kernel function.
pub trait NativeFn: Copy {
    fn address(self) -> u64;
    fn proto() -> Proto;
}

macro_rules! native_fn {
    ($($p:ident),*) => {
        impl<R: Abi, $($p: Abi),*> NativeFn for extern "C" fn($($p),*) -> R {
            fn address(self) -> u64 {
                self as usize as u64
            }
            fn proto() -> Proto {
                Proto { ret: R::CLASS, params: vec![$($p::CLASS),*] }
            }
        }
    };
}
native_fn!();
native_fn!(A);
native_fn!(A, B);
native_fn!(A, B, C);
native_fn!(A, B, C, D);
native_fn!(A, B, C, D, E);
native_fn!(A, B, C, D, E, F);
native_fn!(A, B, C, D, E, F, G);
native_fn!(A, B, C, D, E, F, G, H);
native_fn!(A, B, C, D, E, F, G, H, I);
native_fn!(A, B, C, D, E, F, G, H, I, J);
