//! `#[derive(Abi)]`: how a type of the contract crosses the component's border, and
//! `#[derive(Serial)]`: serde's traits for it.
//!
//! Internal to `crossdock-sdk`, which puts both on every generated type; the traits and
//! their rules are in `sdk/src/abi.rs` and `sdk/src/serial.rs`. Know just the shapes that
//! a record and a variant become in Rust: a struct with named fields, and an enum whose
//! cases carry one value or none. Anything else does not compile.
//!
//! Works on tokens directly: the input comes from a generator, so a parser of all of
//! Rust would be many times the size of the macro.

use proc_macro::{Delimiter, TokenStream, TokenTree};

mod serial;

/// Implements `crate::abi::Abi` by storing and loading each field, or the number of
/// the case and what it carries.
#[proc_macro_derive(Abi)]
pub fn derive_abi(input: TokenStream) -> TokenStream {
    derive(input, Type::implementation)
}

/// Implements serde's traits by filling and giving each field, or by the place of the
/// case and what it carries.
#[proc_macro_derive(Serial)]
pub fn derive_serial(input: TokenStream) -> TokenStream {
    derive(input, serial::implementation)
}

fn derive(input: TokenStream, implementation: impl FnOnce(&Type) -> String) -> TokenStream {
    let text = match Type::parse(input) {
        Ok(type_) => implementation(&type_),
        Err(text) => format!("compile_error!({text:?});"),
    };
    // Everything in the text is a token of the input or stands in this package.
    text.parse().unwrap_or_default()
}

struct Type {
    name: String,
    body: Body,
}

enum Body {
    /// Names and types of the fields.
    Record(Vec<(String, String)>),
    /// Names of the cases, with the type of what they carry.
    Variant(Vec<(String, Option<String>)>),
}

// === impl Type ===

impl Type {
    fn parse(input: TokenStream) -> Result<Type, String> {
        let mut tokens = input.into_iter();
        let mut keyword = String::new();
        for token in tokens.by_ref() {
            keyword = token.to_string();
            if keyword == "struct" || keyword == "enum" {
                break;
            }
        }
        let name = tokens
            .next()
            .map(|name| name.to_string())
            .unwrap_or_default();
        let Some(TokenTree::Group(body)) = tokens.next() else {
            return Err(format!("`{name}` must be a plain struct or enum"));
        };
        if body.delimiter() != Delimiter::Brace {
            return Err(format!("`{name}` must have named fields"));
        }
        let parts = split(body.stream());
        let body = match keyword.as_str() {
            "struct" => Body::Record(parts.into_iter().map(field).collect::<Result<_, _>>()?),
            _ => Body::Variant(parts.into_iter().map(case).collect::<Result<_, _>>()?),
        };
        Ok(Type { name, body })
    }

    fn implementation(&self) -> String {
        let name = &self.name;
        let (layout, store, load) = match &self.body {
            Body::Record(fields) => record(fields),
            Body::Variant(cases) => variant(name, cases),
        };
        format!(
            "#[cfg(any(test, target_arch = \"wasm32\"))]
             const _: () = {{
                 {layout}
                 unsafe impl crate::abi::Abi for {name} {{
                     const SHAPE: crate::abi::Shape = LAYOUT.shape;
                     unsafe fn store(&mut self, at: *mut u8) {{ unsafe {{ {store} }} }}
                     unsafe fn load(at: *const u8, into: *mut Self) {{ unsafe {{ {load} }} }}
                 }}
             }};"
        )
    }
}

fn record(fields: &[(String, String)]) -> (String, String, String) {
    let count = fields.len();
    let shapes: String = fields
        .iter()
        .map(|(_, type_)| format!("<{type_} as crate::abi::Abi>::SHAPE,"))
        .collect();
    let layout =
        format!("const LAYOUT: crate::abi::Record<{count}> = crate::abi::Record::new([{shapes}]);");
    let (mut store, mut load) = (String::new(), String::new());
    for (index, (field, type_)) in fields.iter().enumerate() {
        let abi = format!("<{type_} as crate::abi::Abi>");
        store += &format!("{abi}::store(&mut self.{field}, at.add(LAYOUT.offsets[{index}]));");
        load += &format!("{abi}::load(at.add(LAYOUT.offsets[{index}]), &raw mut (*into).{field});");
    }
    (layout, store, load)
}

fn variant(name: &str, cases: &[(String, Option<String>)]) -> (String, String, String) {
    let count = cases.len();
    let shapes: String = cases
        .iter()
        .map(|(_, payload)| {
            format!(
                "<{} as crate::abi::Abi>::SHAPE,",
                payload.as_deref().unwrap_or("()")
            )
        })
        .collect();
    let layout = format!(
        "const LAYOUT: crate::abi::Variant = crate::abi::Variant::new::<{count}>([{shapes}]);"
    );
    let mut store = String::from("match self {");
    let mut load = String::from("into.write(match crate::abi::case(at) {");
    for (index, (case, payload)) in cases.iter().enumerate() {
        match payload {
            None => {
                store += &format!("{name}::{case} => at.write({index}),");
                load += &format!("{index} => {name}::{case},");
            }
            Some(type_) => {
                let abi = format!("<{type_} as crate::abi::Abi>");
                store += &format!(
                    "{name}::{case}(value) => {{
                         at.write({index});
                         {abi}::store(value, at.add(LAYOUT.payload));
                     }}"
                );
                load += &format!(
                    "{index} => {name}::{case}(crate::abi::take::<{type_}>(at.add(LAYOUT.payload))),"
                );
            }
        }
    }
    store += "}";
    load += "_ => crate::abi::no_such_case(),});";
    (layout, store, load)
}

/// `name: Type`, after attributes and visibility.
fn field(tokens: Vec<TokenTree>) -> Result<(String, String), String> {
    let colon = tokens.iter().position(|token| token.to_string() == ":");
    match colon {
        Some(colon) if colon > 0 => {
            let name = tokens[colon - 1].to_string();
            Ok((
                name,
                tokens[colon + 1..]
                    .iter()
                    .cloned()
                    .collect::<TokenStream>()
                    .to_string(),
            ))
        }
        _ => Err("a field must have a name".to_owned()),
    }
}

/// `Name` or `Name(Type)`, after attributes.
fn case(tokens: Vec<TokenTree>) -> Result<(String, Option<String>), String> {
    match tokens.as_slice() {
        [.., TokenTree::Ident(name), TokenTree::Group(payload)]
            if payload.delimiter() == Delimiter::Parenthesis =>
        {
            let types = split(payload.stream());
            match types.as_slice() {
                [type_] => {
                    let type_: TokenStream = type_.iter().cloned().collect();
                    Ok((name.to_string(), Some(type_.to_string())))
                }
                _ => Err(format!("the case `{name}` must carry one value")),
            }
        }
        [.., TokenTree::Ident(name)] => Ok((name.to_string(), None)),
        _ => Err("a case must have a name and at most one value".to_owned()),
    }
}

/// The parts between commas; commas inside `<…>` belong to a type.
fn split(stream: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut parts = vec![Vec::new()];
    let mut depth = 0_usize;
    for token in stream {
        match token.to_string().as_str() {
            "<" => depth += 1,
            ">" => depth = depth.saturating_sub(1),
            "," if depth == 0 => {
                parts.push(Vec::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(token);
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}
