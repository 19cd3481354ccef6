//! A fix as a unified diff, the form every developer and `patch -p0` reads.
//!
//! The edits say where the two texts differ, so no search for differences is needed: edited lines
//! become one change each, lines equal at a change's ends are dropped from it, and changes that
//! lie close share a hunk.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use crate::fix::{Edit, Fix, Misfit, splice};

const CONTEXT: usize = 3;

/// A run of old lines and the lines that replace it.
struct Change {
    old: Range<usize>,
    new: Vec<String>,
}

/// The diff of one file. `contents` is the file's present text.
pub fn diff(fix: &Fix, file: &Path, contents: &str) -> Result<String, Misfit> {
    let mut edits: Vec<&Edit> = fix.edits.iter().filter(|edit| edit.file == file).collect();
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let old: Vec<&str> = contents.split_inclusive('\n').collect();
    let changes = changes(contents, &old, edits)?;
    let mut text = String::new();
    let _ = writeln!(text, "--- {}\n+++ {}", file.display(), file.display());
    let mut shift: isize = 0;
    let mut rest = changes.as_slice();
    while !rest.is_empty() {
        let joined = rest
            .windows(2)
            .take_while(|w| matches!(w, [a, b] if b.old.start - a.old.end <= 2 * CONTEXT))
            .count();
        let (hunk, later) = rest.split_at((joined + 1).min(rest.len()));
        shift += write_hunk(&mut text, &old, hunk, shift);
        rest = later;
    }
    Ok(text)
}

/// The diffs of all files of a fix, each read with `read`; a file that cannot be shown is named.
pub fn diff_all(fix: &Fix, read: impl Fn(&Path) -> Option<String>) -> String {
    let mut text = String::new();
    for file in fix.files() {
        match read(file).and_then(|contents| diff(fix, file, &contents).ok()) {
            Some(part) => text.push_str(&part),
            None => {
                let _ = writeln!(text, "({} has changed or cannot be read)", file.display());
            }
        }
    }
    text
}

/// Groups edits by the lines they touch.
fn changes(contents: &str, old: &[&str], edits: Vec<&Edit>) -> Result<Vec<Change>, Misfit> {
    let starts: Vec<usize> = old
        .iter()
        .scan(0, |at, line| {
            let start = *at;
            *at += line.len();
            Some(start)
        })
        .collect();
    // The line a byte belongs to; the end of the text belongs to a line of its own.
    let line_of = |byte: usize| match starts.partition_point(|&start| start <= byte) {
        _ if byte >= contents.len() => old.len(),
        n => n.saturating_sub(1),
    };
    let byte_of = |line: usize| starts.get(line).copied().unwrap_or(contents.len());
    let mut groups: Vec<(Range<usize>, Vec<&Edit>)> = Vec::new();
    for edit in edits {
        let first = line_of(edit.range.start);
        let last = line_of(edit.range.end.max(edit.range.start + 1) - 1);
        let lines = first..(last + 1).min(old.len());
        match groups.last_mut() {
            Some((known, edits)) if lines.start < known.end => {
                known.end = known.end.max(lines.end);
                edits.push(edit);
            }
            _ => groups.push((lines, vec![edit])),
        }
    }
    let mut changes = Vec::with_capacity(groups.len());
    for (lines, edits) in groups {
        let bytes = byte_of(lines.start)..byte_of(lines.end);
        let text = contents.get(bytes.clone()).ok_or(Misfit::Range)?;
        let local: Vec<Edit> = edits
            .into_iter()
            .map(|edit| Edit {
                range: edit.range.start.saturating_sub(bytes.start)
                    ..edit.range.end.saturating_sub(bytes.start),
                ..edit.clone()
            })
            .collect();
        let replaced = splice(text, local.iter().collect())?;
        let mut new: Vec<String> = replaced.split_inclusive('\n').map(str::to_owned).collect();
        let mut range = lines;
        while let (Some(a), Some(b)) = (old.get(range.start), new.first())
            && range.start < range.end
            && a == b
        {
            range.start += 1;
            new.remove(0);
        }
        while range.start < range.end
            && let (Some(a), Some(b)) = (old.get(range.end - 1), new.last())
            && a == b
        {
            range.end -= 1;
            new.pop();
        }
        if !range.is_empty() || !new.is_empty() {
            changes.push(Change { old: range, new });
        }
    }
    Ok(changes)
}

