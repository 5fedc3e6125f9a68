//! From a core module to a component.

use wit_component::ComponentEncoder;

use super::BuildError;

/// Makes the component that the module's own description asks for; the SDK's
/// export macro has put that into a custom section.
pub(super) fn to_component(module: &[u8], strip_names: bool) -> Result<Vec<u8>, BuildError> {
    let stripped;
    let module = if strip_names {
        stripped = without_names(module).ok_or_else(|| BuildError::Encode {
            reason: "the module is damaged".to_owned(),
        })?;
        &stripped
    } else {
        module
    };
    ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| BuildError::Encode {
            reason: format!("{error:#}"),
        })
}

/// The module without its custom section `name`; nothing if it is no module.
fn without_names(module: &[u8]) -> Option<Vec<u8>> {
    let (header, mut rest) = module.split_at_checked(8)?;
    let mut kept = header.to_vec();
    while let Some((&id, after_id)) = rest.split_first() {
        let (size, content) = leb128(after_id)?;
        let (content, after) = content.split_at_checked(size)?;
        let section = &rest[..rest.len() - after.len()];
        let is_name =
            id == 0 && leb128(content).and_then(|(size, name)| name.get(..size)) == Some(b"name");
        if !is_name {
            kept.extend_from_slice(section);
        }
        rest = after;
    }
    Some(kept)
}

/// An unsigned number of at most 32 bits, and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_and_all_else_stays() {
        let text = r#"(module (func $secret (export "run") (result i32) (i32.const 7))
            (@custom "keep" "this"))"#;
        let module = wat::parse_str(text).unwrap();
        let has = |bytes: &[u8], text: &str| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
        let stripped = without_names(&module).unwrap();
        assert!(has(&module, "secret") && !has(&stripped, "secret"));
        assert!(has(&stripped, "run") && has(&stripped, "keep"));
        assert_eq!(without_names(&stripped).unwrap(), stripped);
    }

    #[test]
    fn a_damaged_module_is_told() {
        let module = wat::parse_str("(module (func $f))").unwrap();
        assert_eq!(without_names(&module[..module.len() - 1]), None);
        assert_eq!(without_names(&module[..4]), None);
        let error = to_component(b"not wasm", false).unwrap_err();
        assert!(error.remedy().unwrap().contains("export macro"), "{error}");
    }
}
