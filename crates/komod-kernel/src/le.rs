//! Checked little-endian reads: `None` instead of a panic when the bytes are not there.
//!
//! All formats of this crate (boot header, ELF notes, kallsyms, BTF, komod's own caches) are
//! little-endian on the architectures komod supports.

/// `N` bytes at `offset`, if they exist.
fn array<const N: usize>(data: &[u8], offset: usize) -> Option<[u8; N]> {
    data.get(offset..)?.first_chunk::<N>().copied()
}

pub(crate) fn u16(data: &[u8], offset: usize) -> Option<u16> {
    array(data, offset).map(u16::from_le_bytes)
}

pub(crate) fn u32(data: &[u8], offset: usize) -> Option<u32> {
    array(data, offset).map(u32::from_le_bytes)
}

pub(crate) fn i32(data: &[u8], offset: usize) -> Option<i32> {
    array(data, offset).map(i32::from_le_bytes)
}

pub(crate) fn u64(data: &[u8], offset: usize) -> Option<u64> {
    array(data, offset).map(u64::from_le_bytes)
}

/// The bytes up to (not including) the NUL that ends the string at `offset`.
pub(crate) fn c_str(data: &[u8], offset: usize) -> Option<&[u8]> {
    let rest = data.get(offset..)?;
    let end = rest.iter().position(|&byte| byte == 0)?;
    rest.get(..end)
}

/// `offset` rounded up to a multiple of `to` (a power of two), unless that overflows.
pub(crate) fn align_up(offset: usize, to: usize) -> Option<usize> {
    debug_assert!(to.is_power_of_two());
    Some(offset.checked_add(to - 1)? & !(to - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_end_where_the_data_ends() {
        let data = [1, 2, 3, 4, 5, 6, 7, 8, 0];
        assert_eq!(u16(&data, 0), Some(0x0201));
        assert_eq!(u32(&data, 5), Some(0x0008_0706));
        assert_eq!(u32(&data, 6), None);
        assert_eq!(u64(&data, usize::MAX), None);
        assert_eq!(c_str(&data, 6), Some(&[7u8, 8][..]));
        assert_eq!(c_str(&data[..8], 6), None);
        assert_eq!(align_up(9, 8), Some(16));
        assert_eq!(align_up(usize::MAX, 8), None);
    }
}
