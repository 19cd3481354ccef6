//! The main file's name in assembly, as GCC writes it for x86-64 ELF with DWARF 5.
//!
//! ```text
//!     .file   "x.c"
//!     .file 0 "/usr/src/linux-headers-6.1.0-56-amd64" "/home/me/x.c"
//!     …
//!     .section        .debug_line_str,"MS",@progbits,1
//! .LASF0:
//!     .string "/home/me/x.c"
//! .LASF1:
//!     .string "/usr/src/linux-headers-6.1.0-56-amd64"
//! ```

use memchr::memmem::find;

use super::line_strings;

const SECTION: &[u8] = b"\t.section\t.debug_line_str,\"MS\",@progbits,1\n";

/// The assembly as it would be if the main file's name had `to` where it has `from`. `None` if
/// `from` stands in it anywhere else, or if names are written in any other way.
pub fn rename(assembly: &[u8], from: &str, to: &str) -> Option<Vec<u8>> {
    let mut renamed = Vec::with_capacity(assembly.len() + 3 * to.len());
    let mut rest = assembly;
    let mut seen = [0; 3];
    while let Some(at) = find(rest, from.as_bytes()) {
        let line = rest[..at].iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
        let before = &rest[line..at];
        let after = &rest[at + from.len()..];
        let form = match before {
            b"\t.file\t\"" => 0,
            [b'\t', b'.', b'f', b'i', b'l', b'e', b' ', b'0', b' ', ..] => 1,
            [b'\t', b'.', b's', b't', b'r', b'i', b'n', b'g', b'\t', b'"', b'/', ..] => 2,
            _ => return None,
        };
        if !after.starts_with(b".c\"\n") {
            return None;
        }
        seen[form] += 1;
        renamed.extend_from_slice(&rest[..at]);
        renamed.extend_from_slice(to.as_bytes());
        rest = after;
    }
    renamed.extend_from_slice(rest);
    match seen {
        [1, 0, 0] if find(&renamed, SECTION).is_none() => Some(renamed),
        [1, 1, 1] => sort(renamed),
        _ => None,
    }
}

/// Puts the two strings of `.debug_line_str` into their order.
fn sort(mut assembly: Vec<u8>) -> Option<Vec<u8>> {
    let [one, two] = strings(&assembly)?;
    let (name, folder) = names(&assembly)?;
    let swap = match (one.text(&assembly)?, two.text(&assembly)?) {
        (first, second) if first == name && second == folder => {
            !line_strings::name_is_first(name, folder)
        }
        (first, second) if first == folder && second == name => {
            line_strings::name_is_first(name, folder)
        }
        _ => return None,
    };
    if swap {
        assembly.get_mut(one.start..two.end)?.rotate_left(one.end - one.start);
    }
    Some(assembly)
}

/// The names of the main file and of the folder, and if the main file's comes first.
pub fn order(assembly: &[u8]) -> Option<(&[u8], &[u8], bool)> {
    let [one, two] = strings(assembly)?;
    let (name, folder) = names(assembly)?;
    match (one.text(assembly)?, two.text(assembly)?) {
        (first, second) if first == name && second == folder => Some((name, folder, true)),
        (first, second) if first == folder && second == name => Some((name, folder, false)),
        _ => None,
    }
}

/// A label and its string.
struct Entry {
    start: usize,
    end: usize,
}

impl Entry {
    fn at(assembly: &[u8], start: usize) -> Option<Entry> {
        let text = assembly.get(start..)?;
        let label = find(text, b"\n")? + 1;
        let string = find(text.get(label..)?, b"\n")? + 1;
        let form = text.starts_with(b".LASF")
            && text.get(..label)?.ends_with(b":\n")
            && text.get(label..)?.starts_with(b"\t.string\t\"")
            && text.get(label..label + string)?.ends_with(b"\"\n");
        form.then_some(Entry { start, end: start + label + string })
    }

    fn text<'a>(&self, assembly: &'a [u8]) -> Option<&'a [u8]> {
        let text = assembly.get(self.start..self.end)?;
        let from = find(text, b"\"")? + 1;
        text.get(from..text.len().checked_sub(2)?)
    }
}

