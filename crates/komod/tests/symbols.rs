//! `komod symbols`: exports and users are those that depmod and the kernels' own files tell.
#![forbid(unsafe_code)]

mod common;

use common::{Kernel, User, kernels};
use std::collections::BTreeMap;
use std::process::Command;

/// Exporting modules by symbol, from kmod's depmod (`-n`: it prints its files, and writes none).
fn owners(kernel: &Kernel) -> BTreeMap<String, String> {
    let root = kernel.root.to_str().unwrap();
    let output = Command::new("depmod").args(["-n", "-b", root, &kernel.release]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let pairs = text.lines().filter_map(|line| {
        let (symbol, owner) = line.strip_prefix("alias symbol:")?.split_once(' ')?;
        Some((symbol.to_owned(), owner.to_owned()))
    });
    pairs.collect()
}

#[test]
fn owners_of_symbols_are_those_that_depmod_finds() {
    for kernel in kernels() {
        let user = User::new("owners");
        let root = kernel.root.to_str().unwrap();
        let said = user.komod(&["symbols", "--json", "-k", root, "*"]).good();
        let answer = said.json("komod-exports");
        let mut ours = BTreeMap::new();
        for symbol in answer["symbols"].as_array().unwrap() {
            let owner = symbol["kernels"][0]["export"]["owner"].as_str().unwrap();
            if owner != "vmlinux" {
                let owner = owner.rsplit('/').next().unwrap().replace('-', "_");
                ours.insert(symbol["name"].as_str().unwrap().to_owned(), owner);
            }
        }
        let theirs = owners(&kernel);
        assert!(theirs.len() > 1000, "depmod tells only {}", theirs.len());
        for (symbol, owner) in &theirs {
            assert_eq!(ours.get(symbol), Some(owner), "{symbol} in {}", kernel.release);
        }
    }
}

#[test]
fn an_unknown_name_is_answered_with_names_like_it() {
    for kernel in kernels() {
        let user = User::new("unknown");
        let root = kernel.root.to_str().unwrap();
        let known = user.komod(&["symbols", "_printk", "-k", root]).good();
        known.logs(&["_printk in", "int _printk(const char *, ...)", "used by"]);
        let unknown = user.komod(&["symbols", "printk", "-k", root]).ends_with(1);
        unknown.logs(&["printk in", "names like it: _printk"]);
        let hidden = user.komod(&["symbols", "do_sys_openat2", "-k", root]).ends_with(1);
        hidden.logs(&["not exported: modules cannot use it"]);
        user.komod(&["symbols", "--diff", "-k", root]).ends_with(2).complains("two kernels");
        user.komod(&["symbols", "nothing*", "-k", root]).ends_with(1);
    }
}

#[test]
fn users_of_a_symbol_are_told_and_two_kernels_compared() {
    let kernels = kernels();
    for kernel in &kernels {
        let user = User::new("users");
        let root = kernel.root.to_str().unwrap();
        let said = user.komod(&["symbols", "--json", "usb_register_driver", "-k", root]).good();
        let answer = said.json("komod-exports");
        let users = answer["symbols"][0]["kernels"][0]["users"].as_array().unwrap();
        assert!(users.iter().any(|name| name == "usbhid"), "{users:?}");
        assert!(!users.iter().any(|name| name == "loop"), "{users:?}");
    }
    if let [old, .., new] = &kernels[..] {
        let user = User::new("compared");
        let (old, new) = (old.root.to_str().unwrap(), new.root.to_str().unwrap());
        let there = user.komod(&["symbols", "--diff", "-k", old, "-k", new]).good();
        let back = user.komod(&["symbols", "--diff", "-k", new, "-k", old]).good();
        let count = |text: &str, what: &str| text.lines().filter(|l| l.ends_with(what)).count();
        assert!(count(&there.out, ": gone") > 0);
        assert_eq!(count(&there.out, ": gone"), count(&back.out, ": new"));
    }
}
