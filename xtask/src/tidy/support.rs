//! checked-support: the tables of SUPPORT.md say what the code says.

use super::{Finding, SourceFile};
use std::collections::BTreeSet;

/// A table, by its heading, and where the code says the same.
struct Table {
    heading: &'static str,
    source: &'static str,
    /// The names that a line of the source adds, if any.
    names: fn(line: &str) -> Vec<String>,
    /// The lines of the source that count: after this one, up to a line that is only `}`.
    from: &'static str,
}

const TABLES: &[Table] = &[
    Table {
        heading: "## Compression of kernel images †",
        source: "crates/komod-kernel/src/image/decompress.rs",
        names: variant,
        from: "pub enum Compression {",
    },
    Table {
        heading: "## Compression of modules †",
        source: "crates/komod-object/src/compress.rs",
        names: variant,
        from: "pub enum Format {",
    },
    Table {
        heading: "## Relocations (x86-64) †",
        source: "crates/komod-load/src/arch.rs",
        names: match_arm,
        from: "impl Architecture for X86_64 {",
    },
    Table {
        heading: "## Reasons to refuse a module †",
        source: "crates/komod-load/src/refusal.rs",
        names: code,
        from: "codes! {",
    },
];

pub fn support_is_what_the_code_does(files: &[SourceFile]) -> Vec<Finding> {
    let Some(support) = files.iter().find(|f| f.path == "SUPPORT.md") else { return Vec::new() };
    TABLES.iter().flat_map(|table| check(support, table, files)).collect()
}

fn check(support: &SourceFile, table: &Table, files: &[SourceFile]) -> Vec<Finding> {
    let heading = table.heading.trim_start_matches("## ");
    let Some(source) = files.iter().find(|f| f.path == table.source) else {
        return vec![support.finding(0, format!("{heading}: there is no {}", table.source))];
    };
    let told = rows(support.text(), table.heading);
    let done: BTreeSet<String> = source
        .text()
        .lines()
        .skip_while(|l| *l != table.from)
        .take_while(|l| *l != "}")
        .flat_map(table.names)
        .collect();
    if told.is_empty() || done.is_empty() {
        let lost = if told.is_empty() { "SUPPORT.md" } else { table.source };
        return vec![support.finding(0, format!("{heading}: nothing found in {lost}"))];
    }
    let mut findings = Vec::new();
    for name in told.difference(&done) {
        findings.push(support.finding(0, format!("{heading}: the code does not know {name}")));
    }
    for name in done.difference(&told) {
        findings.push(support.finding(0, format!("{heading}: {name} is missing")));
    }
    findings
}

/// The first cells of the rows that say ✓ or ◐.
fn rows(text: &str, heading: &str) -> BTreeSet<String> {
    text.lines()
        .skip_while(|l| *l != heading)
        .skip(1)
        .take_while(|l| !l.starts_with("## "))
        .filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
            let name = cells.next()?.trim_matches('`');
            cells.next()?.starts_with(['✓', '◐']).then(|| name.to_owned())
        })
        .collect()
}

/// `Xz,` in an enum.
fn variant(line: &str) -> Vec<String> {
    let name = line.trim().strip_suffix(',').filter(|n| n.chars().all(char::is_alphanumeric));
    name.map(str::to_lowercase).into_iter().collect()
}

/// `R_X86_64_PC32 | R_X86_64_PLT32 => …`
fn match_arm(line: &str) -> Vec<String> {
    let Some((names, _)) = line.split_once("=>") else { return Vec::new() };
    let names = names.split('|').map(str::trim).filter(|n| n.starts_with("R_"));
    names.map(str::to_owned).collect()
}

/// `UnknownSymbol = "L-10";`
fn code(line: &str) -> Vec<String> {
    line.split('"').nth(1).filter(|c| c.starts_with("L-")).map(str::to_owned).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    const TABLE: Table =
        Table { heading: "## Formats †", source: "x.rs", names: variant, from: "pub enum F {" };
    const SOURCE: &str =
        "enum E {\n    No,\n}\npub enum F {\n    /// Text,\n    Gzip,\n    Xz,\n}\n";

    fn findings(support: &str, source: &str) -> Vec<String> {
        let support = file("SUPPORT.md", support);
        let found = check(&support, &TABLE, &[support.clone(), file("x.rs", source)]);
        found.into_iter().map(|f| f.what).collect()
    }

    #[test]
    fn both_sides_are_compared() {
        let good = "## Formats †\n\n| format | |\n|---|---|\n| gzip | ✓ |\n| `xz` | ◐ slow |\n\
                    | lzo | – |\n## Other\n| zstd | ✓ |\n";
        assert!(findings(good, SOURCE).is_empty());
        let more = good.replace("| lzo | – |", "| lzo | ✓ |");
        assert_eq!(findings(&more, SOURCE), ["Formats †: the code does not know lzo"]);
        let less = good.replace("| gzip | ✓ |\n", "");
        assert_eq!(findings(&less, SOURCE), ["Formats †: gzip is missing"]);
        assert_eq!(findings("", SOURCE), ["Formats †: nothing found in SUPPORT.md"]);
        assert_eq!(findings(good, ""), ["Formats †: nothing found in x.rs"]);
    }

    #[test]
    fn names_in_code() {
        assert_eq!(match_arm("  R_A | R_B => (4, true),"), ["R_A", "R_B"]);
        assert!(match_arm("  _ => return None,").is_empty());
        assert_eq!(code("    UnknownSymbol = \"L-10\";"), ["L-10"]);
        assert!(code("    /// no \"code\" here").is_empty());
    }
}
