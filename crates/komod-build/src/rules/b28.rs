//! B-28: an exit function that returns `int`, or an init function that returns nothing
//!
//! # What
//! The function given to `module_exit` returns a value. It must return nothing. (Or the one given
//! to `module_init` returns nothing; it must return an `int`.)
//!
//! # Why
//! The kernel asks a module's init function whether it worked: 0, or a negative error number. It
//! calls the exit function when the module is already leaving; there is no way to refuse, so there
//! is nobody to give a value to. Older compilers let it pass with a warning, and so do tutorials.
//!
//! # Example
//! ```c
//! static int test_exit(void)      /* must be: static void test_exit(void) */
//! {
//!         printk(KERN_INFO "bye\n");
//!         return 0;               /* must go */
//! }
//! module_exit(test_exit);
//! ```
//!
//! # Way out
//! `komod build --fix` makes the change; without `--fix` it is shown.

use std::ops::Range;

use komod_diag::{Applicability, Evidence, Fix, Span};

use super::{Finding, Outcome, error};
use crate::c_source::{self, Function};
use crate::messages::{Level, Message};

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, message) in outcome.messages.iter().enumerate() {
        if message.level == Level::Note {
            continue;
        }
        if message.text.contains("'exitcall_t'") && message.text.contains("int (*)(void)") {
            found.extend(exit_function(outcome, index, message));
        } else if message.text.contains("'initcall_t'") && message.text.contains("void (*)(void)'")
            && message.quoted().is_some_and(|first| first.starts_with("void") || first == "initcall_t")
        {
            found.extend(init_function(outcome, index, message));
        }
    }
    found
}

