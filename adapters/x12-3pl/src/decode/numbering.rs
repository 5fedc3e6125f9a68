//! Line numbers, where a set's lines are told one by one.

use crossdock_sdk::x12::Place;

use super::context::Context;

/// What numbers each line: the sender's own number (N9*LI); without any, the line's
/// count. A line without a number among numbered ones is called `#3`, by its place, so
/// that it is taken for no other one.
pub(crate) fn numbers(
    lines: impl ExactSizeIterator<Item = (Option<String>, Place)>,
    context: &mut Context<'_>,
) -> Vec<String> {
    let lines: Vec<(Option<String>, Place)> = lines.collect();
    let none = lines.iter().all(|(number, _)| number.is_none());
    let number = |(index, (number, place)): (usize, (Option<String>, Place))| match number {
        Some(number) => number,
        None if none => (index + 1).to_string(),
        None => {
            let number = format!("#{}", index + 1);
            let text = format!(
                "nothing numbers this line, though others are numbered; it is called {number}"
            );
            context.remark("line-number-assumed", text, place);
            number
        }
    };
    lines.into_iter().enumerate().map(number).collect()
}
