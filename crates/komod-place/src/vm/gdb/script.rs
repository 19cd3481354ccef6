//! What gdb has to be told.

use super::sections::Formed;
use std::fmt::Write;
use std::path::Path;

/// Commands for `gdb -x`; `symbols` is the module's file with the kernel's addresses.
pub fn text(socket: &Path, symbols: &Path, formed: &Formed) -> String {
    let mut text = String::from("set confirm off\nset architecture i386:x86-64\n");
    let _ = writeln!(text, "symbol-file {}", symbols.display());
    let _ = writeln!(text, "target remote {}", socket.display());
    // A breakpoint of the processor: the kernel's code is not written to.
    if formed.init != 0 {
        let _ = writeln!(text, "thbreak *{:#x}\ncontinue", formed.init);
    }
    text
}
