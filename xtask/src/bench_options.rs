//! What all benchmarks are asked: of which kernels, and how often.

use crate::args::Args;
use crate::kernels::{self, Kernel};
use anyhow::Result;

pub struct Options {
    series: Option<String>,
    pub runs: usize,
}

impl Options {
    /// Takes them; none if only `help` was wanted, which is printed. `runs`: unless told otherwise.
    pub fn take(args: &mut Args, help: &str, runs: usize) -> Result<Option<Options>> {
        if args.flag("--help") || args.flag("-h") {
            println!("{help}");
            return Ok(None);
        }
        let series = args.option("--kernel")?;
        Ok(Some(Options { series, runs: args.option("--runs")?.unwrap_or(runs) }))
    }

    pub fn kernels(&self) -> impl Iterator<Item = Result<Kernel>> {
        kernels::chosen(self.series.as_deref())
    }
}
