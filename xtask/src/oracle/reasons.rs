//! Files of differences that are explained: a line each, three fields separated by tabs, the last one
//! is the reason. Lines that begin with `#` are for readers.

use anyhow::{Result, bail};

/// The lines, each with its number.
pub fn rows(text: &str) -> Result<Vec<(usize, [&str; 3])>> {
    let mut rows = Vec::new();
    let lines = (1..).zip(text.lines());
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let Ok(fields) = <[&str; 3]>::try_from(line.split('\t').collect::<Vec<_>>()) else {
            bail!("line {number}: not three fields");
        };
        if fields[2].trim().is_empty() {
            bail!("line {number}: a difference without a reason");
        }
        rows.push((number, fields));
    }
    Ok(rows)
}
