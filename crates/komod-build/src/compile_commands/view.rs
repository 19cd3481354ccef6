//! A command as the user's tools shall see it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::shadow::Content;

/// What gives the compiler one more folder, or a file to read first: the path follows, as the next
/// word or, for the first, at once.
const PATHS: [&str; 5] = ["-I", "-include", "-iquote", "-isystem", "-idirafter"];

/// The folder of a build and the project behind it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Where the build is; the project's own folder if it is built in place.
    pub folder: &'a Path,
    /// The project's folder.
    pub root: &'a Path,
    /// What komod put into `folder`.
    pub contents: &'a BTreeMap<PathBuf, Content>,
    /// The build may have made headers in `folder`.
    pub generated: bool,
}

impl View<'_> {
    /// The user's file behind one of the build's.
    pub fn real(&self, path: &Path) -> PathBuf {
        let Ok(relative) = path.strip_prefix(self.folder) else { return path.to_owned() };
        match self.contents.get(relative) {
            Some(Content::Link(source) | Content::Copy(source)) => source.clone(),
            Some(Content::Text(_)) => path.to_owned(),
            None => {
                let own = self.root.join(relative);
                if own.exists() { own } else { path.to_owned() }
            }
        }
    }

    /// The words of a command that compiles `source`, for `file` behind it.
    pub fn words(&self, words: Vec<String>, source: &Path, file: &Path) -> Vec<String> {
        let map = format!("-ffile-prefix-map={}=", self.folder.display());
        let in_place = self.folder == self.root;
        let mut result = Vec::with_capacity(words.len());
        let mut behind = String::new();
        for word in words {
            if word.starts_with("-Wp,-MMD,") || word.starts_with("-Wp,-MD,") {
                continue;
            }
            if !in_place && word.starts_with(&map) {
                continue;
            }
            let path = word.strip_prefix("-I").filter(|path| !path.is_empty());
            if Path::new(&word) == source {
                result.push(file.to_string_lossy().into_owned());
            } else if let Some(path) = path {
                let real = self.text(path);
                let other = real != path;
                result.push(format!("-I{real}"));
                if self.generated && other {
                    result.push(word.clone());
                }
            } else if PATHS.contains(&behind.as_str()) {
                result.push(self.text(&word));
            } else {
                result.push(word.clone());
            }
            behind = word;
        }
        // A generated header is found beside the source only where the source was compiled.
        if let Some(folder) = source.parent().filter(|_| self.generated && source != file) {
            result.extend(["-iquote".to_owned(), folder.to_string_lossy().into_owned()]);
        }
        result
    }

    fn text(&self, path: &str) -> String {
        self.real(Path::new(path)).to_string_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_does_not_show() {
        let root = std::env::temp_dir().join(format!("komod-view-{}", std::process::id()));
        std::fs::create_dir_all(root.join("include")).unwrap();
        let contents = BTreeMap::from([("x.c".into(), Content::Link(root.join("x.c")))]);
        let mut view =
            View { folder: Path::new("/m"), root: &root, contents: &contents, generated: false };
        let (source, file) = (Path::new("/m/x.c"), view.real(Path::new("/m/x.c")));
        let r = root.display();
        let words = |view: &View<'_>| {
            let line = format!(
                "gcc -Wp,-MMD,/m/.x.o.d -I./include -ffile-prefix-map=/m={r} -I/m/include -I/m/gone \
                 -include /m/include -D/m/include -c -o /m/x.o /m/x.c"
            );
            view.words(line.split(' ').map(String::from).collect(), source, &file).join(" ")
        };
        let start = format!("gcc -I./include -I{r}/include");
        let end = format!("-I/m/gone -include {r}/include -D/m/include -c -o /m/x.o {r}/x.c");
        assert_eq!(words(&view), format!("{start} {end}"));
        view.generated = true;
        assert_eq!(words(&view), format!("{start} -I/m/include {end} -iquote /m"));
        std::fs::remove_dir_all(root).unwrap();
    }
}
