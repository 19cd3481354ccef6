//! Reads ASN.1 (ITU-T X.690) as the kernel's decoder does (`asn1_ber_decoder()`,
//! `lib/asn1_decoder.c`, Linux 6.1 and 6.12): BER of up to 65,535 bytes with one-byte tags, lengths
//! of up to two bytes or indefinite, nested ten deep. What stands behind the outermost element is
//! not looked at.
//!
//! A reader asks element by element, in the order of a grammar. Whether the last question found
//! something decides about alternatives, also where the contents have ended: both as in the kernel.

use super::CmsError;
use alloc::vec::Vec;

/// Tags (X.690).
pub(crate) mod tag {
    pub const CONSTRUCTED: u8 = 0x20;
    pub const BOOLEAN: u8 = 0x01;
    pub const INTEGER: u8 = 0x02;
    pub const BIT_STRING: u8 = 0x03;
    pub const OCTET_STRING: u8 = 0x04;
    pub const OBJECT: u8 = 0x06;
    pub const UTC_TIME: u8 = 0x17;
    pub const GENERAL_TIME: u8 = 0x18;
    pub const SEQUENCE: u8 = 0x30;
    pub const SET: u8 = 0x31;

    /// `[n]`, primitive.
    pub const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// `[n]`, constructed.
    pub const fn context_of(number: u8) -> u8 {
        0xa0 | number
    }
}

/// Bits of a tag byte that hold its number; all of them set mean that more bytes follow.
const TAG_NUMBER: u8 = 0x1f;
const INDEFINITE: u8 = 0x80;
/// Most bytes that are decoded at all.
const LONGEST: usize = 65_535;
/// Elements that can be open at the same time.
const DEEPEST: usize = 10;

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its tag byte. 0 for one that was read in parts, as for the kernel's actions.
    pub tag: u8,
    /// What stands behind the length.
    pub contents: &'a [u8],
    /// Tag, length and contents.
    pub whole: &'a [u8],
    /// Where the contents begin.
    pub offset: usize,
}

/// An element that is read in parts.
struct Open {
    start: usize,
    /// Bytes of tag and length.
    header: usize,
    /// Where what is around it ends, if its own length is given.
    around: Option<usize>,
}

/// The reader.
pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
    open: Vec<Open>,
    /// The last question found its element.
    found: bool,
}

impl<'a> Decoder<'a> {
    /// Begins.
    pub fn new(bytes: &'a [u8]) -> Result<Self, CmsError> {
        if bytes.len() > LONGEST {
            return Err(CmsError::TooLong { len: bytes.len() });
        }
        let open = Vec::with_capacity(DEEPEST);
        Ok(Decoder { bytes, at: 0, end: bytes.len(), open, found: false })
    }

    /// Where it is.
    pub fn offset(&self) -> usize {
        self.at
    }

    fn malformed(&self, what: &'static str) -> CmsError {
        CmsError::Malformed { what, offset: self.at }
    }

