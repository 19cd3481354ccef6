//! The kernel's configuration in make's and in C's language, made anew from `.config`.
//!
//! `scripts/kconfig/confdata.c` (Linux 6.1 and 6.12) writes all three from the same values:
//!
//! | `.config` | `auto.conf` | `autoconf.h` |
//! |---|---|---|
//! | `CONFIG_X=y` | `CONFIG_X=y` | `#define CONFIG_X 1` |
//! | `CONFIG_X=m` | `CONFIG_X=m` | `#define CONFIG_X_MODULE 1` |
//! | `CONFIG_X=5` | `CONFIG_X=5` | `#define CONFIG_X 5` |
//! | `CONFIG_X="a b"` | `CONFIG_X=a b`, with quotes before 5.17 | `#define CONFIG_X "a b"` |
//! | `# CONFIG_X is not set` | nothing | nothing |

use std::fs;
use std::path::{Path, PathBuf};

use super::{Content, Spares};
use crate::tree::Tree;

pub(super) const AUTO_CONF: &str = "include/config/auto.conf";
pub(super) const AUTOCONF_H: &str = "include/generated/autoconf.h";

const HEAD: &str = "Made by komod from the kernel's .config.";

pub(super) fn auto_conf(tree: &Tree, spares: &Spares) -> Option<(Content, String)> {
    let (text, path) = source(tree, spares)?;
    Some((Content::Bytes(for_make(&text).into_bytes()), path.display().to_string()))
}

pub(super) fn autoconf_h(tree: &Tree, spares: &Spares) -> Option<(Content, String)> {
    let (text, path) = source(tree, spares)?;
    Some((Content::Bytes(for_c(&text).into_bytes()), path.display().to_string()))
}

/// The configuration: the tree's own, else the copy that is installed with the image.
fn source(tree: &Tree, spares: &Spares) -> Option<(String, PathBuf)> {
    let name = format!("config-{}", tree.release);
    let own = tree.file(".config");
    let copies = spares.boot.iter().map(|boot| boot.join(&name));
    let beside = spares.modules.iter().map(|modules| modules.join("config"));
    std::iter::once(own).chain(copies).chain(beside).find_map(|path| Some((read(&path)?, path)))
}

fn read(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    // A file cut off or emptied is no source.
    text.contains("CONFIG_MODULES=y").then_some(text)
}

/// Names and values, without what is not set.
fn values(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .filter(|line| line.starts_with("CONFIG_"))
        .filter_map(|line| line.split_once('='))
        .filter(|(_, value)| *value != "n")
}

fn for_make(config: &str) -> String {
    let quoted = version(config).is_some_and(|version| version < (5, 17));
    let mut text = format!("# {HEAD}\n");
    for (name, value) in values(config) {
        let value = match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(inner) if !quoted => unescaped(inner),
            _ => value.to_owned(),
        };
        text.push_str(&format!("{name}={value}\n"));
    }
    text
}

fn for_c(config: &str) -> String {
    let mut text = format!("/* {HEAD} */\n");
    for (name, value) in values(config) {
        let line = match value {
            "y" => format!("#define {name} 1\n"),
            "m" => format!("#define {name}_MODULE 1\n"),
            value => format!("#define {name} {value}\n"),
        };
        text.push_str(&line);
    }
    text
}

/// Without the backslashes before `"` and `\`.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    plain
}

/// From the head of the file: `# Linux/x86 6.1.192 Kernel Configuration`.
fn version(config: &str) -> Option<(u32, u32)> {
    let line = config.lines().take(5).find(|line| line.ends_with("Kernel Configuration"))?;
    let mut numbers = line.split_whitespace().nth(2)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "#\n# Automatically generated file; DO NOT EDIT.\n\
        # Linux/x86 6.1.192 Kernel Configuration\n#\nCONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\n\
        CONFIG_D=\"a \\\"b\\\"\"\nCONFIG_E=0x10\nCONFIG_F=\"\"\n";

    #[test]
    fn both_languages() {
        let make: Vec<_> = for_make(CONFIG).lines().skip(1).map(str::to_owned).collect();
        assert_eq!(
            make,
            ["CONFIG_A=y", "CONFIG_B=m", "CONFIG_D=a \"b\"", "CONFIG_E=0x10", "CONFIG_F="]
        );
        let c: Vec<_> = for_c(CONFIG).lines().skip(1).map(str::to_owned).collect();
        assert_eq!(
            c,
            [
                "#define CONFIG_A 1",
                "#define CONFIG_B_MODULE 1",
                "#define CONFIG_D \"a \\\"b\\\"\"",
                "#define CONFIG_E 0x10",
                "#define CONFIG_F \"\""
            ]
        );
        let old = CONFIG.replace("6.1.192", "5.10.3");
        assert!(for_make(&old).contains("CONFIG_D=\"a \\\"b\\\"\"\n"));
    }
}
