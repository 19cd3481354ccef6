//! A type as one side has it, and what differs between two.

use std::collections::BTreeMap;

/// What a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TypeKind {
    /// `struct`
    Struct,
    /// `union`
    Union,
    /// `enum`
    Enum,
}

impl TypeKind {
    /// The C keyword.
    pub fn keyword(self) -> &'static str {
        match self {
            TypeKind::Struct => "struct",
            TypeKind::Union => "union",
            TypeKind::Enum => "enum",
        }
    }
}

/// What a field is, as far as it is compared: what it points to or is made of is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// An integer, an enumeration, a floating point number.
    Scalar,
    /// A pointer.
    Pointer,
    /// An array.
    Array,
    /// A struct or union.
    Aggregate,
}

/// Where a field lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Offset in bits.
    pub bit_offset: u64,
    /// Width of a bit field in bits, 0 for an ordinary field.
    pub bit_size: u32,
    /// Size of the field's type in bytes.
    pub size: u64,
    /// What it is.
    pub kind: FieldKind,
}

/// A named struct, union or enumeration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Layout {
    /// What it is.
    pub kind: TypeKind,
    /// Without the keyword.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Fields by name, those of anonymous structs and unions among them, in order of declaration.
    pub fields: Vec<(String, Place)>,
    /// Values of an enumeration.
    pub values: Vec<(String, i64)>,
}

/// How one field or value differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It lies elsewhere, or is of another size or kind.
    Field {
        /// Its name.
        name: String,
        /// In the module.
        module: Place,
        /// In the kernel.
        kernel: Place,
    },
    /// The module has it, the kernel does not.
    OnlyModule {
        /// Its name.
        name: String,
        /// Where, if it is a field.
        place: Option<Place>,
    },
    /// The kernel has it, the module does not.
    OnlyKernel {
        /// Its name.
        name: String,
        /// Where, if it is a field.
        place: Option<Place>,
    },
    /// An enumerator has another value.
    Value {
        /// Its name.
        name: String,
        /// In the module.
        module: i64,
        /// In the kernel.
        kernel: i64,
    },
}

/// A type that the module was compiled with in another shape than the kernel's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutDifference {
    /// What it is.
    pub kind: TypeKind,
    /// Without the keyword.
    pub name: String,
    /// Where the module's compiler read it, if the debug information says so.
    pub header: Option<String>,
    /// Bytes in the module.
    pub module_size: u64,
    /// Bytes in the kernel.
    pub kernel_size: u64,
    /// Fields and values that differ, in the module's order, then what only the kernel has.
    pub changes: Vec<Change>,
}

impl Layout {
    /// What differs in the kernel's `other`; `None` if nothing that matters does.
    pub fn difference(&self, other: &Layout) -> Option<LayoutDifference> {
        let mut changes = Vec::new();
        let theirs: BTreeMap<&str, Place> =
            other.fields.iter().map(|(name, place)| (name.as_str(), *place)).collect();
        let ours: BTreeMap<&str, Place> =
            self.fields.iter().map(|(name, place)| (name.as_str(), *place)).collect();
        for (name, module) in &self.fields {
            match theirs.get(name.as_str()) {
                None => {
                    changes.push(Change::OnlyModule { name: name.clone(), place: Some(*module) })
                }
                Some(kernel) if kernel != module => changes.push(Change::Field {
                    name: name.clone(),
                    module: *module,
                    kernel: *kernel,
                }),
                Some(_) => {}
            }
        }
        let values: BTreeMap<&str, i64> =
            other.values.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        for (name, module) in &self.values {
            match values.get(name.as_str()) {
                None => changes.push(Change::OnlyModule { name: name.clone(), place: None }),
                // Signed in one description, unsigned in the other: the same bits.
                Some(kernel) if *kernel as u32 != *module as u32 => changes.push(Change::Value {
                    name: name.clone(),
                    module: *module,
                    kernel: *kernel,
                }),
                Some(_) => {}
            }
        }
        for (name, place) in &other.fields {
            if !ours.contains_key(name.as_str()) {
                changes.push(Change::OnlyKernel { name: name.clone(), place: Some(*place) });
            }
        }
        for (name, _) in &other.values {
            if !self.values.iter().any(|(own, _)| own == name) {
                changes.push(Change::OnlyKernel { name: name.clone(), place: None });
            }
        }
        if changes.is_empty() && self.size == other.size {
            return None;
        }
        Some(LayoutDifference {
            kind: self.kind,
            name: self.name.clone(),
            header: None,
            module_size: self.size,
            kernel_size: other.size,
            changes,
        })
    }

    /// How many of its fields or values the other has, too: tells a changed type from an
    /// unrelated one of the same name.
    pub fn shared(&self, other: &Layout) -> usize {
        let fields =
            self.fields.iter().filter(|(name, _)| other.fields.iter().any(|o| o.0 == *name));
        let values =
            self.values.iter().filter(|(name, _)| other.values.iter().any(|o| o.0 == *name));
        fields.count() + values.count()
    }

    /// Number of fields and values.
    pub fn count(&self) -> usize {
        self.fields.len() + self.values.len()
    }
}
