//! Differences of layouts, told.

use komod_diag::{Diagnostic, Evidence, Severity};

use super::layout::{Change, LayoutDifference, Place};

/// Types, and fields of one, that are shown.
const SHOWN: usize = 8;

/// What a user is told about them; nothing if there are none.
pub fn advice(release: &str, differences: &[LayoutDifference]) -> Vec<Diagnostic> {
    let Some(first) = differences.first() else { return Vec::new() };
    let title = match differences.len() {
        1 => format!("{} was compiled in another shape than kernel {release} has", named(first)),
        n => format!(
            "{n} types were compiled in another shape than kernel {release} has: {}{}",
            named(first),
            if n == 2 { " and one more" } else { " and others" },
        ),
    };
    let mut told = Diagnostic::new("L-49", Severity::Warning, title).with_explanation(
        "The kernel does not notice: it compares checksums that were made when the module was \
         linked, not what its objects were compiled with. The code reads and writes fields where \
         they are not.",
    );
    for difference in differences.iter().take(SHOWN) {
        let header =
            difference.header.as_ref().map(|header| format!(" ({header})")).unwrap_or_default();
        told = told.with_evidence(Evidence::fact(
            format!("{}{header}", named(difference)),
            describe(difference),
        ));
    }
    if let Some(more) = differences.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        told = told.with_evidence(Evidence::fact("further types", format!("and {more} more")));
    }
    vec![told.with_hint(format!(
        "delete the module's object files and build it anew: `komod build --kernel {release}`"
    ))]
}

fn named(difference: &LayoutDifference) -> String {
    format!("{} {}", difference.kind.keyword(), difference.name)
}

/// Sizes, then field by field.
pub fn describe(difference: &LayoutDifference) -> String {
    let mut parts = Vec::new();
    if difference.module_size != difference.kernel_size {
        let (module, kernel) = (difference.module_size, difference.kernel_size);
        parts.push(format!("{module} bytes in the module, {kernel} in the kernel"));
    }
    parts.extend(difference.changes.iter().take(SHOWN).map(change));
    if let Some(more) = difference.changes.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        parts.push(format!("and {more} more"));
    }
    parts.join("; ")
}

fn change(change: &Change) -> String {
    let at = |place: &Option<Place>| {
        place.as_ref().map(|place| format!(" (at {})", offset(place))).unwrap_or_default()
    };
    match change {
        Change::Field { name, module, kernel } => {
            let mut text = if module.bit_offset == kernel.bit_offset {
                format!("{name}: at {}", offset(module))
            } else {
                format!("{name}: at {}, in the kernel at {}", offset(module), offset(kernel))
            };
            if width(module) != width(kernel) {
                text += &format!(", of {}, in the kernel of {}", width(module), width(kernel));
            } else if module.kind != kernel.kind {
                text +=
                    &format!(", {:?}, in the kernel {:?}", module.kind, kernel.kind).to_lowercase();
            }
            text
        }
        Change::OnlyModule { name, place } => format!("{name}{}: not in the kernel", at(place)),
        Change::OnlyKernel { name, place } => format!("{name}{}: only in the kernel", at(place)),
        Change::Value { name, module, kernel } => {
            format!("{name} = {module}, in the kernel {kernel}")
        }
    }
}

/// `64`, or `64 bit 3` for a bit field.
fn offset(place: &Place) -> String {
    match place.bit_size {
        0 => (place.bit_offset / 8).to_string(),
        _ => format!("{} bit {}", place.bit_offset / 8, place.bit_offset % 8),
    }
}

fn width(place: &Place) -> String {
    match place.bit_size {
        0 => format!("{} bytes", place.size),
        bits => format!("{bits} bits"),
    }
}
