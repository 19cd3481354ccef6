//! `komod check --sarif`: what code hosts need to show a finding at its file.
#![forbid(unsafe_code)]

mod common;

use common::{User, kernels, project};
use serde_json::Value;

#[test]
fn findings_are_at_their_files_and_have_their_rules() {
    let Some(kernel) = kernels().pop() else { return };
    let user = User::new("sarif");
    let root = kernel.root.to_str().unwrap();
    let built = user.build(&kernel, &project("examples/hello"), &[]).remove(0);
    let whole = std::fs::read(&built).unwrap();
    let cut = user.file("a b/ü#%25:?.ko", &whole[..whole.len() / 2]);
    let empty = user.file("empty.ko", "");
    let good = user.file("hello.ko", &whole);
    let elsewhere = User::new("elsewhere");
    let other = elsewhere.file("empty.ko", "");
    // By their whole paths, and relative.
    let files = [&cut, &empty, &good, &other].map(|path| path.to_str().unwrap());
    let args = [&["check", "--sarif", "-k", root, "./empty.ko", "a b/../empty.ko"], &files[..]];
    let said = user.komod(&args.concat()).ends_with(1);
    let log: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let mut places: Vec<(&str, &str)> = Vec::new();
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let place = &result["locations"][0]["physicalLocation"]["artifactLocation"];
        let uri = place["uri"].as_str().unwrap();
        assert!(uri.is_ascii() && !uri.contains([' ', '#', '?']), "{uri}");
        if result["level"] == "error" {
            places.push((result["ruleId"].as_str().unwrap(), uri));
        }
    }
    for rule in rules {
        let text = |at: &str| !rule[at]["text"].as_str().unwrap().is_empty();
        assert!(text("shortDescription") && text("help"), "{rule}");
        let used = run["results"].as_array().unwrap().iter().any(|r| r["ruleId"] == rule["id"]);
        assert!(used, "{} is the rule of no result", rule["id"]);
    }
    let below = "a%20b/%C3%BC%23%2525%3A%3F.ko";
    assert!(places.contains(&("L-16", below)), "{places:?}");
    assert!(places.contains(&("L-02", "empty.ko")), "{places:?}");
    assert!(places.contains(&("L-02", &format!("file://{}", files[3]))), "{places:?}");
    assert!(!places.iter().any(|(_, uri)| uri.ends_with("hello.ko")), "{places:?}");
}
