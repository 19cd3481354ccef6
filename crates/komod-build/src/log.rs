//! What kbuild printed, with the user's own paths.

use std::path::Path;

use crate::project::Project;
use crate::shadow::Shadow;

/// The output of a build, standard output and standard error in the order they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The command, as one could type it.
    pub command: String,
    /// Its exit status; nothing if a signal ended it or it never ran.
    pub status: Option<i32>,
    /// The lines. Sources have the names the user knows; products have their real names.
    pub lines: Vec<String>,
}

impl Log {
    /// The lines that contain `text`.
    pub fn matching<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().map(String::as_str).filter(move |line| line.contains(text))
    }

    /// Does a line contain `text`?
    pub fn contains(&self, text: &str) -> bool {
        self.matching(text).next().is_some()
    }

    /// All lines as one text.
    pub fn text(&self) -> String {
        let mut text = self.lines.join("\n");
        text.push('\n');
        text
    }
}

/// Turns paths of the shadow's links back into the user's.
pub struct Names<'a> {
    /// The project.
    pub project: &'a Project,
    /// Its shadow.
    pub shadow: &'a Shadow,
}

impl Names<'_> {
    /// The line with source paths as the user knows them.
    pub fn restore(&self, line: &str) -> String {
        let prefix = format!("{}/", self.shadow.dir.display());
        let mut result = String::with_capacity(line.len());
        let mut rest = line;
        while let Some(at) = rest.find(&prefix) {
            let (before, after) = rest.split_at(at);
            let tail = after.get(prefix.len()..).unwrap_or_default();
            let end = tail.find(|c: char| c.is_whitespace() || ":,;'\"`()[]".contains(c));
            let (path, more) = tail.split_at(end.unwrap_or(tail.len()));
            result.push_str(before);
            match self.shown(Path::new(path)) {
                Some(shown) => result.push_str(&shown),
                None => {
                    result.push_str(&prefix);
                    result.push_str(path);
                }
            }
            rest = more;
        }
        result.push_str(rest);
        result
    }

    fn shown(&self, relative: &Path) -> Option<String> {
        let source = match self.shadow.source_of(relative) {
            Some(source) => source.strip_prefix(&self.project.root).ok()?.to_owned(),
            // A repaired makefile stands for the user's, line by line.
            None => {
                let content = self.shadow.contents.get(relative)?;
                let makefile = self.project.makefile()?;
                let own = makefile.strip_prefix(&self.project.root).ok()?;
                let same = relative.parent() == own.parent();
                if matches!(content, crate::shadow::Content::Text(_)) && same {
                    own.to_owned()
                } else {
                    relative.to_owned()
                }
            }
        };
        self.project
            .root
            .join(&source)
            .exists()
            .then(|| self.project.show(&source).display().to_string())
    }
}
