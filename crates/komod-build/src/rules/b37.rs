//! B-37: the compiler is not installed
//!
//! # What
//! The program that the kernel tree names as its compiler (or assembler, or linker) is not there.
//!
//! # Why
//! Header trees name the compiler they want with its version: Debian 12's say `gcc-12`. komod does
//! not pass on `CC`, `CROSS_COMPILE` or `ARCH` from your environment, so they are not the cause.
//!
//! # Example
//! ```text
//! /bin/sh: 1: gcc-12: not found
//! make[2]: gcc-12: No such file or directory
//! ```
//!
//! # Way out
//! Install it: `apt-get install gcc-12`.

use super::{Finding, Outcome, error};
use crate::packages;

/// Names of compilers and their companions, without prefix and version.
const TOOLS: [&str; 8] = ["gcc", "clang", "cc", "ld", "as", "objcopy", "nm", "ld.lld"];

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.succeeded() {
        return Vec::new();
    }
    let missing = outcome.log.lines.iter().find_map(|line| missing_tool(line));
    let Some(tool) = missing else { return Vec::new() };
    let texts = [format!("{tool}: not found"), format!("{tool}: No such file"), format!("{tool}: command not found")];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut diagnostic = error("B-37", format!("{tool} is not installed"));
    diagnostic.evidence.extend(outcome.said("make", &texts));
    if let Some(wanted) = outcome.tree.config("CONFIG_CC_VERSION_TEXT") {
        diagnostic.evidence.push(komod_diag::Evidence::fact("CONFIG_CC_VERSION_TEXT", wanted));
    }
    vec![diagnostic.with_hint(packages::install(&[&tool])).into()]
}

/// The tool of a line `sh: 1: gcc-12: not found` or `make: gcc-12: No such file or directory`.
fn missing_tool(line: &str) -> Option<String> {
    let head = [": not found", ": No such file or directory", ": command not found"]
        .iter()
        .find_map(|end| line.strip_suffix(end))?;
    let tool = head.rsplit(": ").next()?;
    let plain = tool.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let known = TOOLS.iter().any(|name| {
        plain == *name || plain.strip_suffix(name).is_some_and(|prefix| prefix.ends_with('-'))
    });
    known.then(|| tool.to_owned())
}

#[cfg(test)]
mod tests {
    use super::missing_tool;

    #[test]
    fn tools() {
        let tool = |line: &str| missing_tool(line);
        assert_eq!(tool("/bin/sh: 1: gcc-12: not found").as_deref(), Some("gcc-12"));
        assert_eq!(
            tool("make[3]: arm-linux-gnueabihf-gcc-12: No such file or directory").as_deref(),
            Some("arm-linux-gnueabihf-gcc-12")
        );
        assert_eq!(tool("/bin/sh: 1: scripts/mod/modpost: not found"), None);
        assert_eq!(tool("x.c:1:10: fatal error: stdio.h: No such file or directory"), None);
    }
}
