//! The loader's reasons to refuse a module, one file each.
//!
//! A rule says what can be done about one kind of obstacle, by the case at hand. The text at the
//! top of its file is its page for users: What, Why, Example, Way out; [`explain`] hands it out.
//! Which obstacles there are is [`RefusalCode`]'s to say.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use komod_load::RefusalCode;

use crate::case::Case;

/// A rule.
struct Rule {
    code: RefusalCode,
    source: &'static str,
    hints: fn(RefusalCode, &Case<'_>) -> Vec<String>,
}

macro_rules! rules {
    ($($module:ident $code:ident,)*) => {
        $(mod $module;)*
        static RULES: &[Rule] = &[$(Rule {
            code: RefusalCode::$code,
            source: include_str!(concat!("rules/", stringify!($module), ".rs")),
            hints: $module::hints,
        }),*];
    };
}

rules! {
    l01 NotPermitted,
    l02 EmptyFile,
    l03 VersionMagic,
    l04 NoVersionMagic,
    l05 ModuleLayoutCrc,
    l06 NoModuleLayoutVersion,
    l07 NoVersions,
    l08 SymbolCrc,
    l09 NoSymbolVersion,
    l10 UnknownSymbol,
    l11 GplOnly,
    l12 Namespace,
    l13 ThisModuleSize,
    l14 NoThisModule,
    l15 NoSymbols,
    l16 NotAModule,
    l17 CorruptElf,
    l18 Compressed,
    l19 SignatureRequired,
    l20 Lockdown,
    l21 MalformedSignature,
    l22 BadSignature,
    l24 AlreadyLoaded,
    l25 NameTaken,
    l26 Blacklisted,
    l27 Livepatch,
    l29 WriteExec,
    l30 PerCpu,
    l31 TooLarge,
    l32 CommonSymbol,
    l33 DuplicateExport,
    l34 ProprietaryOwner,
    l35 UnknownRelocation,
    l36 RelocationOverflow,
    l37 RelocationTarget,
    l38 NoExportVersions,
    l39 Constructors,
    l40 BadParameter,
    l44 OwnerBusy,
    l50 Unchecked,
}

macro_rules! pages {
    ($($module:ident $code:literal,)*) => {
        $(mod $module;)*
        /// Pages about what is no refusal of the loader: it warns, or init, the machine or the
        /// caller decides.
        static PAGES: &[(&str, &str)] =
            &[$(($code, include_str!(concat!("rules/", stringify!($module), ".rs"))),)*];
    };
}

pages! {
    l23 "L-23",
    l28 "L-28",
    l41 "L-41",
    l42 "L-42",
    l43 "L-43",
    l45 "L-45",
    l46 "L-46",
    l47 "L-47",
    l48 "L-48",
    l49 "L-49",
    l51 "L-51",
    l53 "L-53",
    l54 "L-54",
    l55 "L-55",
    l56 "L-56",
}

/// All pages by code.
static BY_CODE: LazyLock<BTreeMap<&'static str, String>> = LazyLock::new(|| {
    let refusals = RULES.iter().map(|rule| (rule.code.as_str(), rule.source));
    refusals.chain(PAGES.iter().copied()).map(|(code, source)| (code, page(source))).collect()
});

/// The page about a code, in any case: what, why, example, way out.
pub fn explain(code: &str) -> Option<&'static str> {
    BY_CODE.get(code.to_ascii_uppercase().as_str()).map(String::as_str)
}

/// The codes that have a page, in order.
pub fn codes() -> impl Iterator<Item = &'static str> {
    BY_CODE.keys().copied()
}

/// A code in a few words.
pub fn title(code: RefusalCode) -> &'static str {
    title_of(code.as_str()).unwrap_or_default()
}

/// The same, from the code's text.
pub fn title_of(code: &str) -> Option<&'static str> {
    Some(explain(code)?.lines().next()?.split_once(": ")?.1)
}

/// Why such a thing happens: that part of the page.
pub(crate) fn why(code: &str) -> String {
    part(code, "Why")
}

/// What can be done in a case.
pub(crate) fn hints(code: RefusalCode, case: &Case<'_>) -> Vec<String> {
    let rule = RULES.iter().find(|rule| rule.code == code);
    rule.map(|rule| (rule.hints)(code, case)).unwrap_or_default()
}

/// The hints of a rule that says the same in every case: its page's way out.
pub(crate) fn way_out(code: RefusalCode, _case: &Case<'_>) -> Vec<String> {
    vec![part(code.as_str(), "Way out")]
}

/// A page's way out.
pub(crate) fn page_way_out(code: &str) -> String {
    part(code, "Way out")
}

/// A part of a page, on one line.
fn part(code: &str, head: &str) -> String {
    let lines = explain(code).unwrap_or_default().lines();
    let after = lines.skip_while(|line| line.strip_prefix("# ") != Some(head)).skip(1);
    let part: Vec<&str> = after.take_while(|line| !line.starts_with("# ")).collect();
    part.join(" ").trim().to_owned()
}

/// The module documentation at the top of a source file.
fn page(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let lines: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_page_and_every_page_a_code() {
        let rules: Vec<RefusalCode> = RULES.iter().map(|rule| rule.code).collect();
        assert_eq!(rules, RefusalCode::ALL);
        // Retpolines are L-28's.
        let all = (1..=56).filter(|number| *number != 52);
        let all: Vec<String> = all.map(|number| format!("L-{number:02}")).collect();
        assert_eq!(codes().collect::<Vec<_>>(), all);
    }

    #[test]
    fn pages_are_whole_and_fit_a_terminal() {
        for code in codes() {
            let page = explain(code).unwrap();
            assert!(page.starts_with(&format!("{code}: ")), "{page}");
            for part in ["\n# What\n", "\n# Why\n", "\n# Example\n", "\n# Way out\n"] {
                assert!(page.contains(part), "{code} lacks {part:?}");
            }
            assert!(page.lines().all(|line| line.chars().count() <= 96), "{page}");
        }
        assert!(explain("l-08").is_some() && explain("L-99").is_none());
    }

    #[test]
    fn parts_of_pages_are_one_line() {
        for code in codes() {
            for head in ["Why", "Way out"] {
                let text = part(code, head);
                assert!(text.len() > 10 && !text.contains(['\n', '#']), "{code} {head}: {text}");
            }
            assert!(title_of(code).is_some_and(|title| !title.is_empty()));
        }
        assert_eq!(title_of("L-15"), Some("there is no symbol table"));
    }
}