/// The two entries of `.debug_line_str`.
fn strings(assembly: &[u8]) -> Option<[Entry; 2]> {
    let start = find(assembly, SECTION)? + SECTION.len();
    let one = Entry::at(assembly, start)?;
    let two = Entry::at(assembly, one.end)?;
    let rest = assembly.get(two.end..)?;
    (!rest.starts_with(b".LASF") && find(rest, SECTION).is_none()).then_some([one, two])
}

/// The main file and the folder of `.file 0`.
fn names(assembly: &[u8]) -> Option<(&[u8], &[u8])> {
    const FILE: &[u8] = b"\n\t.file 0 \"";
    let start = find(assembly, FILE)? + FILE.len();
    let line = assembly.get(start..)?.split(|&b| b == b'\n').next()?.strip_suffix(b"\"")?;
    let middle = find(line, b"\" \"")?;
    let (folder, name) = (line.get(..middle)?, line.get(middle + 3..)?);
    (!folder.contains(&b'\\') && !name.contains(&b'\\')).then_some((name, folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assembly(name: &str, strings: [&str; 2], more: &str) -> String {
        let [one, two] = strings;
        format!(
            "\t.file\t\"{name}.c\"\n\t.text\n\t.file 0 \"/usr/k\" \"/m/{name}.c\"\n{more}\
             \t.section\t.debug_line_str,\"MS\",@progbits,1\n\
             .LASF7:\n\t.string\t\"{one}\"\n.LASF3:\n\t.string\t\"{two}\"\n\t.ident\t\"GCC\"\n"
        )
    }

    #[test]
    fn names_are_replaced_and_sorted() {
        let from = assembly("shared", ["/m/shared.c", "/usr/k"], "");
        let mut orders = [0, 0];
        for name in ["a", "b", "dd", "eee", "many_1", "hello", "dht11", "x25"] {
            let path = format!("/m/{name}.c");
            let first = line_strings::name_is_first(path.as_bytes(), b"/usr/k");
            orders[usize::from(first)] += 1;
            let renamed =
                String::from_utf8(rename(from.as_bytes(), "shared", name).unwrap()).unwrap();
            let wanted = assembly(name, [path.as_str(), "/usr/k"], "");
            let swapped = wanted.replace(
                &format!(".LASF7:\n\t.string\t\"{path}\"\n.LASF3:\n\t.string\t\"/usr/k\"\n"),
                &format!(".LASF3:\n\t.string\t\"/usr/k\"\n.LASF7:\n\t.string\t\"{path}\"\n"),
            );
            assert_eq!(renamed, if first { wanted } else { swapped });
            let (found, folder, told) = order(renamed.as_bytes()).unwrap();
            assert_eq!((found, folder, told), (path.as_bytes(), b"/usr/k".as_slice(), first));
        }
        assert!(orders[0] > 0 && orders[1] > 0, "{orders:?}");
    }

    #[test]
    fn names_elsewhere_are_refused() {
        for more in [
            "\t.string\t\"shared.c\"\n",
            "\t.string\t\"/m/shared.c\"\n",
            "shared:\n",
            "\t.ascii \"/m/shared.c\"\n",
            "\t.file 1 \"/m/shared.c\"\n",
        ] {
            let text = assembly("shared", ["/m/shared.c", "/usr/k"], more);
            assert_eq!(rename(text.as_bytes(), "shared", "a"), None, "{more}");
        }
        let three = assembly("shared", ["/m/shared.c", "/usr/k"], "")
            .replace("\t.ident", ".LASF9:\n\t.string\t\"z\"\n\t.ident");
        assert_eq!(rename(three.as_bytes(), "shared", "a"), None);
        let other = assembly("shared", ["/n/shared.c", "/usr/k"], "");
        assert_eq!(rename(other.as_bytes(), "shared", "a"), None);
        let plain = "\t.file\t\"shared.c\"\n\t.text\n";
        assert_eq!(
            rename(plain.as_bytes(), "shared", "a").unwrap(),
            b"\t.file\t\"a.c\"\n\t.text\n"
        );
        assert_eq!(rename(b"\t.text\n", "shared", "a"), None);
    }
}