    /// An element with this tag. One with a constructed tag is open afterwards.
    pub fn expect(&mut self, tag: u8) -> Result<Element<'a>, CmsError> {
        match self.read(Some(tag), false)? {
            Some(element) => Ok(element),
            None => Err(self.malformed("an unexpected tag")),
        }
    }

    /// One with this tag, if it is the next.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, CmsError> {
        self.read(Some(tag), true)
    }

    /// The same, unless the question before found something.
    pub fn or(&mut self, tag: u8) -> Result<Option<Element<'a>>, CmsError> {
        if self.found {
            return Ok(None);
        }
        self.read(Some(tag), true)
    }

    /// One of the alternatives before must have been there.
    pub fn one_of_them(&self) -> Result<(), CmsError> {
        if self.found { Ok(()) } else { Err(self.malformed("none of what may stand here")) }
    }

    /// An element of any tag, with all that is in it.
    pub fn any(&mut self) -> Result<Element<'a>, CmsError> {
        match self.read(None, false)? {
            Some(element) => Ok(element),
            None => Err(self.malformed("an element is missing")),
        }
    }

    /// The same, if there is one more.
    pub fn any_more(&mut self) -> Result<Option<Element<'a>>, CmsError> {
        self.read(None, true)
    }

    /// What was found has been read by a rule of its own.
    pub fn complete(&mut self) {
        self.found = true;
    }

    fn read(&mut self, wanted: Option<u8>, absent: bool) -> Result<Option<Element<'a>>, CmsError> {
        if absent && self.at == self.end {
            return Ok(None);
        }
        self.found = false;
        let start = self.at;
        let inside = self.bytes.get(start..self.end).unwrap_or_default();
        let &[tag, length, ref rest @ ..] = inside else {
            return Err(self.malformed("an element that ends too early"));
        };
        if tag & TAG_NUMBER == TAG_NUMBER {
            return Err(self.malformed("a tag of several bytes"));
        }
        // Where a constructed element is expected, a primitive one of that number passes.
        let differs = |wanted: u8| (wanted ^ tag) & !(wanted & tag::CONSTRUCTED) != 0;
        if wanted.is_some_and(differs) {
            return if absent { Ok(None) } else { Err(self.malformed("an unexpected tag")) };
        }
        self.found = true;
        let (header, length) = match length {
            0..=0x7f => (2, Some(usize::from(length))),
            INDEFINITE if tag & tag::CONSTRUCTED == 0 => {
                return Err(self.malformed("a primitive element without length"));
            }
            INDEFINITE if rest.len() < 2 => {
                return Err(self.malformed("an element that ends too early"));
            }
            INDEFINITE => (2, None),
            0x81 | 0x82 => {
                let digits = rest.get(..usize::from(length & 0x7f));
                let digits = digits.ok_or(self.malformed("an element that ends too early"))?;
                let value = digits.iter().fold(0, |value, &digit| value << 8 | usize::from(digit));
                (2 + digits.len(), Some(value))
            }
            _ => return Err(self.malformed("a length of more than two bytes")),
        };
        let contents = start + header;
        if length.is_some_and(|length| length > self.end - contents) {
            return Err(self.malformed("a length beyond the end"));
        }
        if wanted.is_some_and(|wanted| wanted & tag::CONSTRUCTED != 0) {
            if self.open.len() == DEEPEST {
                return Err(self.malformed("elements nested too deep"));
            }
            let around = length.map(|_| self.end);
            self.open.push(Open { start: contents, header, around });
            self.at = contents;
            self.end = length.map_or(self.end, |length| contents + length);
            return Ok(Some(self.element(tag, contents, header, contents)));
        }
        let end = match length {
            Some(length) => contents + length,
            None => self.end_of_indefinite(contents)?,
        };
        self.at = end;
        Ok(Some(self.element(tag, contents, header, end)))
    }

    fn element(&self, tag: u8, start: usize, header: usize, end: usize) -> Element<'a> {
        Element {
            tag,
            contents: self.bytes.get(start..end).unwrap_or_default(),
            whole: self.bytes.get(start - header..end).unwrap_or_default(),
            offset: start,
        }
    }

    /// Where an element without length ends, with the two zero bytes that end it. Unlike above,
    /// tags and lengths may be long in there (`asn1_find_indefinite_length()`).
    fn end_of_indefinite(&self, start: usize) -> Result<usize, CmsError> {
        let short = CmsError::Malformed { what: "an element without end", offset: start };
        let mut at = start;
        let next = |at: &mut usize| {
            let byte = self.bytes.get(*at).filter(|_| *at < self.end).copied().ok_or(short);
            *at += 1;
            byte
        };
        let mut level = 1;
        loop {
            let tag = next(&mut at)?;
            if tag == 0 {
                if next(&mut at)? != 0 {
                    return Err(short);
                }
                level -= 1;
                if level == 0 {
                    return Ok(at);
                }
                continue;
            }
            if tag & TAG_NUMBER == TAG_NUMBER {
                while next(&mut at)? & 0x80 != 0 {}
            }
            let length = next(&mut at)?;
            let length = match length {
                0..=0x7f => usize::from(length),
                INDEFINITE if tag & tag::CONSTRUCTED == 0 => return Err(short),
                INDEFINITE => {
                    level += 1;
                    continue;
                }
                // `sizeof(size_t) - 1` bytes.
                0x81..=0x87 => {
                    let mut value = 0;
                    for _ in 0..length & 0x7f {
                        value = value << 8 | usize::from(next(&mut at)?);
                    }
                    value
                }
                _ => return Err(short),
            };
            if length > self.end.saturating_sub(at) {
                return Err(short);
            }
            at += length;
        }
    }

    /// Ends the element opened last, which must have been read to its end.
    pub fn close(&mut self) -> Result<Element<'a>, CmsError> {
        match self.end_of(false)? {
            Some(element) => Ok(element),
            None => Err(self.malformed("more than belongs there")),
        }
    }

    /// Ends the element opened last; `None` if there is more in it to read.
    pub fn close_list(&mut self) -> Result<Option<Element<'a>>, CmsError> {
        self.end_of(true)
    }

    fn end_of(&mut self, list: bool) -> Result<Option<Element<'a>>, CmsError> {
        let Some(&Open { start, header, around }) = self.open.last() else {
            return Err(self.malformed("the end of what was not begun"));
        };
        let end = self.at;
        match around {
            Some(around) => {
                if self.at < self.end && list {
                    return Ok(None);
                }
                if self.at != self.end {
                    return Err(self.malformed("more than belongs there"));
                }
                self.end = around;
            }
            None => {
                let rest = self.bytes.get(self.at..self.end).unwrap_or_default();
                match rest {
                    [0, 0, ..] => self.at += 2,
                    [0, _, ..] | [] | [_] => {
                        return Err(self.malformed("an element without end"));
                    }
                    _ if list => return Ok(None),
                    _ => return Err(self.malformed("an element without end")),
                }
            }
        }
        self.open.pop();
        Ok(Some(self.element(0, start, header, end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(bytes: &[u8]) -> Result<Element<'_>, CmsError> {
        Decoder::new(bytes)?.any()
    }

    #[test]
    fn short_long_and_absent_lengths() {
        let element = any(&[4, 2, 7, 8, 9]).unwrap();
        assert_eq!((element.tag, element.contents, element.offset), (4, &[7, 8][..], 2));
        assert_eq!(element.whole, [4, 2, 7, 8]);
        assert_eq!(any(&[4, 0x82, 0, 1, 7]).unwrap().contents, [7]);
        // Its end belongs to it.
        let open = [0x30, 0x80, 4, 1, 7, 0x30, 0x80, 0, 0, 0, 0, 9];
        assert_eq!(any(&open).unwrap().contents, &open[2..11]);
        for bad in [&[4, 0x83, 0, 0, 0][..], &[4, 0x80, 0, 0], &[0x1f, 1, 0], &[4, 2, 7]] {
            assert!(matches!(any(bad), Err(CmsError::Malformed { .. })), "{bad:?}");
        }
        assert_eq!(any(&[0; 65_536]), Err(CmsError::TooLong { len: 65_536 }));
    }

    #[test]
    fn every_truncation_is_refused() {
        for whole in [&[4, 0x82, 0, 3, 7, 8, 9][..], &[0x30, 0x80, 0x30, 0x80, 4, 1, 7, 0, 0, 0, 0]]
        {
            assert!(any(whole).is_ok());
            for length in 0..whole.len() {
                assert!(any(&whole[..length]).is_err(), "{length}");
            }
        }
    }

    #[test]
    fn parts_lists_and_alternatives() {
        // SEQUENCE { INTEGER 1, SET OF OCTET STRING }, and what nobody reads.
        let bytes = [0x30, 11, 2, 1, 1, 0x31, 6, 4, 1, 8, 4, 1, 9, 0xff];
        let mut decoder = Decoder::new(&bytes).unwrap();
        decoder.expect(tag::SEQUENCE).unwrap();
        assert_eq!(decoder.optional(tag::BOOLEAN), Ok(None));
        assert!(decoder.one_of_them().is_err());
        assert_eq!(decoder.or(tag::INTEGER).unwrap().unwrap().contents, [1]);
        assert_eq!(decoder.or(tag::SET), Ok(None));
        decoder.one_of_them().unwrap();
        decoder.expect(tag::SET).unwrap();
        decoder.expect(tag::OCTET_STRING).unwrap();
        assert_eq!(decoder.close_list(), Ok(None));
        assert!(decoder.close().is_err());
        decoder.expect(tag::OCTET_STRING).unwrap();
        assert_eq!(decoder.close_list().unwrap().unwrap().whole, &bytes[5..13]);
        assert_eq!(decoder.optional(tag::BOOLEAN), Ok(None));
        assert_eq!(decoder.close().unwrap().whole, &bytes[..13]);
        assert!(decoder.close().is_err());
    }

    #[test]
    fn nesting_has_a_bound() {
        let bytes = [0x30, 0x80].repeat(12);
        let mut decoder = Decoder::new(&bytes).unwrap();
        for _ in 0..10 {
            decoder.expect(tag::SEQUENCE).unwrap();
        }
        assert!(decoder.expect(tag::SEQUENCE).is_err());
    }
}
