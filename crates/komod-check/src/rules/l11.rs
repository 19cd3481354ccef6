//! L-11: a GPL-only symbol is imported under another licence
//!
//! # What
//! To a module whose licence is not compatible with the GPL, symbols of EXPORT_SYMBOL_GPL do
//! not exist: `Unknown symbol NAME (err -2)`, ENOENT.
//!
//! # Why
//! MODULE_LICENSE is missing or names a proprietary licence.
//!
//! # Example
//! ```text
//! hello: module license 'Proprietary' taints kernel.
//! hello: Unknown symbol class_create (err -2)
//! ```
//!
//! # Way out
//! If the source is under the GPL, say so: MODULE_LICENSE("GPL"). If not, do without the
//! symbol.

use komod_load::RefusalCode;

use crate::case::Case;

pub(crate) fn hints(_code: RefusalCode, case: &Case<'_>) -> Vec<String> {
    let license = match &case.license {
        Some(license) => format!("the module says MODULE_LICENSE(\"{license}\")"),
        None => "the module has no MODULE_LICENSE".to_owned(),
    };
    vec![
        format!("{license}: if its source is under the GPL, write MODULE_LICENSE(\"GPL\")"),
        "if it is not, do without these symbols".to_owned(),
    ]
}
