//! `cargo xtask licences`: every dependency's licence is one that `deny.toml` allows.

use crate::args::Args;
use crate::project;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::process::Command;

pub fn main(args: Args) -> Result<()> {
    args.finish()?;
    run()
}

pub fn run() -> Result<()> {
    let deny = std::fs::read_to_string(project::root().join("deny.toml"))?;
    let allowed = allowed(&deny).context("deny.toml: no list of allowed licences")?;
    let output = Command::new(project::cargo())
        .args(["metadata", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(project::root())
        .output()?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let mut refused = 0;
    for package in packages {
        let licence = package["license"].as_str().unwrap_or("none");
        if !permits(licence, &allowed) {
            refused += 1;
            eprintln!("{} {}: {licence}", package["name"], package["version"]);
        }
    }
    if refused > 0 {
        bail!("{refused} packages whose licence deny.toml does not allow");
    }
    println!("{} packages, all licences allowed", packages.len());
    Ok(())
}

/// The strings of `allow = [ … ]`.
fn allowed(deny: &str) -> Option<Vec<String>> {
    let list = deny.split_once("\nallow = [")?.1.split_once(']')?.0;
    Some(list.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

/// Does this SPDX expression leave a way to use the package under allowed licences? (`/` is how
/// `OR` was once written.)
fn permits(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (verdict, rest) = any(&words, allowed);
    verdict && rest.is_empty()
}

fn any<'a>(words: &'a [&'a str], allowed: &[String]) -> (bool, &'a [&'a str]) {
    let (mut verdict, mut rest) = all(words, allowed);
    while let ["OR", tail @ ..] = rest {
        let (next, after) = all(tail, allowed);
        (verdict, rest) = (verdict | next, after);
    }
    (verdict, rest)
}

fn all<'a>(words: &'a [&'a str], allowed: &[String]) -> (bool, &'a [&'a str]) {
    let (mut verdict, mut rest) = one(words, allowed);
    while let ["AND", tail @ ..] = rest {
        let (next, after) = one(tail, allowed);
        (verdict, rest) = (verdict & next, after);
    }
    (verdict, rest)
}

fn one<'a>(words: &'a [&'a str], allowed: &[String]) -> (bool, &'a [&'a str]) {
    match words {
        ["(", tail @ ..] => match any(tail, allowed) {
            (verdict, [")", rest @ ..]) => (verdict, rest),
            (_, rest) => (false, rest),
        },
        [id, "WITH", exception, rest @ ..] => {
            (allowed.contains(&format!("{id} WITH {exception}")), rest)
        }
        [id, rest @ ..] => (allowed.iter().any(|a| a == id), rest),
        [] => (false, words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        let allowed = ["MIT", "Apache-2.0", "Zlib", "Apache-2.0 WITH LLVM-exception"];
        let allowed: Vec<String> = allowed.map(str::to_owned).into();
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
            "(MIT OR GPL-2.0) AND Zlib",
        ] {
            assert!(permits(good, &allowed), "{good}");
        }
        for bad in [
            "GPL-2.0",
            "MIT AND GPL-2.0",
            "Zlib WITH LLVM-exception",
            "(MIT OR Zlib) AND GPL-2.0",
            "MIT Zlib",
            "(MIT",
            "none",
            "",
        ] {
            assert!(!permits(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn the_list_is_read() {
        let text = "[licenses]\nallow = [\n    \"MIT\",\n    \"Zlib\",\n]\n";
        assert_eq!(allowed(text).unwrap(), ["MIT", "Zlib"]);
        assert_eq!(allowed("x = 1"), None);
    }
}
