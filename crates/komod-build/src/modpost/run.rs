//! One run over all modules of a folder.

use super::link::{Linked, Linker, OwnExports};
use super::message::{Code, Level, Messages, Place};
use super::object::{self, Object};
use super::{Dialect, Input, ModuleOutput, Output, crcs, source, srcversion};

/// Reads, checks and links all modules.
pub fn run(input: &Input<'_>) -> Output {
    let mut messages = Messages::new(input.dialect);
    let mut objects = Vec::with_capacity(input.modules.len());
    let mut own = OwnExports::default();
    for module in input.modules {
        if let Some(mut object) = object::read(input, module, &mut messages) {
            if object.has_version || input.options.all_versions {
                object.srcversion = srcversion::of_module(object.path, input.files, &mut messages);
            }
            if input.options.modversions {
                crcs::read(&mut object, input.files, &mut messages);
            }
            own.add(&object, input, &mut messages);
            objects.push(object);
        }
        if messages.fatal() {
            return Output {
                modules: Vec::new(),
                symvers: None,
                messages: messages.all,
                failed: true,
            };
        }
    }
    let mut linker = Linker { input, exports: &own, undefined: 0 };
    let mut modules = Vec::with_capacity(objects.len());
    match input.dialect {
        // Each module is checked and written before the next.
        Dialect::Ksymtab => {
            for object in &mut objects {
                linker.check(object, &mut messages);
                let linked = linker.link(object, &mut messages);
                modules.push(write(&linker, object, linked, &mut messages));
            }
        }
        // All modules are checked before any is written.
        Dialect::ExportSymbol => {
            let mut checked = Vec::with_capacity(objects.len());
            for object in &objects {
                linker.check(object, &mut messages);
                checked.push(linker.link(object, &mut messages));
            }
            for (object, linked) in objects.iter_mut().zip(checked) {
                modules.push(write(&linker, object, linked, &mut messages));
            }
        }
    }
    // This is written even if mismatches are an error.
    let symvers = (!messages.failed()).then(|| {
        let mut text = String::new();
        objects.iter().for_each(|object| source::symvers_lines(object, &mut text));
        text
    });
    if input.options.mismatch_is_error && objects.iter().any(|object| object.mismatches) {
        let text = "Section mismatches detected.\n\
             Set CONFIG_SECTION_MISMATCH_WARN_ONLY=y to allow them.";
        let code = Code::SectionMismatches;
        messages.add(Level::Error, code, Place::default(), text.to_owned());
    }
    linker.finish(&mut messages);
    let failed = messages.failed();
    Output { modules, symvers, messages: messages.all, failed }
}

fn write(
    linker: &Linker<'_>,
    object: &mut Object<'_>,
    linked: Linked,
    messages: &mut Messages,
) -> ModuleOutput {
    let mut output = linker.output(object, linked, messages);
    output.aliases = std::mem::take(&mut object.aliases);
    output.srcversion = object.srcversion.take();
    output.exports = object.exports.iter().map(|export| export.owned(object.path)).collect();
    // modpost goes on to the next module, but writes nothing any more.
    if !messages.failed() {
        let Input { options, dialect, .. } = linker.input;
        output.source = Some(source::module_source(object, &output, options, *dialect));
    }
    output
}
