//! What a machine is like, as far as that decides about modules.

use std::path::Path;

use komod_load::{Facts, State, Taint};

use crate::proc_modules;

/// The state of a machine at the moment a module is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Who loads the module may do so (`CAP_SYS_MODULE`).
    pub capable: bool,
    /// `kernel.modules_disabled=1`.
    pub modules_disabled: bool,
    /// Signatures are demanded, whatever the kernel's configuration says. `None`: not known.
    pub sig_enforce: Option<bool>,
    /// Lockdown is at least at level integrity. `None`: not known.
    pub lockdown: Option<bool>,
    /// It mitigates Spectre v2, and so warns of modules without retpolines; `None`: not known.
    pub spectre_v2: Option<bool>,
    /// Security policies at work that judge modules, of which nothing else is known.
    pub policies: Vec<String>,
    /// The boot parameter `module_blacklist=`: names separated by commas.
    pub blacklist: String,
    /// The kernel's taint.
    pub taint: Taint,
    /// Modules that are there already.
    pub loaded: Vec<LoadedModule>,
    /// Modules that are needed but not loaded stay away, as with insmod; else they are loaded
    /// before, as modprobe does.
    pub only_loaded: bool,
    /// The kernel can call modprobe, for algorithms that are in modules.
    pub modprobe: bool,
}

/// A module that is in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedModule {
    /// Its name.
    pub name: String,
    /// Whether it can be used.
    pub state: State,
    /// Its taints.
    pub taints: Taint,
}

impl LoadedModule {
    /// A usable module without taints.
    pub fn live(name: impl Into<String>) -> Self {
        LoadedModule { name: name.into(), state: State::Live, taints: Taint::default() }
    }
}

impl Machine {
    /// Just booted, root loads the module, as modprobe does. Switches that a boot may have on are
    /// not known.
    pub fn fresh() -> Self {
        Machine {
            capable: true,
            modules_disabled: false,
            sig_enforce: None,
            lockdown: None,
            spectre_v2: None,
            policies: Vec::new(),
            blacklist: String::new(),
            taint: Taint::default(),
            loaded: Vec::new(),
            only_loaded: false,
            modprobe: true,
        }
    }

    /// The machine this runs on, seen by this process. What cannot be read counts as not known, or
    /// as not so.
    pub fn of_host() -> Self {
        Machine::under(Path::new("/"))
    }

    /// The same, from the files of `/proc` and `/sys` below another folder.
    pub fn under(root: &Path) -> Self {
        Machine::told_by(&mut |path| std::fs::read_to_string(root.join(path)).ok())
    }

    /// The same, from files of a machine elsewhere: `read` gives the content of `proc/cmdline` and
    /// the like, as the one who will load modules sees it.
    pub fn told_by(read: &mut dyn FnMut(&str) -> Option<String>) -> Self {
        let mut number = |path: &str| read(path)?.trim().parse::<u64>().ok();
        let modules_disabled = number("proc/sys/kernel/modules_disabled") == Some(1);
        let taint = Taint(number("proc/sys/kernel/tainted").unwrap_or_default());
        let command_line = read("proc/cmdline").unwrap_or_default();
        let enforced = boot_switch(&command_line, "module.sig_enforce").then_some(true);
        let loaded = read("proc/modules").unwrap_or_default();
        Machine {
            capable: read("proc/self/status").is_none_or(|status| has_sys_module(&status)),
            modules_disabled,
            sig_enforce: read("sys/module/module/parameters/sig_enforce")
                .and_then(|text| truth(text.trim()))
                .or(enforced),
            lockdown: read("sys/kernel/security/lockdown").and_then(|text| locked_down(&text)),
            spectre_v2: read("sys/devices/system/cpu/vulnerabilities/spectre_v2")
                .and_then(|text| mitigated(&text)),
            policies: policies(
                &read("sys/kernel/security/lsm").unwrap_or_default(),
                boot_value(&command_line, "ima_policy").unwrap_or_default(),
            ),
            blacklist: boot_value(&command_line, "module_blacklist").unwrap_or_default().to_owned(),
            taint,
            loaded: proc_modules::parse(&loaded),
            only_loaded: false,
            modprobe: true,
        }
    }

