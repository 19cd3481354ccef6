//! All tests of the workspace, as many test binaries at a time as there are processors: many tests
//! wait for one compiler or one kernel, and leave a processor idle when they run binary by binary.

use crate::tally::Tally;
use crate::{parallel, project, shell};
use anyhow::{Context, Result};
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// So many of the slowest are listed.
const SLOWEST: usize = 12;

struct Binary {
    /// `komod-build/tests/jobs.rs`.
    name: String,
    executable: PathBuf,
    /// Tests find their files from here, as under `cargo test`.
    folder: PathBuf,
}

/// Builds and runs all with these variables; each binary's output comes when it is done.
pub fn run(variables: &[(&str, OsString)]) -> Result<Tally> {
    let binaries = built()?;
    let mut times = Vec::new();
    let mut tally = Tally::default();
    for (binary, result) in binaries.iter().zip(parallel::map(&binaries, |b| b.run(variables))) {
        let (counted, time) = result?;
        tally += counted;
        times.push((time, &binary.name));
    }
    tally += of_documents(variables)?;
    times.sort();
    println!("\nthe slowest of {} test binaries, in seconds:", binaries.len());
    for (time, name) in times.iter().rev().take(SLOWEST) {
        println!("{:>8.1} {name}", time.as_secs_f64());
    }
    Ok(tally)
}

/// The test binaries of all crates, in cargo's order.
fn built() -> Result<Vec<Binary>> {
    let mut command = Command::new(project::cargo());
    command.args(["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]);
    let output = command.current_dir(project::root()).stderr(Stdio::inherit()).output()?;
    anyhow::ensure!(output.status.success(), "the tests cannot be built: {}", output.status);
    let text = String::from_utf8(output.stdout).context("cargo's messages")?;
    let mut found: Vec<Binary> = text.lines().filter_map(binary).collect();
    // The same one may be told twice. Backwards: the last ones are many and short, so that no
    // processor waits long for another at the end.
    found.sort_by(|a, b| b.name.cmp(&a.name));
    found.dedup_by(|a, b| a.executable == b.executable);
    anyhow::ensure!(!found.is_empty(), "cargo told of no test binary");
    Ok(found)
}

/// A test binary, if that is what one of cargo's messages is about
/// (doc.rust-lang.org/cargo/reference/external-tools.html, "Artifact Messages").
fn binary(message: &str) -> Option<Binary> {
    let message: Value = serde_json::from_str(message).ok()?;
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let executable = PathBuf::from(message["executable"].as_str()?);
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_owned();
    let source = Path::new(message["target"]["src_path"].as_str()?);
    let source = source.strip_prefix(&folder).unwrap_or(source);
    let name = format!("{}/{}", folder.file_name()?.to_str()?, source.display());
    Some(Binary { name, executable, folder })
}

impl Binary {
    fn run(&self, variables: &[(&str, OsString)]) -> Result<(Tally, Duration)> {
        let started = Instant::now();
        let mut command = Command::new(&self.executable);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        // What it says on stderr is captured by the test harness, but for tests that crash.
        let output = command
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .output()
            .with_context(|| self.executable.display().to_string())?;
        let time = started.elapsed();
        let said = String::from_utf8_lossy(&output.stdout);
        let mut tally = Tally::default();
        for counted in said.lines().filter_map(Tally::of_test_binary) {
            tally += counted;
        }
        if !output.status.success() && tally.failed == 0 {
            // It did not even come to a result: a test took its process down.
            tally += Tally::one(false);
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let name = &self.name;
        println!("\n-- {name}: {}, {:.1} s\n{said}{errors}", output.status, time.as_secs_f64());
        Ok((tally, time))
    }
}

/// The examples in documentation.
fn of_documents(variables: &[(&str, OsString)]) -> Result<Tally> {
    let mut command = Command::new(project::cargo());
    command.args(["test", "--workspace", "--doc", "--no-fail-fast"]);
    command.current_dir(project::root()).envs(variables.iter().map(|(name, value)| (name, value)));
    let mut tally = Tally::default();
    let ok = shell::watch(&mut command, &mut |line| {
        tally += Tally::of_test_binary(line).unwrap_or_default();
    })?;
    if !ok && tally.failed == 0 {
        tally += Tally::one(false);
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_test_binaries_are_taken_from_what_cargo_says() {
        let message = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/p/crates/a/Cargo.toml",
                "target":{{"src_path":"/p/crates/a/tests/b.rs"}},"profile":{{"test":{test}}},
                "executable":{executable}}}"#
            )
        };
        let found = binary(&message(true, "\"/p/target/b-1\"")).unwrap();
        assert_eq!(
            (found.name.as_str(), found.folder.to_str()),
            ("a/tests/b.rs", Some("/p/crates/a"))
        );
        assert_eq!(found.executable, Path::new("/p/target/b-1"));
        for other in [&message(false, "\"/p/target/a\""), &message(true, "null"), "{}", "no JSON"] {
            assert!(binary(other).is_none(), "{other}");
        }
    }
}
