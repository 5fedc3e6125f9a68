//! JSON laid out for a person.

use super::tree::{Node, Value};
use super::write::write_string;

/// The text of a value, two blanks a level, with a line's end at the end.
pub(super) fn pretty(node: &Node<'_>) -> String {
    let mut out = Vec::new();
    write_node(node, 0, &mut out);
    out.push(b'\n');
    // Every part comes from a text that was UTF-8.
    String::from_utf8_lossy(&out).into_owned()
}

/// Recursion is bounded by the depth that was parsed.
fn write_node(node: &Node<'_>, level: usize, out: &mut Vec<u8>) {
    match &node.value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(text) => out.extend_from_slice(text.as_bytes()),
        Value::String(text) => write_string(text, out),
        Value::List(items) if items.iter().all(is_plain) => {
            out.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.extend_from_slice(b", ");
                }
                write_node(item, level, out);
            }
            out.push(b']');
        }
        Value::List(items) => {
            out.push(b'[');
            for (position, item) in items.iter().enumerate() {
                new_line(position, level + 1, out);
                write_node(item, level + 1, out);
            }
            new_line(0, level, out);
            out.push(b']');
        }
        Value::Object(fields) if fields.is_empty() => out.extend_from_slice(b"{}"),
        Value::Object(fields) => {
            out.push(b'{');
            for (position, (name, value)) in fields.iter().enumerate() {
                new_line(position, level + 1, out);
                write_string(name, out);
                out.extend_from_slice(b": ");
                write_node(value, level + 1, out);
            }
            new_line(0, level, out);
            out.push(b'}');
        }
    }
}

fn is_plain(node: &Node<'_>) -> bool {
    !matches!(node.value, Value::List(_) | Value::Object(_))
}

/// Ends the line, with a comma behind what stood before.
fn new_line(position: usize, level: usize, out: &mut Vec<u8>) {
    if position > 0 {
        out.push(b',');
    }
    out.push(b'\n');
    out.resize(out.len() + 2 * level, b' ');
}
