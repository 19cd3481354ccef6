//! Lists of files: `x.mod` names a module's objects, `modules.order` the modules.

use std::fs;
use std::path::Path;

use crate::action::Action;
use crate::doubt::Doubt;

/// What a list action writes; nothing if its command is of another form than Linux 6.1 and 6.12
/// have (`cmd_mod`, `cmd_modules_order`, `cmd_gen_order` in `scripts/Makefile.build`).
pub fn content(action: &Action) -> Option<Result<Vec<u8>, Doubt>> {
    let step = action.steps.first()?;
    match step.name.as_str() {
        "mod" => objects(&step.command).map(|text| Ok(text.into_bytes())),
        _ => entries(&step.command),
    }
}

/// `printf '%s\n' a.o b.o | awk '!x[$0]++ { print("FOLDER/"$0) }' > FILE`
fn objects(command: &str) -> Option<String> {
    let (names, filter) = command.strip_prefix("printf '%s\\n' ")?.split_once('|')?;
    let (_, filter) = filter.split_once("'!x[$0]++ { print(\"")?;
    let (folder, _) = filter.split_once("\"$0) }' > ")?;
    let mut seen: Vec<&str> = Vec::new();
    for name in names.split_whitespace() {
        if name.contains(['\'', '"', '\\', '$']) {
            return None;
        }
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    Some(seen.iter().map(|name| format!("{folder}{name}\n")).collect())
}

/// `{ echo a.ko; cat sub/modules.order; :; } > FILE`
fn entries(command: &str) -> Option<Result<Vec<u8>, Doubt>> {
    let (list, _) = command.strip_prefix('{')?.split_once(" :; } > ")?;
    let mut bytes = Vec::new();
    for part in list.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let words: Vec<&str> = part.split_whitespace().collect();
        match words.as_slice() {
            ["echo", name] => bytes.extend_from_slice(format!("{name}\n").as_bytes()),
            ["cat", file] => match fs::read(Path::new(file)) {
                Ok(more) => bytes.extend(more),
                Err(e) => return Some(Err(Doubt::io("read", *file)(e))),
            },
            _ => return None,
        }
    }
    Some(Ok(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_kbuild() {
        let command =
            "printf '%s\\n'   a.o sub/b.o a.o | awk '!x[$0]++ { print(\"/m/\"$0) }' > /m/x.mod";
        assert_eq!(objects(command).unwrap(), "/m/a.o\n/m/sub/b.o\n");
        let order = "{   echo /m/a.ko;   echo /m/b.ko; :; } > /m/modules.order";
        assert_eq!(entries(order).unwrap().unwrap(), b"/m/a.ko\n/m/b.ko\n");
        assert_eq!(entries("{   :; } > /m/modules.order").unwrap().unwrap(), b"");
        assert!(entries("{ cat /no/where; :; } > x").unwrap().is_err());
        assert!(entries("{ rm x; :; } > x").is_none());
        assert!(objects("echo a > b").is_none());
    }
}
