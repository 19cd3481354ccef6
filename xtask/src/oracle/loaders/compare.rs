//! What differs between the two loaders' trials of a case, in words.

use super::mask::comparable;
use super::memory::{self, Module};
use super::trial::Trial;
use komod_kernel::btf::Btf;

/// All the differences; none is what is wanted.
pub fn differences(bytes: &[u8], btf: &Btf, komod: &Trial, kernel: &Trial) -> Vec<String> {
    let mut found = Vec::new();
    lines("result", &komod.results, &kernel.results, &mut found);
    lines("log", &comparable(&komod.log), &comparable(&kernel.log), &mut found);
    let words = |files: &[(String, String)]| {
        files.iter().map(|(path, text)| format!("{path}: {}", text.trim_end())).collect::<Vec<_>>()
    };
    lines("file", &words(&komod.files), &words(&kernel.files), &mut found);
    if komod.files.is_empty() != komod.live.is_empty() || komod.formed.len() < komod.live.len() {
        found.push("memory: there is none to compare".into());
    }
    let module = Module::new(bytes, &kernel.files);
    // Refused is refused: how far the module had got by then does not show.
    let refused = komod.is_refused();
    for (moment, a, b) in
        [("formed", &komod.formed, &kernel.formed), ("live", &komod.live, &kernel.live)]
    {
        if refused && (a.is_empty() || b.is_empty()) {
            continue;
        }
        memory::compare(moment, &module, btf, a, b, &mut found);
    }
    found
}

/// The lines that one has and the other has not; at most a few.
fn lines(what: &str, komod: &[String], kernel: &[String], found: &mut Vec<String>) {
    const MOST: usize = 12;
    let (a, b) = (missing(komod, kernel), missing(kernel, komod));
    if a.is_empty() && b.is_empty() && komod != kernel {
        let first = komod.iter().zip(kernel).find(|(a, b)| a != b);
        let (a, b) = first.unwrap_or((&komod[0], &kernel[0]));
        found.push(format!("{what}: the same lines in another order: {a:?}, kernel {b:?}"));
    }
    for (mark, lines) in [("komod ", a), ("kernel", b)] {
        for line in lines.iter().take(MOST) {
            found.push(format!("{what}: {mark} {line}"));
        }
        if lines.len() > MOST {
            found.push(format!("{what}: {mark} … {} more", lines.len() - MOST));
        }
    }
}

/// The lines of `from` that `other` has not, or not so often.
fn missing<'a>(from: &'a [String], other: &[String]) -> Vec<&'a String> {
    let mut other: Vec<&String> = other.iter().collect();
    let lacks = |line: &&String| {
        let found = other.iter().position(|o| o == line);
        found.map(|index| other.swap_remove(index)).is_none()
    };
    from.iter().filter(lacks).collect()
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn only_what_differs_is_told() {
        let text = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut found = Vec::new();
        lines("log", &text("a b c"), &text("a b c"), &mut found);
        assert!(found.is_empty());
        lines("log", &text("a b c"), &text("a x y c"), &mut found);
        assert_eq!(found, ["log: komod  b", "log: kernel x", "log: kernel y"]);
        found.clear();
        lines("log", &text("a b"), &text("b a"), &mut found);
        assert_eq!(found, [r#"log: the same lines in another order: "a", kernel "b""#]);
    }
}
