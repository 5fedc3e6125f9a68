//! What an adapter author implements, and how it becomes a component.

use crate::{
    Decoded, Delivery, Description, Exchange, Inbound, PollRequest, PollStep, Problem, Step,
};

/// A partner's dialect: pure functions of their arguments and of the host's lookup
/// tables. Every call has an instance of its own, so there is nothing to remember
/// and no `self`; the same arguments must give the same result, since the host asks
/// again after a crash.
///
/// An adapter implements what its dialect has; the rest refuses.
pub trait Adapter {
    /// What the adapter is, and every setting that it reads.
    fn describe() -> Description;

    /// Reads a message. A bad document among good ones is reported in its place
    /// ([`Decoded::refuse`]).
    ///
    /// # Errors
    ///
    /// When nothing of the message could be read.
    fn decode(message: Inbound) -> Result<Decoded, Problem> {
        drop(message);
        Err(
            Problem::adapter("decode-unsupported", "this adapter receives nothing")
                .with_remedy("give the partner an adapter that decodes, or send it no messages"),
        )
    }

    /// What to do next for a delivery, knowing the exchanges so far: none at first.
    ///
    /// # Errors
    ///
    /// When the document can't be sent; the delivery becomes a dead letter unless
    /// the problem is retryable.
    fn next(delivery: Delivery, past: &[Exchange]) -> Result<Step, Problem> {
        let _ = past;
        let kind = delivery.document.kind();
        Err(Problem::adapter(
            "encode-unsupported",
            format!("this adapter sends no {kind}"),
        )
        .with_remedy("route the document to a partner whose adapter encodes it"))
    }

    /// What to do next to fetch news from a partner that does not send them. What was
    /// fetched is given back as messages: the host journals them and puts each through
    /// [`decode`](Adapter::decode), so that they can be read again later.
    ///
    /// # Errors
    ///
    /// When the answers so far make no sense.
    fn poll(request: PollRequest, past: &[Exchange]) -> Result<PollStep, Problem> {
        drop(request);
        let _ = past;
        Err(
            Problem::adapter("poll-unsupported", "this adapter does not poll")
                .with_remedy("remove the poll schedule from the partner"),
        )
    }
}

/// Makes the adapter a component: exports its functions, sets up the allocator and
/// reports panics to the host. Expands to nothing in a native build, so that
/// `cargo test` runs the adapter as plain code.
///
/// ```
/// # use crossdock_sdk::{Adapter, Description, PartnerKind};
/// struct Acme;
///
/// impl Adapter for Acme {
///     fn describe() -> Description {
///         Description::new("acme", "0.1.0", PartnerKind::Warehouse)
///     }
/// }
///
/// crossdock_sdk::export!(Acme);
/// ```
#[macro_export]
#[rustfmt::skip]
macro_rules! export {
    ($adapter:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[global_allocator]
            static ALLOCATOR: $crate::__private::Bump = $crate::__private::Bump::new();

            struct Component;

            // Nothing but the section that says what the component is.
            $crate::bindings::export_component!(Component with_types_in $crate::bindings);

            #[unsafe(export_name = "crossdock:partner/adapter@0.1.0#describe")]
            extern "C" fn describe() -> *mut u8 {
                $crate::__private::describe::<$adapter>()
            }

            #[unsafe(export_name = "crossdock:partner/adapter@0.1.0#decode")]
            unsafe extern "C" fn decode(
                a: usize, b: usize, c: usize, d: usize, e: usize, f: usize, g: usize,
                h: usize, i: usize, j: usize, k: usize, l: usize, m: usize,
            ) -> *mut u8 {
                let message = [a, b, c, d, e, f, g, h, i, j, k, l, m];
                unsafe { $crate::__private::decode::<$adapter>(message) }
            }

            #[unsafe(export_name = "crossdock:partner/adapter@0.1.0#next")]
            unsafe extern "C" fn next(arguments: *mut u8) -> *mut u8 {
                unsafe { $crate::__private::next::<$adapter>(arguments) }
            }

            #[unsafe(export_name = "crossdock:partner/adapter@0.1.0#poll")]
            unsafe extern "C" fn poll(
                a: usize, b: usize, c: usize, d: usize, e: usize, f: usize, g: usize,
                h: usize, i: usize,
            ) -> *mut u8 {
                unsafe { $crate::__private::poll::<$adapter>([a, b, c, d, e, f, g, h, i]) }
            }
        };
    };
}

#[cfg(test)]
mod tests {
    /// The names of the exported functions carry the contract's version, which no
    /// compiler compares.
    #[test]
    fn exports_are_those_of_the_contract() {
        let contract = include_str!("../../wit/adapter.wit");
        let package = contract
            .lines()
            .find_map(|line| {
                line.strip_prefix("package crossdock:partner")?
                    .strip_suffix(';')
            })
            .unwrap();
        let exported: Vec<&str> = include_str!("adapter.rs")
            .lines()
            .filter_map(|line| {
                line.trim()
                    .strip_prefix("#[unsafe(export_name = \"")?
                    .strip_suffix("\")]")
            })
            .collect();
        let expected = ["describe", "decode", "next", "poll"]
            .map(|function| format!("crossdock:partner/adapter{package}#{function}"));
        assert_eq!(exported, expected);
    }
}