/// The name between the brackets of `module_exit(NAME)` on the message's line.
fn argument(message: &Message, text: &str, call: &str) -> Option<String> {
    let line = text.lines().nth(usize::try_from(message.line).ok()?.checked_sub(1)?)?;
    let word = c_source::find_word(line, call, 0)?;
    let inside = line.get(word.end..)?.trim_start().strip_prefix('(')?;
    let name: String =
        inside.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

fn exit_function(outcome: &Outcome<'_>, index: usize, message: &Message) -> Option<Finding> {
    let text = outcome.read(&message.path)?;
    let name = argument(message, &text, "module_exit")?;
    let masked = c_source::mask(&text);
    let functions = c_source::functions(&masked, &name, "int");
    let mut diagnostic = error("B-28", format!("the exit function {name} must return nothing"));
    for function in &functions {
        let label = if function.body.is_some() { "returns int" } else { "declared here" };
        diagnostic = diagnostic.with_evidence(source(message, &text, &function.result, label));
    }
    diagnostic = diagnostic
        .with_evidence(outcome.place(message, "used as the exit function here"))
        .with_explanation(
            "The kernel calls it when the module is already leaving: there is nobody to give a \
             value to.",
        );
    if let Some(fix) = fix(message, &text, &masked, &name, &functions) {
        diagnostic = diagnostic.with_fix(fix);
        diagnostic = diagnostic.with_hint("let komod make the change: komod build --fix");
    } else {
        diagnostic = diagnostic.with_hint(format!("write: static void {name}(void)"));
    }
    Some(Finding { diagnostic, claims: vec![index] })
}

fn init_function(outcome: &Outcome<'_>, index: usize, message: &Message) -> Option<Finding> {
    let text = outcome.read(&message.path)?;
    let name = argument(message, &text, "module_init")?;
    let masked = c_source::mask(&text);
    let mut diagnostic = error("B-28", format!("the init function {name} must return an int"));
    for function in c_source::functions(&masked, &name, "void") {
        diagnostic = diagnostic.with_evidence(source(message, &text, &function.result, "returns nothing"));
    }
    let diagnostic = diagnostic
        .with_evidence(outcome.place(message, "used as the init function here"))
        .with_explanation("The kernel asks it whether it worked: 0, or a negative error number.")
        .with_hint(format!("write: static int {name}(void), and end it with return 0;"));
    Some(Finding { diagnostic, claims: vec![index] })
}

fn source(message: &Message, text: &str, word: &Range<usize>, label: &str) -> Evidence {
    let (line, column) = c_source::place(text, word.start);
    let end = column.saturating_add(u32::try_from(word.len()).unwrap_or(0));
    Evidence::source_in(&message.path, text, Span::columns(line, column, end), label)
}

/// `int` becomes `void` in every declaration, and values are no longer returned.
fn fix(
    message: &Message,
    text: &str,
    masked: &str,
    name: &str,
    functions: &[Function],
) -> Option<Fix> {
    let body = functions.iter().find_map(|function| function.body.clone())?;
    let mut applicability = Applicability::Safe;
    let mut edits: Vec<(Range<usize>, String)> =
        functions.iter().map(|function| (function.result.clone(), "void".to_owned())).collect();
    for found in c_source::returns(masked, body.clone()) {
        let value = text.get(found.value.clone())?.trim();
        if !c_source::is_plain_value(masked.get(found.value.clone())?) {
            applicability = Applicability::Unsafe;
            edits.push((found.statement, format!("{{ {value}; return; }}")));
        } else if is_last(masked, &found.statement, &body) {
            edits.push((with_its_space(text, found.statement), String::new()));
        } else {
            edits.push((found.statement, "return;".to_owned()));
        }
    }
    let title = format!("let {name} return nothing");
    let fix = Fix::new(title, applicability);
    Some(edits.into_iter().fold(fix, |fix, (range, new)| fix.replace(&message.path, text, range, new)))
}

/// Is this the body's last statement, and one of its own (not the branch of an `if`)?
fn is_last(masked: &str, statement: &Range<usize>, body: &Range<usize>) -> bool {
    let after = masked.get(statement.end..body.end).unwrap_or_default();
    let before = masked.get(body.start..statement.start).unwrap_or_default();
    after.trim() == "}" && before.trim_end().ends_with([';', '{', '}'])
}

/// The statement with its whole line if it is alone there, or with the space before it.
fn with_its_space(text: &str, statement: Range<usize>) -> Range<usize> {
    let before = text.get(..statement.start).unwrap_or_default();
    let start = before.trim_end_matches([' ', '\t']).len();
    let after = text.get(statement.end..).unwrap_or_default();
    let blank = after.len() - after.trim_start_matches([' ', '\t', '\r']).len();
    let own_line = text.get(..start).is_some_and(|head| head.ends_with('\n'));
    match after.get(blank..).and_then(|rest| rest.strip_prefix('\n')) {
        Some(_) if own_line => start..statement.end + blank + 1,
        _ => start..statement.end,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn fixed(text: &str) -> Option<(String, Applicability)> {
        let message = Message {
            path: "t.c".into(),
            line: 1,
            column: 1,
            level: Level::Error,
            text: String::new(),
            option: None,
        };
        let masked = c_source::mask(text);
        let functions = c_source::functions(&masked, "f", "int");
        let fix = fix(&message, text, &masked, "f", &functions)?;
        Some((fix.preview(Path::new("t.c"), text).unwrap(), fix.applicability))
    }

    #[test]
    fn the_last_return_goes_and_others_lose_their_value() {
        let text = "static int f(void);\nstatic int __exit f(void)\n{\n\tif (a)\n\t\treturn 1; // int\n\
                    \tx(\"return 0;\");\n\treturn 0;\n}\n";
        let want = "static void f(void);\nstatic void __exit f(void)\n{\n\tif (a)\n\t\treturn; // int\n\
                    \tx(\"return 0;\");\n}\n";
        assert_eq!(fixed(text).unwrap(), (want.to_owned(), Applicability::Safe));
    }

    #[test]
    fn one_line_and_branches() {
        let (text, _) = fixed("int f(void) { x(); return 0; }").unwrap();
        assert_eq!(text, "void f(void) { x(); }");
        let (text, _) = fixed("int f(void) { if (a) return 0; }").unwrap();
        assert_eq!(text, "void f(void) { if (a) return; }");
        let (text, _) = fixed("int f(void) { out: return 0; }").unwrap();
        assert_eq!(text, "void f(void) { out: return; }");
    }

    #[test]
    fn values_with_effects_are_left_to_the_user() {
        let (text, applicability) = fixed("int f(void) { return stop(); }").unwrap();
        assert_eq!(text, "void f(void) { { stop(); return; } }");
        assert_eq!(applicability, Applicability::Unsafe);
        assert_eq!(fixed("int f(void);"), None, "the body is elsewhere");
    }
}
