//! From a core module to a component.

use wit_component::ComponentEncoder;

use super::BuildError;

/// Memory that an instance begins with, in pages of 64 KiB: enough for most messages.
/// Growing later costs two system calls for every call of the guest, while a page
/// that is not touched costs nothing.
const MEMORY_PAGES_MIN: u32 = 48;

/// The number of a custom section; its content begins with a name.
const CUSTOM: u8 = 0;

/// The number of the part of the section `name` that names functions.
const FUNCTION_NAMES: u8 = 1;

/// The number of the section that declares memories.
const MEMORY: u8 = 5;

/// Makes the component that the module's own description asks for; the SDK's
/// export macro has put that into a custom section.
pub(super) fn to_component(module: &[u8], strip_names: bool) -> Result<Vec<u8>, BuildError> {
    let module = prepared(module, strip_names).ok_or_else(|| BuildError::Encode {
        reason: "the module is damaged".to_owned(),
    })?;
    ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| BuildError::Encode {
            reason: format!("{error:#}"),
        })
}

/// The module with [`MEMORY_PAGES_MIN`], and with short names of its own functions or
/// on demand without any; nothing if it is no module.
fn prepared(module: &[u8], strip_names: bool) -> Option<Vec<u8>> {
    let (header, mut rest) = module.split_at_checked(8)?;
    let mut prepared = header.to_vec();
    while let Some((&id, after_id)) = rest.split_first() {
        let (size, content) = number(after_id)?;
        let (content, after) = content.split_at_checked(size as usize)?;
        match id {
            CUSTOM if section_name(content)? == b"name" => {
                if !strip_names {
                    // What can't be read is for people only, so it may stay.
                    let short = short_names(content).unwrap_or_else(|| content.to_vec());
                    section(&mut prepared, CUSTOM, &short);
                }
            }
            MEMORY => section(&mut prepared, MEMORY, &larger_memory(content)?),
            _ => section(&mut prepared, id, content),
        }
        rest = after;
    }
    Some(prepared)
}

fn section(module: &mut Vec<u8>, id: u8, content: &[u8]) {
    module.push(id);
    put_number(module, u32::try_from(content.len()).unwrap_or(u32::MAX));
    module.extend_from_slice(content);
}

fn section_name(content: &[u8]) -> Option<&[u8]> {
    let (size, name) = number(content)?;
    name.get(..size as usize)
}

/// The memory section with the first memory raised to [`MEMORY_PAGES_MIN`]; as it is
/// where that memory has a lower maximum, or is of a kind that guests do not have.
fn larger_memory(content: &[u8]) -> Option<Vec<u8>> {
    let (count, limits) = number(content)?;
    let Some((&kind @ (0 | 1), limits)) = limits.split_first() else {
        return Some(content.to_vec());
    };
    let (pages, rest) = number(limits)?;
    let maximum = match kind {
        1 => number(rest)?.0,
        _ => u32::MAX,
    };
    let mut raised = Vec::with_capacity(content.len() + 2);
    put_number(&mut raised, count);
    raised.push(kind);
    put_number(&mut raised, pages.max(MEMORY_PAGES_MIN.min(maximum)));
    raised.extend_from_slice(rest);
    Some(raised)
}

/// The section of names with what a trap tells: the functions' names, short. Those of
/// locals and data are left out, and those of the standard library's functions, nearly
/// half of all, which tell an adapter's author nothing.
fn short_names(content: &[u8]) -> Option<Vec<u8>> {
    let (size, rest) = number(content)?;
    let (_, mut rest) = rest.split_at_checked(size as usize)?;
    let mut short = content[..content.len() - rest.len()].to_vec();
    while let Some((&id, after_id)) = rest.split_first() {
        let (size, part) = number(after_id)?;
        let (part, after) = part.split_at_checked(size as usize)?;
        if id == FUNCTION_NAMES {
            section(&mut short, id, &short_function_names(part)?);
        }
        rest = after;
    }
    Some(short)
}

fn short_function_names(names: &[u8]) -> Option<Vec<u8>> {
    let (count, mut rest) = number(names)?;
    let (mut kept, mut short) = (0, Vec::with_capacity(names.len()));
    for _ in 0..count {
        let (function, after) = number(rest)?;
        let (size, name) = number(after)?;
        let (name, after) = name.split_at_checked(size as usize)?;
        rest = after;
        let name = format!("{:#}", rustc_demangle::demangle(str::from_utf8(name).ok()?));
        if is_library(&name) {
            continue;
        }
        let name = short_name(&name);
        kept += 1;
        put_number(&mut short, function);
        put_number(&mut short, u32::try_from(name.len()).ok()?);
        short.extend_from_slice(name.as_bytes());
    }
    let mut names = Vec::with_capacity(short.len() + 5);
    put_number(&mut names, kept);
    names.extend_from_slice(&short);
    Some(names)
}

/// Whether a function, by its whole name, is the standard library's: a path in it, or
/// what a type of it does.
fn is_library(name: &str) -> bool {
    let path = name.trim_start_matches(['<', '&', '*', '[', '(']);
    ["core::", "alloc::", "std::", "core[", "alloc[", "std["]
        .iter()
        .any(|start| path.starts_with(start))
}

