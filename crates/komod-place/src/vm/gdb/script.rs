//! What gdb has to be told.

use super::sections::Formed;
use std::fmt::Write;
use std::path::Path;

/// Commands for `gdb -x`.
pub fn text(socket: &Path, module: &Path, formed: &Formed) -> String {
    let address = |name: &str| formed.sections.iter().find(|(n, _)| n == name).map(|(_, a)| *a);
    let mut text = String::from("set confirm off\nset architecture i386:x86-64\n");
    let _ = writeln!(text, "target remote {}", socket.display());
    let _ = write!(text, "add-symbol-file {}", quoted(&module.display().to_string()));
    if let Some(at) = address(".text") {
        let _ = write!(text, " {at:#x}");
    }
    for (name, at) in formed.sections.iter().filter(|(name, _)| name != ".text") {
        let _ = write!(text, " -s {name} {at:#x}");
    }
    text.push('\n');
    // Breakpoints of the processor: the kernel's code is not written to.
    if formed.init != 0 {
        let _ = writeln!(text, "hbreak *{:#x}", formed.init);
        text.push_str("continue\n");
    }
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_go_where_the_sections_are() {
        let section = |name: &str, at| (name.to_owned(), at);
        let sections = vec![section(".init.text", 0xc000), section(".text", 0xa000)];
        let formed = Formed { name: "x".into(), init: 0xc010, sections };
        let text = text(Path::new("/run/1.gdb"), Path::new("/a b/x.ko"), &formed);
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "target remote /run/1.gdb",
                "add-symbol-file \"/a b/x.ko\" 0xa000 -s .init.text 0xc000",
                "hbreak *0xc010",
                "continue",
            ]
        );
    }
}
