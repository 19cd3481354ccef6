//! A stand-in for `scripts/basic/fixdep`.
//!
//! fixdep turns what the compiler says about the headers it read into a makefile, with the command
//! that was run (`Documentation/kbuild/makefiles.rst`; the format is that of any `.*.cmd` file). Its
//! one refinement, options instead of `autoconf.h`, only matters when the kernel's configuration
//! changes, which a header tree's does not.

use std::fs;

use super::Content;
use crate::tree::Tree;

pub(super) const FILE: &str = "scripts/basic/fixdep";

/// A script for this tree's kbuild, which says how the saved command is called.
pub(super) fn script(tree: &Tree) -> Option<(Content, String)> {
    let common = tree.included_makefile().map(|path| path.with_file_name("scripts/Kbuild.include"));
    let places = std::iter::once(tree.file("scripts/Kbuild.include")).chain(common);
    let kbuild = places.into_iter().find_map(|path| fs::read_to_string(path).ok())?;
    // Linux 6.2 renamed cmd_TARGET.
    let variable = if kbuild.contains("savedcmd_") { "savedcmd" } else { "cmd" };
    Some((Content::Program(text(variable).into_bytes()), "a script of komod's own".into()))
}

fn text(variable: &str) -> String {
    format!(
        r#"#!/bin/sh
# Made by komod, in place of the program that the kernel tree lacks.
# fixdep DEPFILE TARGET COMMAND
printf '{variable}_%s := %s\n\n' "$2" "$3"
sed -e 's/\\$//' -e 's/^[^ :]*://' "$1" | tr -s ' \t' '\n\n' | grep . | {{
	read -r source
	printf 'source_%s := %s\n\ndeps_%s := \\\n' "$2" "$source" "$2"
	while read -r header; do
		printf '  %s \\\n' "$header"
	done
	printf '\n%s: $(deps_%s)\n\n$(deps_%s):\n' "$2" "$2" "$2"
}}
"#
    )
}
