//! The product numbers of a line, where a segment has a case code and pairs of
//! qualifier and number.

use crossdock_sdk::{Extras, ItemId, ItemScheme};

use super::script::{Pointer, Script, unsayable};
use crate::codes;
use crate::settings::Writing;
use crate::wire;
use crossdock_sdk::Refusal;

/// Element 234.
const ITEM_CHARS_MAX: usize = 48;

/// Where a segment has its numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout<const N: usize> {
    /// Whether it has an element for a UPC case code (438).
    pub(super) has_case_code: bool,
    /// The elements of the qualifiers (235).
    pub(super) qualifiers: [usize; N],
}

/// The numbers as they are written.
pub(super) struct Numbers<const N: usize> {
    /// Element 438; empty where there is none.
    pub(super) case_code: String,
    /// Qualifier and number of each pair; empty behind the last one.
    pub(super) pairs: [(String, String); N],
}

/// Puts the numbers of an item into their elements. Where the extras remember which of
/// several qualifiers it was, that one is written.
///
/// # Errors
/// When there is none, or more than the segment takes.
pub(super) fn numbers<const N: usize>(
    items: &[ItemId],
    (extras, segment, layout): (&Extras, &str, Layout<N>),
    (config, at): (&Writing<'_>, Pointer<'_>),
    script: &Script<'_>,
) -> Result<Numbers<N>, Refusal> {
    if items.is_empty() {
        let text = "a line needs a product number";
        return Err(unsayable("item-missing", at, text)
            .with_remedy("give the item a number that the warehouse knows"));
    }
    let mut case_code = String::new();
    let mut pairs = [const { (String::new(), String::new()) }; N];
    let mut free = pairs.iter_mut().zip(layout.qualifiers);
    for (place, item) in items.iter().enumerate() {
        let value = script.required(
            &item.value,
            ITEM_CHARS_MAX,
            format_args!("{at}/{place}/value"),
        )?;
        if layout.has_case_code && is_case_code(item) && case_code.is_empty() {
            case_code = value.into_owned();
            continue;
        }
        let Some((pair, element)) = free.next() else {
            let more = if layout.has_case_code {
                " and a case code"
            } else {
                ""
            };
            let text = format!("X12 takes at most {N} product numbers{more}");
            return Err(unsayable("too-many", at, text));
        };
        let remembered = wire::extra(extras, &wire::element_name(segment, element))
            .filter(|code| codes::read::<ItemScheme>(code) == item.scheme);
        let qualifier = remembered.unwrap_or_else(|| config.item_qualifier(&item.scheme));
        let qualifier = script.plain_code(qualifier, 2..=2, format_args!("{at}/{place}/scheme"))?;
        *pair = (qualifier.to_owned(), value.into_owned());
    }
    Ok(Numbers { case_code, pairs })
}

/// Whether the number fits element 438, which has no qualifier but exactly 12
/// characters.
fn is_case_code(item: &ItemId) -> bool {
    item.scheme == ItemScheme::UpcCase && item.value.trim().chars().count() == 12
}
