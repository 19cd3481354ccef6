//! A module's turn while it happens, in either kernel, and the outcome it amounts to.

use super::outcome::{Outcome, Verdict};

const EEXIST: i32 = -17;

/// What has been seen of a turn so far.
#[derive(Debug)]
pub struct Turn {
    pub key: String,
    /// The module whose turn it is; the others are its dependencies.
    target: String,
    init: Option<Verdict>,
    exit: Option<Verdict>,
    log: Vec<String>,
    /// A module stayed in the kernel, so the next turn would not begin in a clean one.
    pub left_something: bool,
}

impl Turn {
    pub fn new(key: &str) -> Turn {
        Turn {
            key: key.to_owned(),
            target: guest_init::module_name(key),
            init: None,
            exit: None,
            log: Vec::new(),
            left_something: false,
        }
    }

    /// A load came back. A dependency that is there already will do.
    pub fn loaded(&mut self, name: &str, code: i32) {
        if name == self.target {
            self.init = Some(Verdict::Code(code));
            self.left_something |= code == EEXIST;
        } else if code != 0 && code != EEXIST {
            self.init = Some(Verdict::Dependency { name: name.to_owned(), code });
        }
    }

    pub fn unloaded(&mut self, name: &str, code: i32) {
        if name == self.target {
            self.exit = Some(Verdict::Code(code));
        }
        self.left_something |= code != 0;
    }

    pub fn logged(&mut self, level: u8, text: &str) {
        self.log.push(format!("<{level}>{text}"));
    }

    /// A file was read or written: the number of bytes, or the negative errno.
    pub fn visited(&mut self, path: &str, result: i64) {
        self.log.push(format!("{path}: {result}"));
    }

    /// A line of the file just read.
    pub fn read(&mut self, line: &str) {
        self.log.push(format!("| {line}"));
    }

    /// Was the module there before its turn?
    pub fn was_there(&self) -> bool {
        self.init == Some(Verdict::Code(EEXIST))
    }

    /// The turn went through all its steps.
    pub fn finish(self) -> Outcome {
        // Only a turn that loaded nothing at all has no result of its own.
        let init = self.init.unwrap_or(Verdict::Hang);
        Outcome { init, exit: self.exit, log: self.log }
    }

    /// The turn ended by `verdict` (a crash or a hang), in whichever step it was.
    pub fn cut_short(mut self, verdict: Verdict) -> Outcome {
        if self.init == Some(Verdict::Code(0)) {
            self.exit = Some(verdict);
        } else {
            self.init = Some(verdict);
        }
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_decides() {
        let mut turn = Turn::new("fs/ext4/ext4.ko");
        turn.loaded("jbd2", EEXIST);
        turn.loaded("ext4", 0);
        turn.logged(6, "hello");
        turn.unloaded("ext4", 0);
        turn.unloaded("mbcache", 0);
        assert!(!turn.left_something);
        let out = turn.finish();
        assert_eq!((out.init, out.exit), (Verdict::Code(0), Some(Verdict::Code(0))));
        assert_eq!(out.log, ["<6>hello"]);
    }

    #[test]
    fn a_failed_dependency_is_named() {
        let mut turn = Turn::new("fs/ext4/ext4.ko");
        turn.loaded("jbd2", -12);
        let out = turn.finish();
        assert_eq!(out.init, Verdict::Dependency { name: "jbd2".into(), code: -12 });
        assert_eq!(out.exit, None);
    }

    #[test]
    fn a_crash_belongs_to_its_step() {
        assert_eq!(Turn::new("a.ko").cut_short(Verdict::Crash).init, Verdict::Crash);
        let mut turn = Turn::new("a.ko");
        turn.loaded("a", 0);
        let out = turn.cut_short(Verdict::Hang);
        assert_eq!((out.init, out.exit), (Verdict::Code(0), Some(Verdict::Hang)));
    }

    #[test]
    fn leftovers_are_noticed() {
        let mut turn = Turn::new("a.ko");
        turn.loaded("a", EEXIST);
        assert!(turn.was_there() && turn.left_something);
        let mut turn = Turn::new("a.ko");
        turn.loaded("a", 0);
        turn.unloaded("a", -16);
        assert!(turn.left_something && !turn.was_there());
    }
}
