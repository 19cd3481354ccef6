//! komod's loader and the kernel's own must do the same: `cargo xtask oracle loaders`, whose parts
//! are the tests here.

use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The parts share a folder that they build in.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs one part. Without kernels the test says that it is skipped; where skipping is not
/// acceptable (`CI` or `KOMOD_REQUIRE_KERNELS=1`), it fails.
fn part(name: &str) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["oracle", "loaders", "--only", name])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    println!("{}{errors}", String::from_utf8_lossy(&output.stdout));
    let required = std::env::var_os("CI").is_some()
        || std::env::var_os("KOMOD_REQUIRE_KERNELS").is_some_and(|value| value == "1");
    if errors.contains("no kernel ") && !required {
        eprintln!("SKIPPED: no kernel (KOMOD_TEST_KERNELS, or komod kernel fetch)");
        return;
    }
    assert!(output.status.success(), "the loaders differ");
}

#[test]
fn stock_modules() {
    part("stock");
}

#[test]
fn examples_and_cases() {
    part("own");
}

#[test]
fn refusals_and_complaints() {
    part("refusals");
}
