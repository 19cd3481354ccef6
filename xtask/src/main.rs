//! The project's own tasks: `cargo xtask TASK`.
#![forbid(unsafe_code)]

mod args;
mod cpio;
mod draw;
mod guest_build;
mod kernels;
mod modules;
mod oracle;
mod project;
mod qemu;

use anyhow::{Result, bail};
use args::Args;

const HELP: &str = "\
Usage: cargo xtask TASK [OPTIONS]

  oracle boot   compare stock modules in-process with the real kernel under QEMU";

fn main() -> Result<()> {
    let mut args = Args::new(std::env::args().skip(1));
    match args.positional().as_deref() {
        Some("oracle") => oracle::main(args),
        _ => bail!("{HELP}"),
    }
}
