//! Who signed real kernels' modules, compared with what modinfo(8) says.

mod common;

use common::{kernels, read};
use komod_object::cms::Signed;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// As many modules of each kernel, at least.
const SAMPLE: usize = 300;

#[test]
fn signer_key_hash_and_signature_equal_kmod() {
    for kernel in kernels() {
        let mut compared = 0;
        for path in kernel.modules.iter().step_by(kernel.modules.len() / SAMPLE) {
            let Some(theirs) = kmod(path) else {
                println!("SKIPPED: no modinfo(8) here");
                return;
            };
            let signed = Signed::of(&read(path)).unwrap();
            let hex = |bytes: &[u8]| {
                let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
                pairs.join(":")
            };
            for (key, ours) in [
                ("signer", signed.signer.unwrap_or_default()),
                ("sig_key", hex(&signed.key)),
                ("sig_hashalgo", signed.hash.to_owned()),
                ("signature", hex(&signed.signature)),
            ] {
                assert_eq!(Some(&ours), theirs.get(key), "{} {key}", path.display());
            }
            compared += 1;
        }
        assert!(compared >= SAMPLE, "{compared}");
        println!("{}: {compared} signatures as modinfo(8) shows them", kernel.release);
    }
}

/// What modinfo(8) says, without the spaces and line ends of long values.
fn kmod(path: &Path) -> Option<BTreeMap<String, String>> {
    let tool =
        ["/usr/sbin/modinfo", "/sbin/modinfo"].into_iter().find(|t| Path::new(t).exists())?;
    let output = Command::new(tool).arg("-0").arg(path).output().unwrap();
    assert!(output.status.success(), "{}", path.display());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let field = |line: &str| {
        let (key, value) = line.split_once('=')?;
        let value = match key {
            "signature" => value.split_whitespace().collect(),
            _ => value.to_owned(),
        };
        Some((key.to_owned(), value))
    };
    Some(text.split('\0').filter_map(field).collect())
}
