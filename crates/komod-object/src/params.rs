//! The parameters a module documents: the `parm` and `parmtype` strings of `.modinfo`.
//!
//! `module_param()` records `parmtype=name:type`, `MODULE_PARM_DESC()` records
//! `parm=name:description` (`include/linux/moduleparam.h`); either may be missing.

use crate::Text;
use crate::modinfo::ModInfo;
use alloc::vec::Vec;

/// A parameter as `.modinfo` describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// Name.
    pub name: Text<'a>,
    /// Type (`int`, `charp`, `array of byte`, …), if recorded.
    pub kind: Option<Text<'a>>,
    /// Description, if any.
    pub description: Option<Text<'a>>,
}

/// Merges `parm` and `parmtype`, in order of first appearance.
pub fn documented<'a>(info: &ModInfo<'a>) -> Vec<Param<'a>> {
    let mut params: Vec<Param<'a>> = Vec::new();
    for (key, value) in info.entries() {
        let is_type = key == "parmtype";
        if !is_type && key != "parm" {
            continue;
        }
        let bytes = value.as_bytes();
        let Some(colon) = bytes.iter().position(|&byte| byte == b':') else {
            continue;
        };
        let (name, rest) = (Text::new(&bytes[..colon]), Text::new(&bytes[colon + 1..]));
        let index = params.iter().position(|p| p.name == name).unwrap_or_else(|| {
            params.push(Param { name, kind: None, description: None });
            params.len() - 1
        });
        let slot = if is_type { &mut params[index].kind } else { &mut params[index].description };
        slot.get_or_insert(rest);
    }
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_types_and_descriptions() {
        let info = ModInfo::new(
            b"parmtype=debug:bool\0parm=debug:Say: more\0parm=old:no type\0parm=broken\0",
        );
        let params = documented(&info);
        assert_eq!(params.len(), 2);
        assert_eq!(params[0].kind.unwrap(), "bool");
        assert_eq!(params[0].description.unwrap(), "Say: more");
        assert_eq!((params[1].name, params[1].kind), (Text::from("old"), None));
    }
}
