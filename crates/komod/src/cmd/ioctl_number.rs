//! ioctl commands as people write them: a number, or the kernel's macros
//! (`include/uapi/asm-generic/ioctl.h`, Linux 6.1: number in bits 0 to 7, type in 8 to 15, size
//! in 16 to 29, direction in 30 and 31).

const MAX_SIZE: u64 = (1 << 14) - 1;

pub fn parse(text: &str) -> Result<u32, String> {
    let text = text.trim();
    if let Some(n) = number(text) {
        return u32::try_from(n).map_err(|_| "an ioctl command has 32 bits".into());
    }
    let (name, rest) = text.split_once('(').ok_or("want a number or _IO(…), _IOR(…)")?;
    let inner = rest.strip_suffix(')').ok_or("the closing parenthesis is missing")?;
    let direction: u32 = match name.trim() {
        "_IO" => 0,
        "_IOW" => 1,
        "_IOR" => 2,
        "_IOWR" => 3,
        other => return Err(format!("`{other}` is none of _IO, _IOR, _IOW, _IOWR")),
    };
    let parts: Vec<&str> = inner.split(',').map(str::trim).collect();
    let (kind, nr, size) = match (parts.as_slice(), direction) {
        ([kind, nr], 0) => (*kind, *nr, 0),
        ([kind, nr, of], 1..) => (*kind, *nr, size_of(of)?),
        (_, 0) => return Err("_IO has two parts: type, number".into()),
        _ => return Err(format!("{name} has three parts: type, number, size")),
    };
    let byte = |text: &str| letter(text).or_else(|| number(text)).filter(|n| *n < 256);
    let kind = byte(kind).ok_or("the type is a letter or a number below 256")?;
    let nr = number(nr).filter(|n| *n < 256).ok_or("the number is one below 256")?;
    let fields = size << 16 | kind << 8 | nr;
    u32::try_from(fields).map(|f| f | direction << 30).map_err(|e| e.to_string())
}

/// The size of the argument that a command speaks of.
pub fn size(command: u32) -> usize {
    (command >> 16) as usize & MAX_SIZE as usize
}

pub fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None if text.starts_with('-') => text.parse::<i64>().ok().map(|n| n as u64),
        None => text.parse().ok().filter(|_| !text.starts_with('+')),
    }
}

/// `'k'` or `k`.
fn letter(text: &str) -> Option<u64> {
    let inner = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')).unwrap_or(text);
    match inner.as_bytes() {
        [b] if inner.len() != text.len() || !b.is_ascii_digit() => Some(u64::from(*b)),
        _ => None,
    }
}

/// Sizes on x86-64.
fn size_of(text: &str) -> Result<u64, String> {
    let size = match text {
        "char" | "signed char" | "unsigned char" | "u8" | "s8" | "__u8" | "__s8" | "uint8_t"
        | "int8_t" => 1,
        "short" | "unsigned short" | "u16" | "s16" | "__u16" | "__s16" | "uint16_t" | "int16_t" => {
            2
        }
        "int" | "unsigned" | "unsigned int" | "u32" | "s32" | "__u32" | "__s32" | "uint32_t"
        | "int32_t" => 4,
        "long" | "unsigned long" | "long long" | "unsigned long long" | "u64" | "s64" | "__u64"
        | "__s64" | "uint64_t" | "int64_t" | "size_t" => 8,
        pointer if pointer.ends_with('*') => 8,
        other => number(other).ok_or_else(|| {
            format!("the size of `{other}` is not known here: give a number of bytes")
        })?,
    };
    if size > MAX_SIZE { Err(format!("a size is at most {MAX_SIZE}")) } else { Ok(size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_give_the_kernels_numbers() {
        // Checked against <linux/ioctl.h>.
        for (text, value) in [
            ("0x5401", 0x5401),
            ("21505", 0x5401),
            ("_IO('k', 0)", 0x6b00),
            ("_IO(k,7)", 0x6b07),
            ("_IOR('k', 1, int)", 0x8004_6b01),
            ("_IOW(k, 2, unsigned long)", 0x4008_6b02),
            ("_IOWR(0x6b, 3, 16)", 0xc010_6b03),
            ("_IOR(k, 1, char *)", 0x8008_6b01),
        ] {
            assert_eq!(parse(text), Ok(value), "{text}");
        }
        assert_eq!(size(0x8004_6b01), 4);
    }

    #[test]
    fn mistakes_are_named() {
        for text in [
            "",
            "x",
            "_IO(k)",
            "_IO(k, 1, 2)",
            "_IOR(k, 1)",
            "_IOX(k, 1)",
            "_IO(k, 256)",
            "_IO(k, 1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("_IOR(k, 1, struct x)").unwrap_err().contains("number of bytes"));
        assert!(parse("_IOR(k, 1, 16384)").is_err());
        assert!(parse("0x100000000").is_err());
    }
}
