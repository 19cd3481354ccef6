//! Numbers that a module's init function returns as they stand in its code (x86-64), as far as that
//! shows without running it: a constant in front of a return.
//!
//! Returns end in `ret`, or in a jump to `__x86_return_thunk`, which has a relocation and so tells
//! where instructions begin. Encodings: Intel SDM, volume 2.

use komod_diag::{Diagnostic, Evidence, Severity};
use komod_load::Errno;
use komod_object::Module;

/// Beyond this a number is no error number (`MAX_ERRNO`, `include/linux/err.h`).
const MAX_ERRNO: i32 = 4095;
const RETURN_THUNK: &str = "__x86_return_thunk";
const ENDBR64: &[u8] = &[0xf3, 0x0f, 0x1e, 0xfa];
const RET: u8 = 0xc3;
const JMP: u8 = 0xe9;
const MOV_EAX: u8 = 0xb8;

/// What is told of it; nothing of an init that does not show.
pub fn advice(module: &Module<'_>) -> Vec<Diagnostic> {
    let Some(init) = Init::of(module) else { return Vec::new() };
    if let Some(number) = init.positive() {
        let title = format!("its init returns {number} on one of its ways");
        let fact = match errno(number) {
            Some(name) => format!("{number}, which is {name} without its minus"),
            None => number.to_string(),
        };
        let told = Diagnostic::new("L-42", Severity::Warning, title);
        return vec![told.with_evidence(Evidence::fact("init's code returns", fact))];
    }
    let Some(number) = init.always().filter(|number| (-MAX_ERRNO..0).contains(number)) else {
        return Vec::new();
    };
    let name = errno(-number).map(|name| format!(" ({name})")).unwrap_or_default();
    let title = format!("its init always returns {number}{name}: it does not stay");
    vec![Diagnostic::new("L-41", Severity::Warning, title)]
}

fn errno(number: i32) -> Option<String> {
    let name = Errno(number).to_string();
    name.starts_with('E').then_some(name)
}

/// The code of init.
struct Init<'m> {
    code: &'m [u8],
    /// Where returns begin.
    returns: Vec<usize>,
}

impl<'m> Init<'m> {
    fn of(module: &Module<'m>) -> Option<Self> {
        let symbol = module.init()?;
        let (elf, index) = (module.elf(), usize::from(symbol.shndx));
        let start = usize::try_from(symbol.value).ok()?;
        let end = start.checked_add(usize::try_from(symbol.size).ok()?)?;
        let code = elf.section(index)?.data().get(start..end)?;
        let table = elf.symbols()?;
        let to_thunk = |symbol: u32| {
            table.get(symbol as usize).is_some_and(|symbol| symbol.name == RETURN_THUNK)
        };
        let relas = elf.relas_for(index).filter(|rela| to_thunk(rela.symbol));
        let mut returns: Vec<usize> = relas
            .filter_map(|rela| usize::try_from(rela.offset).ok()?.checked_sub(start + 1))
            .filter(|at| code.get(*at) == Some(&JMP))
            .collect();
        // Without thunks the last instruction, perhaps with a trap behind it.
        match code {
            [.., RET] => returns.push(code.len() - 1),
            [.., RET, 0xcc] => returns.push(code.len() - 2),
            _ => {}
        }
        Some(Init { code, returns })
    }

    /// A positive constant right in front of a return; registers may be restored between.
    fn positive(&self) -> Option<i32> {
        let constant = |at: &usize| {
            let mut before = self.code.get(..*at)?;
            while let [rest @ .., 0x41, 0x5c..=0x5f]
            | [rest @ .., 0x5b | 0x5d]
            | [rest @ .., 0x48, 0x83, 0xc4, _] = before
            {
                before = rest;
            }
            match before {
                [.., MOV_EAX, a, b, c, d] => Some(i32::from_le_bytes([*a, *b, *c, *d])),
                _ => None,
            }
        };
        let mut numbers = self.returns.iter().filter_map(constant);
        numbers.find(|number| (1..=MAX_ERRNO).contains(number))
    }

    /// The number that a function returns which has only one way: calls, constants as their
    /// arguments, a constant as its result.
    fn always(&self) -> Option<i32> {
        let (mut at, mut result) = (0, None);
        loop {
            let rest = self.code.get(at..)?;
            if self.returns.contains(&at) {
                return result;
            }
            at += match rest {
                rest if rest.starts_with(ENDBR64) => ENDBR64.len(),
                // A call leaves what it returns.
                [0xe8, ..] => {
                    result = None;
                    5
                }
                [MOV_EAX, a, b, c, d, ..] => {
                    result = Some(i32::from_le_bytes([*a, *b, *c, *d]));
                    5
                }
                [0x31, 0xc0, ..] => {
                    result = Some(0);
                    2
                }
                // Constants for arguments.
                [0x48, 0xc7, 0xc7 | 0xc6 | 0xc2, ..] => 7,
                [0xbf | 0xbe | 0xba, ..] => 5,
                [0x31, 0xff | 0xf6 | 0xd2, ..] => 2,
                // Registers are kept and restored, the stack moved.
                [0x53 | 0x55 | 0x5b | 0x5d, ..] => 1,
                [0x48, 0x83, 0xec | 0xc4, ..] => 4,
                [0x48, 0x89, 0xe5, ..] => 3,
                _ => return None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positive(code: &[u8], at: usize) -> Option<i32> {
        Init { code, returns: vec![at] }.positive()
    }

    fn always(code: &[u8]) -> Option<i32> {
        Init { code, returns: vec![code.len() - 1] }.always()
    }

    #[test]
    fn constants_in_front_of_returns() {
        assert_eq!(positive(&[0xb8, 22, 0, 0, 0, RET], 5), Some(22));
        assert_eq!(positive(&[0xb8, 5, 0, 0, 0, 0x5b, 0x41, 0x5c, JMP], 8), Some(5));
        assert_eq!(positive(&[0xb8, 0xed, 0xff, 0xff, 0xff, RET], 5), None);
        assert_eq!(positive(&[0xb8, 0, 0x20, 0, 0, RET], 5), None, "no error number");
        assert_eq!(positive(&[0x31, 0xc0, RET], 2), None);
        assert_eq!(positive(&[], 0), None);
    }

    #[test]
    fn only_a_straight_way_is_followed() {
        let straight = [&[0xe8, 0, 0, 0, 0][..], &[0xb8, 0xed, 0xff, 0xff, 0xff], &[RET]].concat();
        assert_eq!(always(&straight), Some(-19));
        let called = [&[0xb8, 0xed, 0xff, 0xff, 0xff][..], &[0xe8, 0, 0, 0, 0], &[RET]].concat();
        assert_eq!(always(&called), None, "what the call returned");
        let jump = [&[0x74, 5][..], &[0xb8, 0xed, 0xff, 0xff, 0xff], &[RET]].concat();
        assert_eq!(always(&jump), None);
        assert_eq!(always(&[0xb8, 1]), None);
    }
}
