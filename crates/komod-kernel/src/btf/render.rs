//! Types as C writes them.

use super::{Btf, Kind, MAX_DEPTH, TypeId};

/// No type text longer than this is built: hostile BTF can nest prototypes without end.
const MAX_TEXT: usize = 4096;

impl Btf {
    /// The type as C text: `const struct file_operations *`, `int (*)(struct file *, char *)`,
    /// `u8[16]`. Anonymous structs appear as `struct {...}`.
    pub fn type_name(&self, id: TypeId) -> String {
        self.declare(id, String::new(), 0)
    }

    /// C declarators are written from the inside out: `inner` is what has been written so far
    /// around the (absent) name.
    fn declare(&self, id: TypeId, inner: String, depth: u32) -> String {
        let with = |text: String| match inner.as_str() {
            "" => text,
            rest if rest.starts_with('[') => format!("{text}{rest}"),
            rest => format!("{text} {rest}"),
        };
        if id == 0 {
            return with("void".to_owned());
        }
        if depth > MAX_DEPTH || inner.len() > MAX_TEXT {
            return with("...".to_owned());
        }
        let Some(found) = self.get(id) else { return with(format!("<type {id}?>")) };
        let target = found.target().unwrap_or_default();
        let tagged = |tag: &str| match found.name() {
            "" => format!("{tag} {{...}}"),
            name => format!("{tag} {name}"),
        };
        match found.kind() {
            Kind::Int | Kind::Float | Kind::Typedef => with(found.name().to_owned()),
            Kind::Struct => with(tagged("struct")),
            Kind::Union => with(tagged("union")),
            Kind::Enum | Kind::Enum64 => with(tagged("enum")),
            Kind::Fwd if found.is_union_forward() => with(tagged("union")),
            Kind::Fwd => with(tagged("struct")),
            Kind::Ptr => {
                let inner = if self.needs_parentheses(target) {
                    format!("(*{inner})")
                } else {
                    format!("*{inner}")
                };
                self.declare(target, inner, depth + 1)
            }
            Kind::Array => {
                let length = found.array_len().unwrap_or_default();
                self.declare(target, format!("{inner}[{length}]"), depth + 1)
            }
            Kind::Const | Kind::Volatile | Kind::Restrict => {
                let word = match found.kind() {
                    Kind::Const => "const",
                    Kind::Volatile => "volatile",
                    _ => "restrict",
                };
                // A qualified pointer has the word behind the star, any other type before it.
                if self.get(target).is_some_and(|target| target.kind() == Kind::Ptr) {
                    let space = if inner.is_empty() { "" } else { " " };
                    self.declare(target, format!(" {word}{space}{inner}"), depth + 1)
                } else {
                    format!("{word} {}", self.declare(target, inner, depth + 1))
                }
            }
            Kind::TypeTag => self.declare(target, inner, depth + 1),
            Kind::FuncProto => {
                let params = self.parameters(id, depth);
                self.declare(target, format!("{inner}({params})"), depth + 1)
            }
            Kind::Func | Kind::Var => self.declare(target, found.name().to_owned(), depth + 1),
            Kind::Datasec | Kind::DeclTag => with(found.name().to_owned()),
        }
    }

    fn parameters(&self, prototype: TypeId, depth: u32) -> String {
        let Some(prototype) = self.get(prototype) else { return String::new() };
        let mut text = String::new();
        for param in prototype.params() {
            if text.len() > MAX_TEXT {
                text.push_str(", ...");
                break;
            }
            if !text.is_empty() {
                text.push_str(", ");
            }
            if param.type_id == 0 {
                text.push_str("...");
            } else {
                // Prototypes within prototypes: each level may hold many, so levels cost double.
                let next = (depth + 1).saturating_mul(4);
                text.push_str(&self.declare(param.type_id, String::new(), next));
            }
        }
        if text.is_empty() { "void".to_owned() } else { text }
    }

    /// Whether a pointer to this type is written `(*x)`: pointers to functions and arrays.
    fn needs_parentheses(&self, id: TypeId) -> bool {
        self.get(id).is_some_and(|found| matches!(found.kind(), Kind::FuncProto | Kind::Array))
    }
}
