//! Types of parameters and the values they take.

use super::number;
use crate::Errno;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Longest string a `charp` takes (`param_set_charp()`).
const MAX_CHARP: usize = 1024;

/// Type of a parameter, by the `param_ops_*` that handle it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// `unsigned char`.
    Byte,
    /// `short`.
    Short,
    /// `unsigned short`.
    UShort,
    /// `int`.
    Int,
    /// `unsigned int`.
    UInt,
    /// `long`.
    Long,
    /// `unsigned long`.
    ULong,
    /// `unsigned long long`.
    ULLong,
    /// `unsigned int`, shown in hexadecimal.
    HexInt,
    /// `char *`.
    CharP,
    /// `bool`.
    Bool,
    /// `bool` that can only be switched on; `true` if it is on already.
    BoolEnableOnly(bool),
    /// `bool`, stored inverted.
    InvBool,
    /// `int` set from a truth value.
    BInt,
    /// `char[]` of this size, the NUL included.
    String(u32),
    /// Array of up to `max` elements.
    Array {
        /// Type of the elements.
        of: Box<ParamKind>,
        /// Room for so many.
        max: u32,
    },
    /// Handled by code of the module's own or an unknown function of the kernel.
    Custom {
        /// May be given without a value.
        no_arg: bool,
    },
}

impl ParamKind {
    /// The type that the operations of this name handle.
    pub fn from_ops(symbol: &str) -> Option<ParamKind> {
        Some(match symbol {
            "param_ops_byte" => ParamKind::Byte,
            "param_ops_short" => ParamKind::Short,
            "param_ops_ushort" => ParamKind::UShort,
            "param_ops_int" => ParamKind::Int,
            "param_ops_uint" => ParamKind::UInt,
            "param_ops_long" => ParamKind::Long,
            "param_ops_ulong" => ParamKind::ULong,
            "param_ops_ullong" => ParamKind::ULLong,
            "param_ops_hexint" => ParamKind::HexInt,
            "param_ops_charp" => ParamKind::CharP,
            "param_ops_bool" => ParamKind::Bool,
            "param_ops_bool_enable_only" => ParamKind::BoolEnableOnly(false),
            "param_ops_invbool" => ParamKind::InvBool,
            "param_ops_bint" => ParamKind::BInt,
            _ => return None,
        })
    }

    /// True if the parameter may be given without `=value` (`KERNEL_PARAM_OPS_FL_NOARG`).
    pub fn allows_no_value(&self) -> bool {
        match self {
            ParamKind::Bool | ParamKind::BoolEnableOnly(_) | ParamKind::BInt => true,
            ParamKind::Custom { no_arg } => *no_arg,
            _ => false,
        }
    }

    /// What giving `value` to the parameter `name` stores; with the kernel's extra log line if it
    /// has one besides the usual.
    pub fn store(
        &self,
        name: &str,
        value: Option<&[u8]>,
    ) -> Result<Value, (Errno, Option<String>)> {
        let quiet = |errno| (errno, None);
        let text = value.unwrap_or(b"1");
        match self {
            ParamKind::Byte => unsigned(text, u8::MAX.into()).map_err(quiet),
            ParamKind::UShort => unsigned(text, u16::MAX.into()).map_err(quiet),
            ParamKind::UInt | ParamKind::HexInt => unsigned(text, u32::MAX.into()).map_err(quiet),
            ParamKind::ULong | ParamKind::ULLong => unsigned(text, u64::MAX).map_err(quiet),
            ParamKind::Short => signed(text, i16::MIN.into(), i16::MAX.into()).map_err(quiet),
            ParamKind::Int => signed(text, i32::MIN.into(), i32::MAX.into()).map_err(quiet),
            ParamKind::Long => signed(text, i64::MIN, i64::MAX).map_err(quiet),
            ParamKind::CharP if text.len() > MAX_CHARP => {
                Err((Errno::ENOSPC, Some(format!("{name}: string parameter too long"))))
            }
            ParamKind::CharP => Ok(Value::Text(text.to_vec())),
            ParamKind::Bool => number::boolean(text).map(Value::Bool).map_err(quiet),
            ParamKind::BoolEnableOnly(on) => match number::boolean(text).map_err(quiet)? {
                false if *on => Err(quiet(Errno::EROFS)),
                value => Ok(Value::Bool(value)),
            },
            ParamKind::InvBool => number::boolean(text).map(|v| Value::Bool(!v)).map_err(quiet),
            ParamKind::BInt => {
                number::boolean(text).map(|v| Value::Signed(v.into())).map_err(quiet)
            }
            ParamKind::String(room) => {
                if text.len() >= *room as usize {
                    let chars = room.wrapping_sub(1);
                    let line = format!("{name}: string doesn't fit in {chars} chars.");
                    return Err((Errno::ENOSPC, Some(line)));
                }
                Ok(Value::Text(text.to_vec()))
            }
            ParamKind::Array { of, max } => array(name, of, *max, text),
            ParamKind::Custom { .. } => Ok(Value::Custom(value.map(<[u8]>::to_vec))),
        }
    }
}

fn unsigned(text: &[u8], max: u64) -> Result<Value, Errno> {
    let value = number::unsigned(text)?;
    if value > max { Err(Errno::ERANGE) } else { Ok(Value::Unsigned(value)) }
}

