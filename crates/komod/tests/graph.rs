//! `komod graph`: what a module needs is what depmod writes into `modules.dep`.
#![forbid(unsafe_code)]

mod common;

use common::{User, kernels_in_turn};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

fn name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap();
    file.split(".ko").next().unwrap().replace('-', "_")
}

#[test]
fn what_modules_need_is_what_depmod_finds() {
    for kernel in kernels_in_turn() {
        let user = User::new("needs");
        let root = kernel.root.to_str().unwrap();
        // `-n`: it prints its files, and writes none.
        let printed =
            Command::new("depmod").args(["-n", "-b", root, &kernel.release]).output().unwrap();
        let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
        let lines = printed.lines().filter(|line| line.starts_with("kernel/"));
        let needs: BTreeMap<String, BTreeSet<String>> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(module, needs)| (name(module), needs.split_whitespace().map(name).collect()))
            .collect();
        assert!(needs.len() > 1000, "depmod tells only {}", needs.len());

        let said = user.komod(&["graph", "--json", "-k", root]).good();
        let answer = said.json("komod-graph");
        let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for edge in answer["edges"].as_array().unwrap() {
            if !edge["symbols"].as_array().unwrap().is_empty() {
                let (from, to) = (edge["from"].as_str().unwrap(), edge["to"].as_str().unwrap());
                edges.entry(from).or_default().insert(to);
            }
        }
        for (module, theirs) in &needs {
            let mut ours = BTreeSet::new();
            let mut left = vec![module.as_str()];
            while let Some(user) = left.pop() {
                let next = edges.get(user).into_iter().flatten();
                left.extend(next.filter(|other| ours.insert((**other).to_owned())));
            }
            assert_eq!(&ours, theirs, "{module} in {}", kernel.release);
        }
    }
}

#[test]
fn a_module_is_shown_as_a_tree_and_in_dot() {
    for kernel in kernels_in_turn() {
        let user = User::new("shown");
        let root = kernel.root.to_str().unwrap();
        let tree = user.komod(&["graph", "ext4", "--symbols", "-k", root]).good();
        tree.logs(&["ext4", "jbd2: jbd2_"]);
        let dot = user.komod(&["graph", "ext4", "--dot", "-k", root, "-o", "x.dot"]).good();
        assert_eq!(dot.out, "");
        let text = std::fs::read_to_string(user.dir.join("x.dot")).unwrap();
        assert!(text.contains("\"ext4\" -> \"jbd2\" [tooltip=\"jbd2_"), "{text}");
        let users = user.komod(&["graph", "jbd2", "--reverse", "--depth", "1", "-k", root]).good();
        users.logs(&["jbd2", "ext4"]);
        user.komod(&["graph", "no_such", "-k", root]).ends_with(1).complains("no module no_such");
    }
}
