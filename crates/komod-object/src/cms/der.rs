//! Reads DER elements (ITU-T X.690) with one-byte tags and definite lengths.

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its tag byte.
    pub tag: u8,
    /// What stands behind the length.
    pub contents: &'a [u8],
    /// Tag, length and contents, as they stand in the file.
    pub whole: &'a [u8],
}

/// Reads the first element and gives what is behind it; `None` if it does not fit or its length
/// is indefinite or of more than four bytes.
pub fn read(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (digits, rest) = match first {
        0..=0x7f => (&[][..], rest),
        0x81..=0x84 => rest.split_at_checked(usize::from(first & 0x7f))?,
        _ => return None,
    };
    let start = if digits.is_empty() { usize::from(first) } else { 0 };
    let length = digits.iter().fold(start, |value, &digit| value << 8 | usize::from(digit));
    let (contents, behind) = rest.split_at_checked(length)?;
    let whole = bytes.get(..bytes.len() - behind.len())?;
    Some((Element { tag, contents, whole }, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_lengths() {
        let (element, behind) = read(&[4, 2, 7, 8, 9]).unwrap();
        assert_eq!((element.tag, element.contents, behind), (4, &[7, 8][..], &[9][..]));
        assert_eq!(element.whole, [4, 2, 7, 8]);
        let (element, behind) = read(&[4, 0x82, 0, 1, 7]).unwrap();
        assert_eq!((element.contents, behind), (&[7][..], &[][..]));
    }

    #[test]
    fn every_truncation_and_bad_length_is_refused() {
        let whole = [4, 0x82, 0, 3, 7, 8, 9];
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), None, "{length}");
        }
        assert_eq!(read(&[0x30, 0x80, 0, 0]), None);
        assert_eq!(read(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 1]), None);
    }
}
