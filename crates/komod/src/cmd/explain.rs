//! `komod explain`.

use super::Outcome;
use crate::console;
use crate::explained::Explained;
use crate::json;
use anyhow::Result;
use clap::Args;
use komod_build::rules;
use komod_check::rules as refusals;
use serde::Serialize;

/// Show the page about a diagnosis: what it means, why it happens, the way out
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod explain B-28     the page about a build that fails
  komod explain L-08     the page about a module that the loader refuses
  komod explain          all codes that have a page")]
pub struct ExplainArgs {
    /// The code in brackets: error[B-28]
    code: Option<String>,
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Page<'a> {
    code: &'a str,
    page: &'a str,
}

pub fn run(args: &ExplainArgs) -> Result<Outcome> {
    let Some(code) = &args.code else {
        let codes: Vec<&str> = rules::codes().into_iter().chain(refusals::codes()).collect();
        match args.json {
            true => json::print("komod-explain", serde_json::json!({ "codes": codes }))?,
            false => codes.iter().for_each(|c| console::line(c)),
        }
        return Ok(Outcome::Good);
    };
    let Some(page) = rules::explain(code).or_else(|| refusals::explain(code)) else {
        return Err(Explained::new(format!("there is no page about `{code}`"))
            .hint("`komod explain` lists the codes")
            .into());
    };
    match args.json {
        true => json::print("komod-explain", Page { code, page })?,
        false => console::line(page.trim_end()),
    }
    Ok(Outcome::Good)
}
