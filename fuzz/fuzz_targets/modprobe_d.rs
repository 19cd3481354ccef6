//! Any text as `modprobe.d`, with a kernel's command line behind its first NUL: read, written out
//! and read again, and plans made by it over a small module directory.
#![no_main]

use komod_kernel::host::FakeHost;
use komod_kernel::modprobe::command::expanded;
use komod_kernel::modprobe::config::{Complaint, command_line, directive, dump, files::Source};
use komod_kernel::modprobe::insertion::{self, Action, steps};
use komod_kernel::modprobe::removal::{self, RemovalError, Remover};
use komod_kernel::modprobe::{Config, Directory, Manner, Module, Modules};
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

/// The modules a, b (needs a) and c (needs b and a), three aliases and the built-in z.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("komod-fuzz-modprobe-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, entries) in [
        ("modules.dep.bin", &[("a", "a.ko:"), ("b", "b.ko: a.ko"), ("c", "c.ko: b.ko a.ko")][..]),
        ("modules.alias.bin", &[("p?", "a"), ("q*", "b"), ("r[0-9]", "c")]),
        ("modules.symbols.bin", &[("symbol:s", "a")]),
        ("modules.builtin.bin", &[("z", "")]),
    ] {
        std::fs::write(folder.join(name), trie(entries)).unwrap();
    }
    folder
});

/// An index of keys that begin with different letters.
fn trie(entries: &[(&str, &str)]) -> Vec<u8> {
    let (first, last) = (entries[0].0.as_bytes()[0], entries[entries.len() - 1].0.as_bytes()[0]);
    let mut out = [0xB007_F457_u32, 0x0002_0001, 0x2000_000c].map(u32::to_be_bytes).concat();
    out.extend([first, last]);
    out.resize(out.len() + 4 * usize::from(last - first + 1), 0);
    for (key, value) in entries {
        let (letter, rest) = (key.as_bytes()[0], &key[1..]);
        let flags = if rest.is_empty() { 0x4000_0000 } else { 0xc000_0000 };
        let reference = flags | u32::try_from(out.len()).unwrap();
        let slot = 14 + 4 * usize::from(letter - first);
        out[slot..slot + 4].copy_from_slice(&reference.to_be_bytes());
        if !rest.is_empty() {
            out.extend(rest.bytes().chain([0]));
        }
        out.extend([1_u32, 0].map(u32::to_be_bytes).concat());
        out.extend(value.bytes().chain([0]));
    }
    out
}

/// Stops after some steps: soft dependencies can make many.
struct Steps(u32);

impl Steps {
    fn next(&mut self, module: &Module) -> Result<(), RemovalError> {
        let stop = || RemovalError::TooMany(String::from_utf8_lossy(&module.name).into_owned());
        self.0 = self.0.checked_sub(1).ok_or_else(stop)?;
        Ok(())
    }
}

impl Remover for Steps {
    type Error = RemovalError;

    fn command(&mut self, module: &Module, _: &[u8]) -> Result<(), RemovalError> {
        self.next(module)
    }

    fn remove(&mut self, module: &Module) -> Result<(), RemovalError> {
        self.next(module)
    }

    fn stays(&mut self, error: RemovalError) -> Result<(), RemovalError> {
        if self.0 == 0 { Err(error) } else { Ok(()) }
    }
}

fn read(text: &[u8], only: Option<&'static str>) -> Config {
    let mut config = Config::default();
    directive::read(&mut config, &Source { path: PathBuf::from("t.conf"), only }, text);
    for complaint in &config.complaints {
        let lines = text.split(|byte| *byte == b'\n').count();
        if let Complaint::BadLine(place, _) = complaint {
            assert!((1..=lines).contains(&(place.line as usize)), "{complaint}");
        }
        let _ = complaint.to_string();
    }
    config
}

/// What is written out is one line for each directive, and means the same.
fn written_out_and_read(config: &Config) {
    let text = config.to_text();
    let directives = config.blacklist.len()
        + config.installs.len()
        + config.removes.len()
        + config.aliases.len()
        + config.options.len()
        + config.softdeps.len()
        + config.weakdeps.len()
        + config.forbidden.len()
        + config.allowed.len();
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), directives);
    // A backslash that stands for itself has another in front of it.
    let escaped: Vec<u8> = text
        .iter()
        .flat_map(|byte| if *byte == b'\\' { vec![b'\\', b'\\'] } else { vec![*byte] })
        .collect();
    let again = read(&escaped, None);
    let patterns = |limits: &[komod_kernel::modprobe::config::Limit]| -> Vec<Vec<u8>> {
        limits.iter().map(|limit| limit.pattern.clone()).collect()
    };
    assert_eq!(again.blacklist, config.blacklist);
    assert_eq!(again.installs, config.installs);
    assert_eq!(again.removes, config.removes);
    assert_eq!(again.aliases, config.aliases);
    assert_eq!(again.options, config.options);
    assert_eq!(again.weakdeps, config.weakdeps);
    assert_eq!(patterns(&again.forbidden), patterns(&config.forbidden));
    assert_eq!(patterns(&again.allowed), patterns(&config.allowed));
}

fn plans(config: &Config, manner: Manner) {
    let directory = Directory::new(FOLDER.clone());
    let modules = Modules { config, directory: &directory, manner };
    let _ = dump::aliases(&directory).unwrap();
    let wish = insertion::Wish { options: b"o=$CMDLINE_OPTS".to_vec(), ignore_command: false };
    for name in [&b"c"[..], b"b", b"p1", b"q", b"symbol:s", b"z", b"nothing"] {
        for module in modules.find(name).unwrap() {
            for step in steps(modules, &module, &wish).into_iter().flatten() {
                assert!(modules.refusal(&step.module).is_none(), "{step:?}");
                if let Action::Command(command) = &step.action {
                    let text = expanded(command, &step.options);
                    let places = command.len() / b"$CMDLINE_OPTS".len();
                    assert!(text.len() <= command.len() + places * step.options.len());
                }
            }
            let wish = removal::Wish { only_show: true, ..removal::Wish::default() };
            let _ = removal::remove(modules, &FakeHost::default(), module, wish, &mut Steps(200));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let middle = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (text, line) = (&data[..middle], data.get(middle + 1..).unwrap_or_default());
    let written = read(text, Some("softdep"));
    assert!(written.installs.is_empty() && written.options.is_empty());
    let mut config = read(text, None);
    written_out_and_read(&config);
    command_line::read(&mut config, line);
    plans(&config, Manner::Komod);
    plans(&config, Manner::Kmod);
});
