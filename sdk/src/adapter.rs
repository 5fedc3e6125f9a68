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

    /// What to do next to fetch news from a partner that does not send them.
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
macro_rules! export {
    ($adapter:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[global_allocator]
            static ALLOCATOR: $crate::__private::Bump = $crate::__private::Bump::new();

            type Component = $crate::__private::Component<$adapter>;

    $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        };
    };
}

/// Connects an adapter with the generated exports.
#[cfg(target_arch = "wasm32")]
mod component {
    use std::marker::PhantomData;

    use super::{
        Adapter, Decoded, Delivery, Description, Exchange, Inbound, PollRequest, PollStep, Problem,
        Step,
    };
    use crate::bindings::exports::crossdock::partner::adapter::Guest;
    use crate::panic;

    /// The component that an adapter becomes.
    pub struct Component<A>(PhantomData<A>);

    impl<A: Adapter> Guest for Component<A> {
        fn describe() -> Description {
            panic::install();
            A::describe()
        }

        fn decode(message: Inbound) -> Result<Decoded, Problem> {
            panic::install();
            A::decode(message)
        }

        fn next(delivery: Delivery, past: Vec<Exchange>) -> Result<Step, Problem> {
            panic::install();
            A::next(delivery, &past)
        }

        fn poll(request: PollRequest, past: Vec<Exchange>) -> Result<PollStep, Problem> {
            panic::install();
            A::poll(request, &past)
        }
    }
}

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub use component::Component;
