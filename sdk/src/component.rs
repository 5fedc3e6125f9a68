//! The functions that a component exports, for any adapter.
//!
//! [`export!`](crate::export) gives them their names. What they take is what the
//! canonical ABI makes of the contract's parameters: up to sixteen numbers, or a
//! pointer to the parameters where there are more. A contract that changes them is
//! refused when the component is made, since the signatures no longer fit.

#![expect(
    unsafe_code,
    reason = "arguments arrive as addresses of the component's memory"
)]

use crate::abi::{Abi, give, take};
use crate::{Adapter, Delivery, Exchange, Inbound, PollRequest, panic};

/// `describe: func() -> description`
pub fn describe<A: Adapter>() -> *mut u8 {
    begin();
    give(A::describe())
}

/// `decode: func(message: inbound) -> result<decoded, problem>`
///
/// # Safety
///
/// The arguments come from the host.
pub unsafe fn decode<A: Adapter>(message: [usize; 13]) -> *mut u8 {
    begin();
    let mut arguments = Arguments(message.into_iter());
    // SAFETY: the host wrote what the contract says, field by field.
    let message = unsafe {
        Inbound {
            message_id: arguments.text(),
            received_at: arguments.text(),
            content_type: arguments.optional_text(),
            headers: arguments.list(),
            settings: arguments.list(),
            body: arguments.list(),
        }
    };
    give(A::decode(message))
}

/// `next: func(delivery: delivery, past: list<exchange>) -> result<step, problem>`
///
/// # Safety
///
/// The argument comes from the host.
pub unsafe fn next<A: Adapter>(arguments: *mut u8) -> *mut u8 {
    begin();
    // SAFETY: the host wrote both parameters, one behind the other.
    let (delivery, past) = unsafe { take::<(Delivery, Vec<Exchange>)>(arguments) };
    give(A::next(delivery, &past))
}

/// `poll: func(request: poll-request, past: list<exchange>) -> result<poll-step,
/// problem>`
///
/// # Safety
///
/// The arguments come from the host.
pub unsafe fn poll<A: Adapter>(arguments: [usize; 9]) -> *mut u8 {
    begin();
    let mut arguments = Arguments(arguments.into_iter());
    // SAFETY: the host wrote what the contract says, field by field.
    let (request, past) = unsafe {
        let request = PollRequest {
            cursor: arguments.optional_text(),
            started_at: arguments.text(),
            settings: arguments.list(),
        };
        (request, arguments.list::<Exchange>())
    };
    give(A::poll(request, &past))
}

/// Comes first in every call: each has an instance of its own.
fn begin() {
    // The host writes arguments through this function, which the linker would drop.
    wit_bindgen::rt::maybe_link_cabi_realloc();
    panic::install();
}

/// Parameters that arrive one number after another.
struct Arguments<const N: usize>(std::array::IntoIter<usize, N>);

// === impl Arguments ===

impl<const N: usize> Arguments<N> {
    /// # Safety
    ///
    /// A list is next.
    unsafe fn list<T: Abi>(&mut self) -> Vec<T> {
        let block = std::ptr::with_exposed_provenance_mut(self.number());
        let count = self.number();
        // SAFETY: the host wrote so many values there.
        unsafe { T::load_list(block, count) }
    }

    /// # Safety
    ///
    /// A string is next.
    unsafe fn text(&mut self) -> String {
        // SAFETY: the host has checked that it is UTF-8.
        unsafe { String::from_utf8_unchecked(self.list()) }
    }

    /// # Safety
    ///
    /// A string that may be absent is next; its place is there in any case.
    unsafe fn optional_text(&mut self) -> Option<String> {
        if self.number() == 0 {
            self.number();
            self.number();
            return None;
        }
        // SAFETY: it is not absent.
        Some(unsafe { self.text() })
    }

    /// The arrays are as long as the contract's parameters are.
    fn number(&mut self) -> usize {
        self.0.next().unwrap_or_default()
    }
}
