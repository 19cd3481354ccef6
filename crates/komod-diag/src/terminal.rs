//! Diagnostics for people.
//!
//! Source evidence is drawn by `annotate-snippets`; the rest is plain lines: `note:` for facts and
//! command output, then the explanation, the fixes as unified diffs, and one `hint:` line per way
//! out. Colour only repeats what the words say, and only when asked for.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Renderer, Snippet, renderer::DecorStyle,
};

use crate::{Applicability, Diagnostic, Evidence, Fix, Severity, Span, tool_colors, unified};

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Use ANSI colours.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
}

impl Options {
    /// No colours, 100 columns.
    pub fn plain() -> Self {
        Options { color: false, width: 100 }
    }

    /// Colours, 100 columns.
    pub fn colored() -> Self {
        Options { color: true, ..Options::plain() }
    }
}

/// One diagnostic, ending in a newline.
pub fn render(diagnostic: &Diagnostic, options: Options) -> String {
    let paint = Paint(options.color);
    let mut text = headline(diagnostic, options);
    text.push('\n');
    for evidence in &diagnostic.evidence {
        write_evidence(&mut text, evidence, paint);
    }
    if !diagnostic.explanation.is_empty() {
        text.push('\n');
        for line in wrap(&diagnostic.explanation, options.width.saturating_sub(2).max(20)) {
            let _ = writeln!(text, "  {line}");
        }
    }
    for fix in &diagnostic.fixes {
        write_fix(&mut text, fix, paint);
    }
    if !diagnostic.hints.is_empty() {
        text.push('\n');
    }
    for hint in &diagnostic.hints {
        let _ = writeln!(text, "{}: {hint}", paint.bold("hint", "36"));
    }
    text
}

/// Several diagnostics, an empty line between them.
pub fn render_all(diagnostics: &[Diagnostic], options: Options) -> String {
    diagnostics.iter().map(|d| render(d, options)).collect::<Vec<_>>().join("\n")
}

/// Title and source snippets, by annotate-snippets.
fn headline(diagnostic: &Diagnostic, options: Options) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(&diagnostic.title).id(diagnostic.code.as_ref());
    let mut group = Group::with_title(title);
    let mut primary = true;
    for evidence in &diagnostic.evidence {
        if let Evidence::Source { path, span, text, label } = evidence {
            let kind = if primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            primary = false;
            let snippet = Snippet::source(text.as_str())
                .line_start(usize::try_from(span.line).unwrap_or(1).max(1))
                .path(path.display().to_string())
                .fold(false)
                .annotation(annotation(kind, *span, text, label));
            group = group.element(snippet);
        }
    }
    let base = if options.color { Renderer::styled() } else { Renderer::plain() };
    base.decor_style(DecorStyle::Ascii).term_width(options.width).render(&[group])
}

fn annotation<'a>(kind: AnnotationKind, span: Span, text: &str, label: &'a str) -> Annotation<'a> {
    let from = usize::try_from(span.column).unwrap_or(0);
    let to = usize::try_from(span.end_column).unwrap_or(0);
    let indent = text.len() - text.trim_start().len();
    let (start, end) = match (from, to) {
        (0, _) => (indent, text.trim_end().len()),
        (from, 0) => (from - 1, from),
        (from, to) => (from - 1, to.saturating_sub(1)),
    };
    // Columns come from other programs: keep them inside the line and between characters.
    let inside = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = inside(start);
    let mark = kind.span(start..inside(end).max(start));
    if label.is_empty() { mark } else { mark.label(label) }
}

fn write_evidence(text: &mut String, evidence: &Evidence, paint: Paint) {
    let note = paint.bold("note", "32");
    match evidence {
        Evidence::Source { .. } => {}
        Evidence::Output { command, lines } => {
            let _ = writeln!(text, "{note}: {command} says");
            for line in lines {
                let line = if paint.0 { tool_colors::paint(line) } else { line.into() };
                let _ = writeln!(text, "  | {line}");
            }
        }
        Evidence::File { path, label } => {
            let _ = writeln!(text, "{note}: {} {label}", path.display());
        }
        Evidence::Fact { name, value } => {
            let _ = writeln!(text, "{note}: {name}: {value}");
        }
        Evidence::Object { path, section, symbol, offset, value, label } => {
            let _ = write!(text, "{note}: {}", path.display());
            if let Some(section) = section {
                let _ = write!(text, ", section {section}");
            }
            if let Some(symbol) = symbol {
                let _ = write!(text, ", symbol {symbol}");
            }
            if let Some(offset) = offset {
                let _ = write!(text, ", offset {offset:#x}");
            }
            if let Some(value) = value {
                let _ = write!(text, ", value {value}");
            }
            let _ = writeln!(text, ": {label}");
        }
    }
}