/// A function's name as a person reads it: without the paths of the types in it. These
/// take up most of a name, and names a tenth of a component.
fn short_name(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    let mut rest = name;
    // How deep in types, and where the last word begins.
    let (mut depth, mut word) = (0_usize, 0);
    while let Some(character) = rest.chars().next() {
        if depth > 0
            && short.len() > word
            && let Some(after) = rest.strip_prefix("::")
        {
            short.truncate(word);
            rest = after;
            continue;
        }
        match character {
            '<' | '(' => depth += 1,
            '>' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        short.push(character);
        if !character.is_alphanumeric() && character != '_' {
            word = short.len();
        }
        rest = &rest[character.len_utf8()..];
    }
    short
}

/// A number of at most 32 bits in LEB128, and what follows it.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((u32::try_from(value).ok()?, &bytes[index + 1..]));
        }
    }
    None
}

fn put_number(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(bytes: &[u8], text: &str) -> bool {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    }

    #[test]
    fn names_go_on_demand_and_all_else_stays() {
        let text = r#"(module (func $secret (export "run") (result i32) (i32.const 7))
            (@custom "keep" "this"))"#;
        let module = wat::parse_str(text).unwrap();
        assert_eq!(prepared(&module, false).unwrap(), module);
        assert!(has(&module, "secret"));
        let stripped = prepared(&module, true).unwrap();
        assert!(!has(&stripped, "secret"));
        assert!(has(&stripped, "run") && has(&stripped, "keep"));
        assert_eq!(prepared(&stripped, true).unwrap(), stripped);
    }

    #[test]
    fn names_are_those_that_people_know() {
        let whole = |name| format!("{:#}", rustc_demangle::demangle(name));
        let short = |name| short_name(&whole(name));
        assert_eq!(
            short("_ZN7x12_3pl6decode5order3map17hf719f6d7e18520a6E"),
            "x12_3pl::decode::order::map"
        );
        assert_eq!(
            short("_ZN4core3ptr42drop_in_place$LT$alloc..string..String$GT$17h71da7bffca78bcaaE"),
            "core::ptr::drop_in_place<String>"
        );
        assert_eq!(
            short(
                "_ZN61_$LT$a_b..Shop$u20$as$u20$crossdock_sdk..adapter..Adapter$GT$4next17h2fa20c7e4cecd609E"
            ),
            "<Shop as Adapter>::next"
        );
        assert_eq!(short("memcmp"), "memcmp");
        assert_eq!(short("a::b<(c::D, &e::F)>::g"), "a::b<(D, &F)>::g");
    }

    #[test]
    fn functions_of_the_standard_library_lose_their_names() {
        let text = r#"(module (func $core::fmt::write) (func $ours::write)
            (func $"<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop")
            (func $"<ours::Order as core::fmt::Debug>::fmt"))"#;
        let module = wat::parse_str(text).unwrap();
        let prepared = prepared(&module, false).unwrap();
        assert!(has(&prepared, "ours::write") && has(&prepared, "<Order as Debug>::fmt"));
        assert!(!has(&prepared, "core::fmt") && !has(&prepared, "Vec"));
        wasmparser::validate(&prepared).unwrap();
    }

    #[test]
    fn locals_lose_their_names() {
        let text = "(module (func $outer::kept (param $gone i32)))";
        let module = wat::parse_str(text).unwrap();
        let prepared = prepared(&module, false).unwrap();
        assert!(has(&module, "gone") && !has(&prepared, "gone"));
        assert!(has(&prepared, "outer::kept"));
    }

    #[test]
    fn an_instance_begins_with_enough_memory() {
        let memory = |text: &str| {
            let module = wat::parse_str(format!("(module {text})")).unwrap();
            let prepared = prepared(&module, false).unwrap();
            let payloads = wasmparser::Parser::new(0).parse_all(&prepared);
            let section = payloads.filter_map(Result::ok).find_map(|it| match it {
                wasmparser::Payload::MemorySection(section) => section.into_iter().next(),
                _ => None,
            });
            let memory = section.unwrap().unwrap();
            (memory.initial, memory.maximum)
        };
        let enough = u64::from(MEMORY_PAGES_MIN);
        assert_eq!(memory("(memory 17)"), (enough, None));
        assert_eq!(memory("(memory 17 200)"), (enough, Some(200)));
        assert_eq!(memory("(memory 17 20)"), (20, Some(20)));
        assert_eq!(memory("(memory 300)"), (300, None));
    }

    #[test]
    fn a_damaged_module_is_told() {
        let module = wat::parse_str("(module (func $f))").unwrap();
        assert_eq!(prepared(&module[..module.len() - 1], false), None);
        assert_eq!(prepared(&module[..4], false), None);
        let error = to_component(b"not wasm", false).unwrap_err();
        assert!(error.remedy().unwrap().contains("export macro"), "{error}");
    }
}
