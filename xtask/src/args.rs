//! The arguments of a task: flags, options with a value, and what is left.

use anyhow::{Context, Result, bail};
use std::str::FromStr;

/// Arguments are taken out one by one; [`Args::finish`] refuses what nobody took.
pub struct Args {
    left: Vec<String>,
}

impl Args {
    pub fn new(args: impl IntoIterator<Item = String>) -> Args {
        Args { left: args.into_iter().collect() }
    }

    /// Takes `--name`.
    pub fn flag(&mut self, name: &str) -> bool {
        let found = self.left.iter().position(|a| a == name);
        found.map(|i| self.left.remove(i)).is_some()
    }

    /// Takes `--name VALUE` or `--name=VALUE`.
    pub fn option<T>(&mut self, name: &str) -> Result<Option<T>>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let value = text.parse().with_context(|| format!("{name}: bad value {text:?}"))?;
        Ok(Some(value))
    }

    fn text(&mut self, name: &str) -> Result<Option<String>> {
        for i in 0..self.left.len() {
            if self.left[i] == name {
                if i + 1 >= self.left.len() {
                    bail!("{name} needs a value");
                }
                self.left.remove(i);
                return Ok(Some(self.left.remove(i)));
            }
            let joined = self.left[i].strip_prefix(name).and_then(|r| r.strip_prefix('='));
            if let Some(value) = joined.map(str::to_owned) {
                self.left.remove(i);
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Takes the first argument that is not a flag.
    pub fn positional(&mut self) -> Option<String> {
        let found = self.left.iter().position(|a| !a.starts_with('-'))?;
        Some(self.left.remove(found))
    }

    pub fn finish(self) -> Result<()> {
        match self.left.first() {
            None => Ok(()),
            Some(arg) => bail!("unknown argument {arg:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Args {
        Args::new(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn takes_each_kind() {
        let mut a = args("boot --fresh --count 30 --seed=7 extra");
        assert!(a.flag("--fresh"));
        assert!(!a.flag("--fresh"));
        assert_eq!(a.option::<usize>("--count").unwrap(), Some(30));
        assert_eq!(a.option::<u64>("--seed").unwrap(), Some(7));
        assert_eq!(a.option::<u64>("--sample").unwrap(), None);
        assert_eq!(a.positional().as_deref(), Some("boot"));
        assert_eq!(a.positional().as_deref(), Some("extra"));
        a.finish().unwrap();
    }

    #[test]
    fn refuses_the_unknown() {
        assert!(args("--wrong").finish().is_err());
        assert!(args("--count").option::<u8>("--count").is_err());
        assert!(args("--count many").option::<u8>("--count").is_err());
    }
}