fn signed(text: &[u8], min: i64, max: i64) -> Result<Value, Errno> {
    let value = number::signed(text)?;
    if (min..=max).contains(&value) { Ok(Value::Signed(value)) } else { Err(Errno::ERANGE) }
}

fn array(
    name: &str,
    of: &ParamKind,
    max: u32,
    text: &[u8],
) -> Result<Value, (Errno, Option<String>)> {
    let mut values = Vec::new();
    for element in text.split(|&byte| byte == b',') {
        if values.len() as u64 == u64::from(max) {
            let line = format!("{name}: can only take {max} arguments");
            return Err((Errno::EINVAL, Some(line)));
        }
        values.push(of.store(name, Some(element))?);
    }
    Ok(Value::Array(values))
}

/// What would be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of an unsigned type.
    Unsigned(u64),
    /// Of a signed type.
    Signed(i64),
    /// A truth value, as stored (that is, inverted for `invbool`).
    Bool(bool),
    /// A string, without its NUL.
    Text(Vec<u8>),
    /// The elements given.
    Array(Vec<Value>),
    /// What a handler of the module's own would be called with.
    Custom(Option<Vec<u8>>),
}

/// A parameter of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamDecl {
    /// Name.
    pub name: String,
    /// Type.
    pub kind: ParamKind,
    /// Permissions of its file in `/sys/module/*/parameters`; 0 for no file.
    pub perm: u16,
    /// Setting it taints the kernel (`module_param_unsafe()`).
    pub is_unsafe: bool,
    /// It describes hardware resources and is out of reach under lockdown.
    pub is_hardware: bool,
}

impl ParamDecl {
    /// A plain parameter with permissions 0444.
    pub fn new(name: impl Into<String>, kind: ParamKind) -> Self {
        ParamDecl { name: name.into(), kind, perm: 0o444, is_unsafe: false, is_hardware: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(kind: &ParamKind, text: &str) -> Result<Value, Errno> {
        kind.store("p", Some(text.as_bytes())).map_err(|error| error.0)
    }

    #[test]
    fn limits_of_the_integer_types() {
        use ParamKind::*;
        for (kind, text, value) in [
            (Byte, "255", Ok(Value::Unsigned(255))),
            (Byte, "256", Err(Errno::ERANGE)),
            (Byte, "-1", Err(Errno::EINVAL)),
            (Short, "-32768", Ok(Value::Signed(-32768))),
            (Short, "32768", Err(Errno::ERANGE)),
            (UShort, "65535", Ok(Value::Unsigned(65535))),
            (UShort, "65536", Err(Errno::ERANGE)),
            (Int, "-2147483648", Ok(Value::Signed(-2_147_483_648))),
            (Int, "2147483648", Err(Errno::ERANGE)),
            (UInt, "4294967295", Ok(Value::Unsigned(4_294_967_295))),
            (UInt, "4294967296", Err(Errno::ERANGE)),
            (HexInt, "0xff", Ok(Value::Unsigned(255))),
            (Long, "-9223372036854775808", Ok(Value::Signed(i64::MIN))),
            (ULong, "18446744073709551615", Ok(Value::Unsigned(u64::MAX))),
            (ULLong, "18446744073709551616", Err(Errno::ERANGE)),
            (InvBool, "y", Ok(Value::Bool(false))),
            (BInt, "on", Ok(Value::Signed(1))),
            (Bool, "maybe", Err(Errno::EINVAL)),
            (BoolEnableOnly(true), "n", Err(Errno::EROFS)),
            (BoolEnableOnly(false), "n", Ok(Value::Bool(false))),
        ] {
            assert_eq!(store(&kind, text), value, "{kind:?} {text}");
        }
    }

    #[test]
    fn strings_have_room_for_their_nul() {
        let kind = ParamKind::String(4);
        assert_eq!(store(&kind, "abc"), Ok(Value::Text(b"abc".to_vec())));
        let (errno, line) = kind.store("p", Some(b"abcd")).unwrap_err();
        assert_eq!(
            (errno, line.unwrap().as_str()),
            (Errno::ENOSPC, "p: string doesn't fit in 3 chars.")
        );
        let long = [b'x'; MAX_CHARP + 1];
        assert!(ParamKind::CharP.store("p", Some(&long[..MAX_CHARP])).is_ok());
        assert_eq!(ParamKind::CharP.store("p", Some(&long)).unwrap_err().0, Errno::ENOSPC);
    }

    #[test]
    fn arrays_count_and_limit() {
        let kind = ParamKind::Array { of: Box::new(ParamKind::Int), max: 2 };
        let two = Value::Array(Vec::from([Value::Signed(1), Value::Signed(-2)]));
        assert_eq!(store(&kind, "1,-2"), Ok(two));
        let (errno, line) = kind.store("p", Some(b"1,2,3")).unwrap_err();
        assert_eq!(
            (errno, line.unwrap().as_str()),
            (Errno::EINVAL, "p: can only take 2 arguments")
        );
        assert_eq!(store(&kind, "1,"), Err(Errno::EINVAL), "an empty element is a bad number");
        assert_eq!(kind.store("p", Some(b"1,x")).unwrap_err(), (Errno::EINVAL, None));
    }
}
