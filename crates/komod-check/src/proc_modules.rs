//! `/proc/modules`: a line for each module (`m_show()`, `kernel/module/procfs.c`, Linux 6.1).
//!
//! `NAME SIZE REFERENCES USERS STATE ADDRESS (TAINTS)`; a kernel without unloading writes `-` for
//! references and users. Names alone, one in a line, are taken as well.

use komod_load::{State, Taint};

use crate::machine::LoadedModule;

/// The modules; lines that are none are left out.
pub fn parse(text: &str) -> Vec<LoadedModule> {
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<LoadedModule> {
    let mut words = line.split_whitespace();
    let mut module = LoadedModule::live(words.next()?.replace('-', "_"));
    for word in words.skip(3) {
        match word {
            "Loading" => module.state = State::Coming,
            "Unloading" => module.state = State::Going,
            _ => {}
        }
        if let Some(letters) = word.strip_prefix('(').and_then(|word| word.strip_suffix(')')) {
            // `+` and `-` say that it is being loaded or unloaded.
            module.taints = Taint::of_letters(letters);
        }
    }
    Some(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_modules() {
        let text = "ext4 983040 2 - Live 0xffffffffc0a00000\n\
                    a 16384 0 - Unloading 0x0 (POE-)\n\
                    b 16384 1 c,d, Loading 0x0 (O+)\n\
                    usb-storage\n\n";
        let modules = parse(text);
        let states: Vec<(&str, State)> =
            modules.iter().map(|module| (module.name.as_str(), module.state)).collect();
        assert_eq!(
            states,
            [
                ("ext4", State::Live),
                ("a", State::Going),
                ("b", State::Coming),
                ("usb_storage", State::Live)
            ]
        );
        assert_eq!(modules[1].taints.module_letters(), "POE");
        assert_eq!(modules[2].taints.module_letters(), "O");
    }
}
