//! Taint flags: what the kernel remembers against itself and against each module.

use alloc::string::String;
use core::ops::{BitOr, BitOrAssign};

/// A set of taint flags, bit for bit as in `/proc/sys/kernel/tainted`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Taint(pub u64);

/// Letter and applicability to modules of each flag, by bit number
/// (`taint_flags`, `kernel/panic.c`, Linux 6.1 and 6.12).
const FLAGS: [(char, bool); 19] = [
    ('P', true),
    ('F', true),
    ('S', false),
    ('R', false),
    ('M', false),
    ('B', false),
    ('U', false),
    ('D', false),
    ('A', false),
    ('W', false),
    ('C', true),
    ('I', false),
    ('O', true),
    ('E', true),
    ('L', false),
    ('K', true),
    ('X', true),
    ('T', true),
    ('N', true),
];

impl Taint {
    /// `P`: a proprietary module.
    pub const PROPRIETARY: Taint = Taint(1 << 0);
    /// `F`: a module was loaded by force.
    pub const FORCED: Taint = Taint(1 << 1);
    /// `R`: a module was unloaded by force.
    pub const FORCED_RMMOD: Taint = Taint(1 << 3);
    /// `U`: user space asked for something dangerous (an unsafe parameter).
    pub const USER: Taint = Taint(1 << 6);
    /// `C`: a staging module.
    pub const STAGING: Taint = Taint(1 << 10);
    /// `O`: an out-of-tree module.
    pub const OUT_OF_TREE: Taint = Taint(1 << 12);
    /// `E`: a module without a valid signature.
    pub const UNSIGNED: Taint = Taint(1 << 13);
    /// `K`: a live patch.
    pub const LIVEPATCH: Taint = Taint(1 << 15);
    /// `N`: a test module.
    pub const TEST: Taint = Taint(1 << 18);

    /// True if all flags of `other` are set.
    pub const fn contains(self, other: Taint) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flags that these letters stand for; other letters are left out.
    pub fn of_letters(letters: &str) -> Taint {
        let bit = |letter| FLAGS.iter().position(|&(known, _)| known == letter);
        letters.chars().filter_map(bit).fold(Taint(0), |set, bit| set | Taint(1 << bit))
    }

    /// The letters of a module's taint, as in `/proc/modules` and `/sys/module/*/taint`: `OE`.
    pub fn module_letters(self) -> String {
        let set = |&(bit, &(_, module)): &(usize, &(char, bool))| module && self.0 >> bit & 1 == 1;
        FLAGS.iter().enumerate().filter(set).map(|(_, &(letter, _))| letter).collect()
    }

    /// The letters of the kernel's taint, as an Oops shows them after `Tainted:`; `G` stands for
    /// "no proprietary module".
    pub fn kernel_letters(self) -> String {
        let letter = |(bit, &(letter, _)): (usize, &(char, bool))| match self.0 >> bit & 1 {
            1 => letter,
            _ if bit == 0 => 'G',
            _ => ' ',
        };
        FLAGS.iter().enumerate().map(letter).collect()
    }
}

impl BitOr for Taint {
    type Output = Taint;

    fn bitor(self, other: Taint) -> Taint {
        Taint(self.0 | other.0)
    }
}

impl BitOrAssign for Taint {
    fn bitor_assign(&mut self, other: Taint) {
        self.0 |= other.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters() {
        let taint = Taint::OUT_OF_TREE | Taint::UNSIGNED;
        assert_eq!(taint.0, 12288);
        assert_eq!(taint.module_letters(), "OE");
        assert_eq!(taint.kernel_letters(), "G           OE     ");
        assert_eq!((taint | Taint::PROPRIETARY).kernel_letters(), "P           OE     ");
        assert_eq!((taint | Taint::USER).module_letters(), "OE");
    }
}
