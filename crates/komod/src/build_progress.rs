//! The line that says what builds are doing.

use crate::progress::Progress;
use crate::text::plural;
use komod_build::{Event, Listener};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One line about one build, or about builds for several kernels.
#[derive(Debug)]
pub struct Meter {
    name: String,
    builds: Mutex<Vec<Build>>,
    line: Mutex<Option<Progress>>,
}

/// What is known of one build.
#[derive(Debug, Clone, Default)]
struct Build {
    kernel: String,
    modules: usize,
    steps: usize,
    done: usize,
    current: String,
}

/// The listener of one of the builds.
#[derive(Debug)]
struct Ear {
    meter: Arc<Meter>,
    build: usize,
}

impl Meter {
    /// Begins the line, for builds of `name` for these releases.
    pub fn start(name: &str, releases: &[&str]) -> Arc<Meter> {
        let builds = releases
            .iter()
            .map(|release| Build { kernel: (*release).to_owned(), ..Build::default() });
        let meter = Meter {
            name: name.to_owned(),
            builds: Mutex::new(builds.collect()),
            line: Mutex::new(None),
        };
        let text = meter.text(0);
        *lock(&meter.line) = Some(Progress::start(text));
        Arc::new(meter)
    }

    /// What hears the build for the kernel of this number.
    pub fn listener(self: &Arc<Self>, build: usize) -> Arc<dyn Listener> {
        Arc::new(Ear { meter: self.clone(), build })
    }

    /// Takes the line away.
    pub fn end(&self) {
        drop(lock(&self.line).take());
    }

    fn hear(&self, number: usize, event: Event<'_>) {
        if let Some(build) = lock(&self.builds).get_mut(number) {
            build.hear(event);
        }
        let text = self.text(number);
        if let Some(line) = lock(&self.line).as_ref() {
            line.set(text);
        }
    }

    /// The line after something happened in the build of this number.
    fn text(&self, number: usize) -> String {
        let builds = lock(&self.builds);
        let modules = builds.iter().map(|build| build.modules).max().unwrap_or(0);
        let what = if modules > 1 { plural(modules, "module") } else { self.name.clone() };
        let whom = match builds.as_slice() {
            [only] => only.kernel.clone(),
            several => plural(several.len(), "kernel"),
        };
        let mut text = format!("building {what} for {whom}");
        let steps: usize = builds.iter().map(|build| build.steps).sum();
        let done: usize = builds.iter().map(|build| build.done).sum();
        let current = builds.get(number).filter(|build| !build.current.is_empty());
        if steps > 0 {
            text.push_str(&format!(": {}/{steps}", done.min(steps)));
        } else if current.is_some() {
            text.push(':');
        }
        if let Some(build) = current {
            if builds.len() > 1 {
                text.push_str(&format!(" {}", build.kernel));
            }
            text.push_str(&format!(" {}", build.current));
        }
        text
    }
}

impl Listener for Ear {
    fn hear(&self, event: Event<'_>) {
        self.meter.hear(self.build, event);
    }
}

impl Build {
    fn hear(&mut self, event: Event<'_>) {
        match event {
            Event::Planned { modules, steps } => {
                (self.modules, self.steps, self.done) = (modules, steps, 0);
            }
            Event::Started { word, file } => self.current = step(word, file),
            Event::Ended => self.done += 1,
            Event::Said(line) => {
                if let Some((word, file)) = of_kbuild(line) {
                    // kbuild does not say how much there is to do.
                    self.steps = 0;
                    self.current = step(word, file);
                }
            }
        }
    }
}

fn step(word: &str, file: &Path) -> String {
    let name = file.file_name().unwrap_or(OsStr::new("")).to_string_lossy();
    format!("{} {name}", word.trim().trim_end_matches("[M]").trim_end())
}

/// The word and the file of kbuild's `  CC [M]  /path/x.o`.
fn of_kbuild(line: &str) -> Option<(&str, &Path)> {
    let said = line.strip_prefix("  ")?;
    let (word, rest) = said.split_once(' ')?;
    let upper = !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase());
    let file = rest.trim_start().trim_start_matches("[M]").trim_start();
    (upper && !file.is_empty() && !file.contains(' ')).then(|| (word, Path::new(file)))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is_and_what_is_done() {
        let meter = Meter::start("p", &["6.1"]);
        assert_eq!(meter.text(0), "building p for 6.1");
        meter.hear(0, Event::Planned { modules: 40, steps: 122 });
        meter.hear(0, Event::Ended);
        meter.hear(0, Event::Started { word: "CC [M] ", file: Path::new("/x/many_3.c") });
        assert_eq!(meter.text(0), "building 40 modules for 6.1: 1/122 CC many_3.c");
    }

    #[test]
    fn several_kernels_have_one_line() {
        let meter = Meter::start("p", &["6.1", "6.12"]);
        meter.hear(0, Event::Planned { modules: 1, steps: 4 });
        meter.hear(1, Event::Planned { modules: 1, steps: 5 });
        for build in [0, 1, 1] {
            meter.hear(build, Event::Ended);
        }
        meter.hear(1, Event::Started { word: "LD [M]", file: Path::new("/x/p.ko") });
        assert_eq!(meter.text(1), "building p for 2 kernels: 3/9 6.12 LD p.ko");
    }

    #[test]
    fn kbuilds_lines_are_read() {
        let meter = Meter::start("p", &["6.1"]);
        for line in ["  CC [M]  /x/a.o", "warning: no", "  this is C", "make[1]: Entering"] {
            meter.hear(0, Event::Said(line));
        }
        assert_eq!(meter.text(0), "building p for 6.1: CC a.o");
    }
}