    /// The kernel's facts on this machine.
    pub(crate) fn apply(&self, facts: &mut Facts) {
        facts.config.modules_disabled |= self.modules_disabled;
        facts.config.sig_enforce |= self.sig_enforce == Some(true);
        facts.config.lockdown |= self.lockdown == Some(true);
        facts.config.retpoline &= self.spectre_v2 != Some(false);
        facts.blacklist.clone_from(&self.blacklist);
        facts.taint = self.taint;
        // What is said once has been said when the kernel was tainted.
        facts.notices.unsigned |= self.taint.contains(Taint::UNSIGNED);
        facts.notices.livepatch |= self.taint.contains(Taint::LIVEPATCH);
        facts.notices.lock_debugging |=
            [Taint::PROPRIETARY, Taint::FORCED].into_iter().any(|taint| self.taint.contains(taint));
    }

    /// A module that is loaded.
    pub(crate) fn find(&self, name: &str) -> Option<&LoadedModule> {
        self.loaded.iter().find(|module| module.name == name)
    }
}

/// `none [integrity] confidentiality` (`security/lockdown/lockdown.c`, Linux 6.1).
fn locked_down(text: &str) -> Option<bool> {
    let level = text.split_once('[')?.1.split_once(']')?.0;
    Some(level != "none")
}

/// Security modules that are asked about module files (`kernel_read_file`,
/// `include/linux/lsm_hook_defs.h`), and built-in policies of IMA that demand signatures of modules
/// (`security/integrity/ima/ima_policy.c`), Linux 6.1 and 6.12. Lockdown is looked at by itself.
fn policies(modules: &str, ima: &str) -> Vec<String> {
    const JUDGES: [(&str, &str); 3] =
        [("loadpin", "LoadPin"), ("selinux", "SELinux"), ("ipe", "IPE")];
    let at_work = |name: &str| modules.trim().split(',').any(|module| module == name);
    let judges = JUDGES.iter().filter(|(name, _)| at_work(name));
    let mut found: Vec<String> = judges.map(|(_, name)| (*name).to_owned()).collect();
    if ima.split([' ', '|']).any(|policy| policy == "secure_boot") {
        found.push("IMA (ima_policy=secure_boot)".to_owned());
    }
    found
}

/// Whether anything is done about Spectre v2. What is mitigated badly is called vulnerable as well,
/// but with a colon (`spectre_v2_show_state()`, `arch/x86/kernel/cpu/bugs.c`, Linux 6.1 and 6.12).
fn mitigated(text: &str) -> Option<bool> {
    match text.trim_end() {
        "" => None,
        "Not affected" => Some(false),
        text => Some(text.strip_prefix("Vulnerable").is_none_or(|rest| rest.starts_with(':'))),
    }
}

/// As the kernel writes and reads a switch (`param_get_bool()`, `kstrtobool()`).
fn truth(text: &str) -> Option<bool> {
    match text.as_bytes() {
        [b'y' | b'Y' | b't' | b'T' | b'1', ..] => Some(true),
        [b'n' | b'N' | b'f' | b'F' | b'0', ..] => Some(false),
        [b'o' | b'O', b'n' | b'N', ..] => Some(true),
        [b'o' | b'O', b'f' | b'F', ..] => Some(false),
        _ => None,
    }
}

/// The last value of a boot parameter; `-` and `_` in names are the same. After `--` come init's.
fn boot_value<'a>(command_line: &'a str, name: &str) -> Option<&'a str> {
    let words = command_line.split_whitespace().take_while(|word| *word != "--");
    let values = words.filter_map(|word| {
        let (key, value) = word.split_once('=')?;
        (key.replace('-', "_") == name).then_some(value.trim_matches('"'))
    });
    values.last()
}

/// A switch among the boot parameters, which is on without a value, too.
fn boot_switch(command_line: &str, name: &str) -> bool {
    let named = |word: &str| word.replace('-', "_") == name;
    command_line.split_whitespace().take_while(|word| *word != "--").any(named)
        || boot_value(command_line, name).and_then(truth) == Some(true)
}