/// Writes one hunk; returns by how many lines it moves what follows.
fn write_hunk(text: &mut String, old: &[&str], hunk: &[Change], shift: isize) -> isize {
    let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else { return 0 };
    let start = first.old.start.saturating_sub(CONTEXT);
    let end = (last.old.end + CONTEXT).min(old.len());
    let moved: isize = hunk.iter().map(|c| c.new.len() as isize - c.old.len() as isize).sum();
    let old_len = end - start;
    let new_len = old_len.saturating_add_signed(moved);
    let new_start = start.saturating_add_signed(shift);
    // By the format's custom an empty range names the line before it.
    let place = |start: usize, len: usize| if len == 0 { start } else { start + 1 };
    let _ = writeln!(
        text,
        "@@ -{},{old_len} +{},{new_len} @@",
        place(start, old_len),
        place(new_start, new_len)
    );
    let mut at = start;
    let copy = |text: &mut String, range: Range<usize>| {
        for line in old.get(range).unwrap_or_default() {
            write_line(text, ' ', line);
        }
    };
    for change in hunk {
        copy(text, at..change.old.start);
        for line in old.get(change.old.clone()).unwrap_or_default() {
            write_line(text, '-', line);
        }
        for line in &change.new {
            write_line(text, '+', line);
        }
        at = change.old.end;
    }
    copy(text, at..end);
    moved
}

fn write_line(text: &mut String, mark: char, line: &str) {
    text.push(mark);
    text.push_str(line);
    if !line.ends_with('\n') {
        text.push_str("\n\\ No newline at end of file\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Applicability;

    const TEXT: &str =
        "1\n2\n3\n4\nstatic int f(void)\n{\n\tx();\n\treturn 0;\n}\n10\n11\n12\n13\n";

    #[test]
    fn near_edits_share_a_hunk_and_equal_lines_stay_out() {
        let word = TEXT.find("int").unwrap();
        let from = TEXT.find("\treturn 0;\n").unwrap();
        let fix = Fix::new("x", Applicability::Safe)
            .replace("f.c", TEXT, word..word + 3, "void")
            .replace("f.c", TEXT, from..from + "\treturn 0;\n".len(), "");
        assert_eq!(
            diff(&fix, Path::new("f.c"), TEXT).unwrap(),
            "--- f.c\n+++ f.c\n@@ -2,10 +2,9 @@\n 2\n 3\n 4\n-static int f(void)\n\
             +static void f(void)\n {\n \tx();\n-\treturn 0;\n }\n 10\n 11\n"
        );
    }

    #[test]
    fn far_edits_have_hunks_of_their_own_with_shifted_lines() {
        let text: String = (1..=20).map(|n| format!("{n}\n")).collect();
        let at = text.find("19").unwrap();
        let fix = Fix::new("x", Applicability::Safe).replace("n", &text, 0..0, "0\n").replace(
            "n",
            &text,
            at..at + 2,
            "nineteen",
        );
        let diff = diff(&fix, Path::new("n"), &text).unwrap();
        assert!(diff.contains("@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n"), "{diff}");
        assert!(diff.contains("@@ -16,5 +17,5 @@\n 16\n 17\n 18\n-19\n+nineteen\n 20\n"), "{diff}");
    }

    #[test]
    fn an_addition_at_the_end_and_a_missing_newline_are_shown() {
        let fix = Fix::new("x", Applicability::Safe).replace("n", "a\n", 2..2, "b\n");
        assert_eq!(
            diff(&fix, Path::new("n"), "a\n").unwrap(),
            "--- n\n+++ n\n@@ -1,1 +1,2 @@\n a\n+b\n"
        );
        let fix = Fix::new("x", Applicability::Safe).replace("n", "a", 0..1, "b");
        assert_eq!(
            diff(&fix, Path::new("n"), "a").unwrap(),
            "--- n\n+++ n\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+b\n\
             \\ No newline at end of file\n"
        );
    }
}
