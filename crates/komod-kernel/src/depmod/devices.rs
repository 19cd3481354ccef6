//! Device nodes that load their module when they are opened: `modules.devname`.

use super::facts::{Facts, List};

/// A device node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device<'f> {
    /// Below `/dev`.
    pub name: &'f [u8],
    /// `c` or `b`, major and minor number, if the module tells them.
    pub numbers: Option<(char, u32, u32)>,
}

/// The device of a module: its aliases up to where both the name (`devname:NAME`) and the numbers
/// (`char-major-M-m`, `block-major-M-m`) are known; later ones count more.
pub fn device<'f>(facts: &'f Facts<'_>) -> Option<Device<'f>> {
    let mut name = None;
    let mut numbers = None;
    for alias in facts.list(List::Aliases) {
        if let Some(device) = alias.strip_prefix(b"devname:") {
            name = Some(device);
        } else if let Some((kind, text)) = None
            .or_else(|| Some(('c', alias.strip_prefix(b"char-major-")?)))
            .or_else(|| Some(('b', alias.strip_prefix(b"block-major-")?)))
            && let Some((major, minor)) = pair(text)
        {
            numbers = Some((kind, major, minor));
        }
        if name.is_some() && numbers.is_some() {
            break;
        }
    }
    Some(Device { name: name?, numbers })
}

/// Two numbers as scanf(3) reads `%u-%u`: blanks and signs may stand before them, anything behind.
fn pair(text: &[u8]) -> Option<(u32, u32)> {
    let (major, rest) = number(text)?;
    let (minor, _) = number(rest.strip_prefix(b"-")?)?;
    Some((major, minor))
}

fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let is_blank = |byte: &&u8| byte.is_ascii_whitespace() || **byte == 0x0b;
    let text = text.get(text.iter().take_while(is_blank).count()..)?;
    let negative = text.first() == Some(&b'-');
    let text = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(digits).filter(|(digits, _)| !digits.is_empty())?;
    let digit = |number: u64, byte: &u8| number.checked_mul(10)?.checked_add((byte - b'0').into());
    // strtoul(3): too large is the largest number; scanf keeps the lower 32 bits.
    let number = digits.iter().try_fold(0, digit);
    let number = match number {
        Some(number) if negative => number.wrapping_neg(),
        number => number.unwrap_or(u64::MAX),
    };
    #[allow(clippy::cast_possible_truncation, reason = "as scanf does")]
    Some((number as u32, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::depmod::facts::Gathering;

    /// What Debian's kmod 30 makes of these.
    #[test]
    fn numbers_are_read_as_by_scanf() {
        assert_eq!(pair(b"10-200"), Some((10, 200)));
        assert_eq!(pair(b"10-5x"), Some((10, 5)));
        assert_eq!(pair(b" 10--1"), Some((10, u32::MAX)));
        assert_eq!(pair(b"4294967297-1"), Some((1, 1)));
        assert_eq!(pair(b"99999999999999999999-1"), Some((u32::MAX, 1)));
        assert_eq!(pair(b"1-*"), None);
        assert_eq!(pair(b"x"), None);
    }

    #[test]
    fn the_last_name_before_both_are_known() {
        let read = |aliases: &[&str]| {
            let mut gathering = Gathering::default();
            aliases.iter().for_each(|alias| gathering.push(alias.as_bytes()));
            gathering.end(List::Aliases);
            let facts = gathering.facts();
            device(&facts).map(|d| (String::from_utf8(d.name.to_vec()).unwrap(), d.numbers))
        };
        let both = ["devname:a", "devname:b", "char-major-1-1", "char-major-2-2"];
        assert_eq!(read(&both), Some(("b".into(), Some(('c', 1, 1)))));
        let late = ["char-major-1-1", "block-major-3-3", "devname:a", "devname:b"];
        assert_eq!(read(&late), Some(("a".into(), Some(('b', 3, 3)))));
        assert_eq!(read(&["devname:a", "char-major-1-*"]), Some(("a".into(), None)));
        assert_eq!(read(&["char-major-1-1"]), None);
    }
}
