//! Function prototypes as a caller needs to see them: how each value is passed.

use super::{Btf, Kind, TypeId};

/// What kind of value a type is, to the calling convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TypeClass {
    Void,
    Int {
        size: u32,
        signed: bool,
    },
    Bool,
    Enum {
        size: u32,
    },
    Pointer,
    /// A struct or union by value.
    Struct {
        size: u32,
    },
    Float {
        size: u32,
    },
}

/// A function's prototype.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FuncProto<'a> {
    pub ret: TypeClass,
    pub ret_type: TypeId,
    /// Name, class and type of each parameter, without `...`.
    pub params: Vec<(&'a str, TypeClass, TypeId)>,
    /// Whether it ends with `...`.
    pub variadic: bool,
}

impl Btf {
    /// The prototype of a function by its name. Functions that the compiler changed or that exist
    /// in several variants may be missing from BTF.
    pub fn func(&self, name: &str) -> Option<FuncProto<'_>> {
        let function = self.find(name, |kind| kind == Kind::Func)?;
        self.prototype(function.target()?)
    }

    /// A prototype by the number of a function, its prototype, or a pointer to it (such as a
    /// member of an operations struct).
    pub fn prototype(&self, id: TypeId) -> Option<FuncProto<'_>> {
        let mut found = self.resolve(id)?;
        for _ in 0..2 {
            if matches!(found.kind(), Kind::Func | Kind::Ptr) {
                found = self.resolve(found.target()?)?;
            }
        }
        if found.kind() != Kind::FuncProto {
            return None;
        }
        let ret_type = found.target()?;
        let mut params = Vec::new();
        let mut variadic = false;
        for param in found.params() {
            if param.type_id == 0 {
                variadic = true;
            } else {
                params.push((param.name, self.class(param.type_id)?, param.type_id));
            }
        }
        Some(FuncProto { ret: self.class(ret_type)?, ret_type, params, variadic })
    }

    /// How a value of this type is passed; `None` for what is not a value (a bare function, a
    /// reference to a type that is not there).
    pub fn class(&self, id: TypeId) -> Option<TypeClass> {
        if id == 0 {
            return Some(TypeClass::Void);
        }
        let Some(found) = self.resolve(id) else {
            // `const void` and the like end in type 0.
            return self.ends_in_void(id).then_some(TypeClass::Void);
        };
        let size = found.size().unwrap_or_default();
        match found.kind() {
            Kind::Int if found.is_bool() => Some(TypeClass::Bool),
            Kind::Int => Some(TypeClass::Int { size, signed: found.is_signed() }),
            Kind::Enum | Kind::Enum64 => Some(TypeClass::Enum { size }),
            // An array parameter is a pointer.
            Kind::Ptr | Kind::Array => Some(TypeClass::Pointer),
            Kind::Struct | Kind::Union => Some(TypeClass::Struct { size }),
            Kind::Float => Some(TypeClass::Float { size }),
            _ => None,
        }
    }

    fn ends_in_void(&self, id: TypeId) -> bool {
        let mut current = id;
        for _ in 0..super::MAX_DEPTH {
            if current == 0 {
                return true;
            }
            match self.get(current) {
                Some(found) if matches!(found.kind(), Kind::Ptr | Kind::Array) => return false,
                Some(found) => match found.target() {
                    Some(target) => current = target,
                    None => return false,
                },
                None => return false,
            }
        }
        false
    }
}
