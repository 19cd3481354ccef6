//! Types as BTF describes them.

use komod_kernel::btf::{Btf, Kind, Type, TypeId};

use super::layout::{FieldKind, Layout, Place, TypeKind};

/// Anonymous structs within each other deeper than this are not looked into.
const MAX_DEPTH: u32 = 16;
/// Fields of one type that are looked at, those of anonymous structs among them.
const MAX_FIELDS: usize = 20_000;

/// The type in the form in which both sides are compared; `None` for other kinds of types.
pub fn layout(btf: &Btf, found: Type<'_>) -> Option<Layout> {
    let kind = kind(found.kind())?;
    let mut layout = Layout {
        kind,
        name: found.name().to_owned(),
        size: found.size()?.into(),
        fields: Vec::new(),
        values: Vec::new(),
    };
    if kind == TypeKind::Enum {
        layout.values.extend(found.enumerators().map(|item| (item.name.to_owned(), item.value)));
    } else {
        let mut budget = MAX_FIELDS;
        fields(btf, found, 0, 0, &mut budget, &mut layout.fields);
    }
    Some(layout)
}

/// What a kind of BTF type is here.
pub fn kind(kind: Kind) -> Option<TypeKind> {
    match kind {
        Kind::Struct => Some(TypeKind::Struct),
        Kind::Union => Some(TypeKind::Union),
        Kind::Enum | Kind::Enum64 => Some(TypeKind::Enum),
        _ => None,
    }
}

fn fields(
    btf: &Btf,
    outer: Type<'_>,
    base: u64,
    depth: u32,
    budget: &mut usize,
    into: &mut Vec<(String, Place)>,
) {
    for member in outer.members() {
        let Some(left) = budget.checked_sub(1) else { return };
        *budget = left;
        let bit_offset = base + u64::from(member.bit_offset);
        if member.name.is_empty() {
            if let Some(inner) = btf.resolve(member.type_id)
                && depth < MAX_DEPTH
            {
                fields(btf, inner, bit_offset, depth + 1, budget, into);
            }
            continue;
        }
        let place = Place {
            bit_offset,
            bit_size: member.bit_size,
            size: btf.size_of(member.type_id).unwrap_or_default().into(),
            kind: field_kind(btf, member.type_id),
        };
        into.push((member.name.to_owned(), place));
    }
}

fn field_kind(btf: &Btf, id: TypeId) -> FieldKind {
    match btf.resolve(id).map(|found| found.kind()) {
        Some(Kind::Ptr) => FieldKind::Pointer,
        Some(Kind::Array) => FieldKind::Array,
        Some(Kind::Struct | Kind::Union) => FieldKind::Aggregate,
        _ => FieldKind::Scalar,
    }
}
