//! Building the guest's first process: a static executable, so that the guest needs no libraries.

use crate::project;
use anyhow::{Context, Result, bail};
use std::process::Command;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The executable's bytes, built when they are not there yet.
pub fn build() -> Result<Vec<u8>> {
    let target = project::target_dir();
    let status = Command::new(project::cargo())
        .args(["build", "--quiet", "--release", "--package", "guest-init", "--target", TARGET])
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", "-C target-feature=+crt-static -C strip=symbols")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .current_dir(project::root())
        .status()
        .context("cargo")?;
    if !status.success() {
        bail!("the guest's init cannot be built");
    }
    let path = target.join(TARGET).join("release/guest-init");
    std::fs::read(&path).with_context(|| path.display().to_string())
}