/// Bit 16 of the effective capabilities (`include/uapi/linux/capability.h`).
fn has_sys_module(status: &str) -> bool {
    const CAP_SYS_MODULE: u32 = 16;
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    bits.is_none_or(|bits| bits >> CAP_SYS_MODULE & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_up(files: &[(&str, &str)]) -> Machine {
        let root = std::env::temp_dir().join(format!(
            "komod-machine-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        for (path, text) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let machine = Machine::under(&root);
        std::fs::remove_dir_all(&root).unwrap();
        machine
    }

    #[test]
    fn a_machine_is_read_from_proc_and_sys() {
        let machine = made_up(&[
            ("proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n"),
            ("proc/cmdline", "quiet module-blacklist=a module_blacklist=b,c -- module_blacklist=d"),
            ("proc/sys/kernel/tainted", "4097\n"),
            ("proc/sys/kernel/modules_disabled", "1\n"),
            ("proc/modules", "nls 16384 0 - Live 0x0 (OE)\n"),
            ("sys/module/module/parameters/sig_enforce", "N\n"),
            ("sys/kernel/security/lockdown", "none [integrity] confidentiality\n"),
            ("sys/kernel/security/lsm", "lockdown,capability,selinux\n"),
            ("sys/devices/system/cpu/vulnerabilities/spectre_v2", "Mitigation: Retpolines; IBPB\n"),
        ]);
        let loaded = LoadedModule {
            name: "nls".into(),
            state: State::Live,
            taints: Taint::OUT_OF_TREE | Taint::UNSIGNED,
        };
        let expected = Machine {
            capable: true,
            modules_disabled: true,
            sig_enforce: Some(false),
            lockdown: Some(true),
            spectre_v2: Some(true),
            policies: vec!["SELinux".into()],
            blacklist: "b,c".into(),
            taint: Taint::PROPRIETARY | Taint::OUT_OF_TREE,
            loaded: vec![loaded],
            only_loaded: false,
            modprobe: true,
        };
        assert_eq!(machine, expected);
    }

    #[test]
    fn what_cannot_be_read_is_not_known() {
        let machine = made_up(&[("proc/cmdline", "module.sig_enforce")]);
        assert_eq!((machine.sig_enforce, machine.lockdown), (Some(true), None));
        let none = made_up(&[("proc/cmdline", "quiet"), ("sys/kernel/security/lockdown", "??")]);
        assert_eq!((none.sig_enforce, none.lockdown), (None, None));
        assert!(none.capable && !none.modules_disabled && none.loaded.is_empty());
    }

    #[test]
    fn policies_that_judge_modules() {
        assert_eq!(policies("lockdown,capability,yama,apparmor\n", ""), [""; 0]);
        assert_eq!(policies("capability,loadpin,ipe", ""), ["LoadPin", "IPE"]);
        let ima = policies("", "tcb|secure_boot");
        assert_eq!(ima, ["IMA (ima_policy=secure_boot)"]);
    }

    #[test]
    fn mitigations() {
        for (text, is) in [
            ("Not affected\n", Some(false)),
            ("Vulnerable; IBPB: disabled; STIBP: disabled\n", Some(false)),
            ("Vulnerable, IBPB: disabled\n", Some(false)),
            ("Vulnerable: eIBRS with unprivileged eBPF\n", Some(true)),
            ("Mitigation: Enhanced / Automatic IBRS\n", Some(true)),
            ("\n", None),
        ] {
            assert_eq!(mitigated(text), is, "{text}");
        }
    }

    #[test]
    fn capabilities_and_switches() {
        assert!(!has_sys_module("CapEff:\t0000000000000000\n"));
        assert!(has_sys_module("CapEff:\t0000000000010000\n"));
        assert!(boot_switch("a module.sig-enforce=on", "module.sig_enforce"));
        assert!(!boot_switch("module.sig_enforce=0", "module.sig_enforce"));
        assert_eq!(locked_down("[none] integrity confidentiality"), Some(false));
    }
}