fn write_fix(text: &mut String, fix: &Fix, paint: Paint) {
    let who = match fix.applicability {
        Applicability::Safe => "applied by --fix",
        Applicability::Unsafe => "read before you apply it",
        Applicability::Display => "a sketch",
    };
    let _ = writeln!(text, "\n{}: {} ({who})", paint.bold("fix", "36"), fix.title);
    for line in unified::diff_all(fix, |path: &Path| fs::read_to_string(path).ok()).lines() {
        let line = match line.as_bytes().first() {
            Some(b'-') => paint.color(line, "31"),
            Some(b'+') => paint.color(line, "32"),
            Some(b'@') => paint.color(line, "36"),
            _ => line.to_owned(),
        };
        let _ = writeln!(text, "  {line}");
    }
}

/// Colours, or not.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn color(self, text: &str, code: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(self, text: &str, code: &str) -> String {
        self.color(text, &format!("1;{code}"))
    }
}

/// Breaks prose at spaces. Line ends in the text stay.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Diagnostic {
        Diagnostic::new("B-28", Severity::Error, "an exit function must return void")
            .with_evidence(Evidence::source(
                "test.c",
                Span::columns(9, 8, 11),
                "static int test_exit(void)",
                "returns int here",
            ))
            .with_evidence(Evidence::output("gcc-12", ["x.c:9: error: returning 'int (*)(void)'"]))
            .with_evidence(Evidence::Object {
                path: "x.ko".into(),
                section: Some(".text".into()),
                symbol: None,
                offset: Some(16),
                value: None,
                label: "odd".into(),
            })
            .with_explanation("The kernel calls it and never looks at a result.")
            .with_hint("make it `static void`")
    }

    #[test]
    fn everything_is_said_in_words() {
        assert_eq!(
            render(&sample(), Options::plain()),
            "error[B-28]: an exit function must return void\n \
             --> test.c:9:8\n  |\n\
             9 | static int test_exit(void)\n  |        ^^^ returns int here\n\
             note: gcc-12 says\n  | x.c:9: error: returning 'int (*)(void)'\n\
             note: x.ko, section .text, offset 0x10: odd\n\n  \
             The kernel calls it and never looks at a result.\n\n\
             hint: make it `static void`\n"
        );
    }

    #[test]
    fn colour_adds_escapes_and_changes_no_word() {
        let colored = render(&sample(), Options::colored());
        assert!(colored.contains("\x1b[1;31merror:\x1b[0m returning"), "{colored}");
        let mut bare = String::new();
        let mut parts = colored.split('\x1b');
        bare.push_str(parts.next().unwrap());
        for part in parts {
            bare.push_str(part.split_once('m').unwrap().1);
        }
        assert_eq!(bare, render(&sample(), Options::plain()));
        assert!(!render(&sample(), Options::plain()).contains('\x1b'));
    }

    #[test]
    fn columns_outside_the_line_do_no_harm() {
        let mut d = sample();
        d.evidence = vec![
            Evidence::source("ü.c", Span::columns(1, 2, 900), "ü", ""),
            Evidence::source("ü.c", Span::columns(u32::MAX, 40, 3), "ü", "x"),
            Evidence::source("ü.c", Span::line(0), "", "x"),
        ];
        assert!(render(&d, Options { color: false, width: 0 }).contains("ü.c"));
    }

    #[test]
    fn a_fix_is_shown_as_a_diff() {
        let path = std::env::temp_dir().join(format!("komod-diag-fix-{}.c", std::process::id()));
        fs::write(&path, "a\nb\n").unwrap();
        let fix = Fix::new("say c", Applicability::Safe).replace(&path, "a\nb\n", 2..3, "c");
        let text = render(&sample().with_fix(fix), Options::plain());
        assert!(text.contains("\nfix: say c (applied by --fix)\n"), "{text}");
        assert!(text.contains("\n  @@ -1,2 +1,2 @@\n   a\n  -b\n  +c\n"), "{text}");
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn long_prose_is_wrapped() {
        assert_eq!(wrap("aa bb cc\ndd", 5), ["aa bb", "cc", "dd"]);
    }
}
