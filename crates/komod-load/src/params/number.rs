//! Numbers and truth values as the kernel's `kstrto*()` functions read them.

use crate::Errno;

/// Reads an unsigned number: decimal, `0` octal or `0x` hexadecimal, an optional `+`, one trailing
/// newline.
pub(super) fn unsigned(text: &[u8]) -> Result<u64, Errno> {
    digits(text.strip_prefix(b"+").unwrap_or(text))
}

/// Reads a signed number.
pub(super) fn signed(text: &[u8]) -> Result<i64, Errno> {
    match text.strip_prefix(b"-") {
        Some(rest) => match digits(rest)? {
            magnitude if magnitude <= i64::MIN.unsigned_abs() => {
                Ok((magnitude as i64).wrapping_neg())
            }
            _ => Err(Errno::ERANGE),
        },
        None => i64::try_from(unsigned(text)?).map_err(|_| Errno::ERANGE),
    }
}

fn digits(text: &[u8]) -> Result<u64, Errno> {
    let (base, text) = match text {
        [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit() => (16, &text[2..]),
        [b'0', ..] => (8, text),
        _ => (10, text),
    };
    let digit = |byte: u8| char::from(byte).to_digit(base);
    let count = text.iter().take_while(|&&byte| digit(byte).is_some()).count();
    let (number, rest) = text.split_at(count);
    let value = number.iter().try_fold(0_u64, |value, &byte| {
        value.checked_mul(base.into())?.checked_add(digit(byte)?.into())
    });
    let value = value.ok_or(Errno::ERANGE)?;
    // A number out of range is reported as such even with garbage behind it.
    if count == 0 || !matches!(rest, [] | [b'\n']) {
        return Err(Errno::EINVAL);
    }
    Ok(value)
}

/// Reads a truth value by its first letters; what follows does not matter.
pub(super) fn boolean(text: &[u8]) -> Result<bool, Errno> {
    match text {
        [b'y' | b'Y' | b't' | b'T' | b'1', ..] => Ok(true),
        [b'n' | b'N' | b'f' | b'F' | b'0', ..] => Ok(false),
        [b'o' | b'O', b'n' | b'N', ..] => Ok(true),
        [b'o' | b'O', b'f' | b'F', ..] => Ok(false),
        _ => Err(Errno::EINVAL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, value) in [
            ("0", Ok(0)),
            ("42", Ok(42)),
            ("+42", Ok(42)),
            ("42\n", Ok(42)),
            ("0x2a", Ok(42)),
            ("0X2A", Ok(42)),
            ("052", Ok(42)),
            ("0x", Err(Errno::EINVAL)),
            ("0xg", Err(Errno::EINVAL)),
            ("08", Err(Errno::EINVAL)),
            ("", Err(Errno::EINVAL)),
            ("+", Err(Errno::EINVAL)),
            ("++1", Err(Errno::EINVAL)),
            ("4 2", Err(Errno::EINVAL)),
            ("42\n\n", Err(Errno::EINVAL)),
            ("abc", Err(Errno::EINVAL)),
            ("18446744073709551615", Ok(u64::MAX)),
            ("18446744073709551616", Err(Errno::ERANGE)),
            ("18446744073709551616x", Err(Errno::ERANGE)),
        ] {
            assert_eq!(unsigned(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn signed_numbers() {
        for (text, value) in [
            ("-1", Ok(-1)),
            ("-0x10", Ok(-16)),
            ("9223372036854775807", Ok(i64::MAX)),
            ("9223372036854775808", Err(Errno::ERANGE)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("-9223372036854775809", Err(Errno::ERANGE)),
            ("--1", Err(Errno::EINVAL)),
            ("-+1", Err(Errno::EINVAL)),
            ("+-1", Err(Errno::EINVAL)),
        ] {
            assert_eq!(signed(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn booleans() {
        for text in ["y", "Y", "1", "t", "on", "ON", "yes", "true", "1garbage"] {
            assert_eq!(boolean(text.as_bytes()), Ok(true), "{text}");
        }
        for text in ["n", "0", "off", "oF", "False"] {
            assert_eq!(boolean(text.as_bytes()), Ok(false), "{text}");
        }
        for text in ["", "2", "o", "ox", " 1"] {
            assert_eq!(boolean(text.as_bytes()), Err(Errno::EINVAL), "{text}");
        }
    }
}
