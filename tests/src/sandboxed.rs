//! Adapters as their components, called as an adapter is called natively.
//!
//! [`sandboxed!`](crate::sandboxed) makes a type that implements the SDK's `Adapter` by
//! calling the component in the production sandbox, with the production limits but for
//! the clock. Whatever tests an adapter natively tests its component so: what crosses
//! the sandbox's wall must come out as it went in.

use std::sync::{Arc, Mutex, PoisonError};

use crossdock::{
    contract,
    sandbox::{self, Adapter, Call, Config, GuestError, Limits, Lookup, Usage},
};
use crossdock_sdk::{
    Decoded, Delivery, Description, Exchange, Inbound, Level, PollRequest, PollStep, Problem, Step,
    host, json,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::harness;

/// A machine under load may be slow; what stops a guest here is its fuel.
const WALL_MS_MAX: u64 = 60_000;

/// A type `$name` that implements `crossdock_sdk::Adapter` by the component of the
/// adapter `$adapter` of this workspace.
#[macro_export]
macro_rules! sandboxed {
    ($name:ident, $adapter:literal) => {
        struct $name;

        impl $name {
            fn component() -> &'static $crate::sandboxed::Component {
                static COMPONENT: std::sync::OnceLock<$crate::sandboxed::Component> =
                    std::sync::OnceLock::new();
                COMPONENT.get_or_init(|| $crate::sandboxed::Component::of($adapter))
            }
        }

        impl crossdock_sdk::Adapter for $name {
            fn describe() -> crossdock_sdk::Description {
                Self::component().describe()
            }

            fn decode(
                message: crossdock_sdk::Inbound,
            ) -> Result<crossdock_sdk::Decoded, crossdock_sdk::Problem> {
                Self::component().decode(&message)
            }

            fn next(
                delivery: crossdock_sdk::Delivery,
                past: &[crossdock_sdk::Exchange],
            ) -> Result<crossdock_sdk::Step, crossdock_sdk::Problem> {
                Self::component().next(&delivery, past)
            }

            fn poll(
                request: crossdock_sdk::PollRequest,
                past: &[crossdock_sdk::Exchange],
            ) -> Result<crossdock_sdk::PollStep, crossdock_sdk::Problem> {
                Self::component().poll(&request, past)
            }
        }
    };
}

/// An adapter's component, ready to be called.
pub struct Component {
    adapter: Adapter,
    limits: Limits,
    /// One call at a time: what a call used is asked for after it.
    usage: Mutex<Usage>,
}

/// Tables that are those of the thread's native host, which a test fills.
struct NativeTables;

impl Lookup for NativeTables {
    fn lookup(&self, table: &str, key: &str) -> Option<String> {
        host::lookup(table, key)
    }
}

impl Component {
    /// The component of an adapter of this workspace, built if its sources are newer.
    ///
    /// # Panics
    /// When it can't be built, or is refused.
    #[must_use]
    pub fn of(adapter: &str) -> Self {
        Self {
            adapter: harness::admitted(adapter),
            limits: Limits {
                wall_ms_max: WALL_MS_MAX,
                ..Config::default().limits()
            },
            usage: Mutex::default(),
        }
    }

    /// As the adapter describes itself.
    #[must_use]
    pub fn describe(&self) -> Description {
        carried(self.adapter.description())
    }

    /// What the last call used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let usage = self.usage.lock();
        usage.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// The adapter's own.
    ///
    /// # Panics
    /// When the guest gives no answer: a trap, a limit.
    pub fn decode(&self, message: &Inbound) -> Result<Decoded, Problem> {
        let message: contract::Inbound = carried(message);
        self.answer(self.adapter.decode(&message, &tables(), &self.limits))
    }

    /// What to do next for a delivery.
    ///
    /// # Errors
    /// The adapter's own.
    ///
    /// # Panics
    /// When the guest gives no answer: a trap, a limit.
    pub fn next(&self, delivery: &Delivery, past: &[Exchange]) -> Result<Step, Problem> {
        let delivery: contract::Delivery = carried(delivery);
        let past: Vec<contract::Exchange> = carried(past);
        self.answer(self.adapter.next(&delivery, &past, &tables(), &self.limits))
    }

    /// What to do next to fetch news.
    ///
    /// # Errors
    /// The adapter's own.
    ///
    /// # Panics
    /// When the guest gives no answer: a trap, a limit.
    pub fn poll(&self, request: &PollRequest, past: &[Exchange]) -> Result<PollStep, Problem> {
        let request: contract::PollRequest = carried(request);
        let past: Vec<contract::Exchange> = carried(past);
        self.answer(self.adapter.poll(&request, &past, &tables(), &self.limits))
    }

    fn answer<Here: Serialize, There: DeserializeOwned>(
        &self,
        called: Result<Call<Result<Here, contract::Problem>>, GuestError>,
    ) -> Result<There, Problem> {
        let name = self.adapter.name();
        let call = called.unwrap_or_else(|error| panic!("{name} gave no answer: {error}"));
        for line in &call.usage.log {
            let fields: Vec<(&str, &str)> = line
                .fields
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            host::log(level(line.level), &line.text, &fields);
        }
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner) = call.usage;
        match call.value {
            Ok(value) => Ok(carried(&value)),
            Err(problem) => Err(carried(&problem)),
        }
    }
}

fn tables() -> sandbox::Tables {
    Arc::new(NativeTables)
}

/// A value of the host's as the SDK's, or the other way: the same type of the contract,
/// generated twice.
fn carried<Here: Serialize + ?Sized, There: DeserializeOwned>(value: &Here) -> There {
    let text = json::to_vec(value).expect("a value of the contract has a JSON form");
    json::from_slice(&text).expect("both sides read the same JSON")
}

fn level(name: &str) -> Level {
    json::code(name).unwrap_or_else(|| Level::Other(name.to_owned()))
}
