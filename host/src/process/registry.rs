//! All machines, by name and version.
//!
//! An instance is kept as bytes (MessagePack with field names) beside the name and
//! version of the machine it began with, and goes on with that version for its whole
//! life. A new version handles new instances. Bringing an instance over is a deed of its
//! own, and only possible where a migration is registered.

use serde::Serialize;

use super::{
    Machine, Step, Summary, World,
    input::Input,
    inventory_sync::{InventoryPosition, InventorySync},
    order_to_fulfilment::OrderToFulfilment,
    return_to_credit::ReturnToCredit,
    shipment_visibility::ShipmentVisibility,
};
use crate::clock::Timestamp;

/// The machines that there are.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    machines: Vec<Entry>,
    migrations: Vec<Migration>,
}

/// One version of a machine, for listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// The process.
    pub process: &'static str,
    /// Its version.
    pub version: u32,
}

/// Why an instance can't be continued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such machine in this program.
    #[error(
        "process {process} version {version} is not part of this program; run the one that has it, or migrate the instance there"
    )]
    Unknown {
        /// Which process.
        process: String,
        /// Which version.
        version: u32,
    },
    /// The bytes are no state of this machine.
    #[error("the state of a {process} version {version} can't be read: {text}")]
    State {
        /// Which process.
        process: String,
        /// Which version.
        version: u32,
        /// What the decoder says.
        text: String,
    },
    /// No way leads from the one version to the other.
    #[error(
        "there is no migration of {process} from version {from} to {to}; it goes on with {from}: leave it there, or run a program that has the migration"
    )]
    NoMigration {
        /// Which process.
        process: String,
        /// From which version.
        from: u32,
        /// To which.
        to: u32,
    },
}

type Stepper =
    fn(&str, Option<&[u8]>, &Input<'_>, Timestamp, &World<'_>) -> Result<Step<Vec<u8>>, String>;

/// Makes a state of one version of a state of another.
pub type Migrate = fn(&[u8]) -> Result<Vec<u8>, String>;

#[derive(Clone, Copy, Debug)]
struct Entry {
    is: Version,
    step: Stepper,
    summary: fn(&[u8]) -> Result<Summary, String>,
}

#[derive(Clone, Copy, Debug)]
struct Migration {
    process: &'static str,
    from: u32,
    to: u32,
    migrate: Migrate,
}

// === impl Registry ===

impl Registry {
    /// All machines of this program.
    #[must_use]
    pub fn standard() -> Self {
        let mut registry = Self::default();
        registry.add::<OrderToFulfilment>();
        registry.add::<ShipmentVisibility>();
        registry.add::<InventorySync>();
        registry.add::<InventoryPosition>();
        registry.add::<ReturnToCredit>();
        registry
    }

    /// Adds a version of a machine; of two of the same name and version the later one
    /// counts.
    pub fn add<M: Machine>(&mut self) {
        let is = Version {
            process: M::NAME,
            version: M::VERSION,
        };
        self.machines.retain(|it| it.is != is);
        self.machines.push(Entry {
            is,
            step: step::<M>,
            summary: summary::<M>,
        });
    }

    /// Adds a way from one version to another.
    pub fn add_migration(&mut self, process: &'static str, from: u32, to: u32, migrate: Migrate) {
        self.migrations.push(Migration {
            process,
            from,
            to,
            migrate,
        });
    }

    /// All versions.
    pub fn versions(&self) -> impl Iterator<Item = Version> {
        self.machines.iter().map(|it| it.is)
    }

    /// The version that new instances begin with.
    #[must_use]
    pub fn newest(&self, process: &str) -> Option<u32> {
        self.versions()
            .filter(|it| it.process == process)
            .map(|it| it.version)
            .max()
    }

    /// One step. `state` is absent for an instance that begins with this input.
    ///
    /// # Errors
    /// When the machine is not there, or the state is none of its.
    #[expect(
        clippy::too_many_arguments,
        reason = "an instance is its process, version, key and state"
    )]
    pub fn step(
        &self,
        process: &str,
        version: u32,
        key: &str,
        state: Option<&[u8]>,
        input: &Input<'_>,
        now: Timestamp,
        world: &World<'_>,
    ) -> Result<Step<Vec<u8>>, Error> {
        let entry = self.entry(process, version)?;
        (entry.step)(key, state, input, now, world).map_err(|text| entry.unreadable(text))
    }

    /// An instance in short.
    ///
    /// # Errors
    /// When the machine is not there, or the state is none of its.
    pub fn summary(&self, process: &str, version: u32, state: &[u8]) -> Result<Summary, Error> {
        let entry = self.entry(process, version)?;
        (entry.summary)(state).map_err(|text| entry.unreadable(text))
    }

    /// Brings a state to another version.
    ///
    /// # Errors
    /// When nobody registered how, or the state is none of that version.
    pub fn migrate(
        &self,
        process: &str,
        from: u32,
        to: u32,
        state: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let known = |it: &&Migration| (it.process, it.from, it.to) == (process, from, to);
        let migration = self
            .migrations
            .iter()
            .find(known)
            .ok_or_else(|| Error::NoMigration {
                process: process.to_owned(),
                from,
                to,
            })?;
        let unreadable = |version, text| Error::State {
            process: process.to_owned(),
            version,
            text,
        };
        let migrated = (migration.migrate)(state).map_err(|text| unreadable(from, text))?;
        let entry = self.entry(process, to)?;
        (entry.summary)(&migrated).map_err(|text| unreadable(to, text))?;
        Ok(migrated)
    }

    fn entry(&self, process: &str, version: u32) -> Result<&Entry, Error> {
        let is = |it: &&Entry| it.is.process == process && it.is.version == version;
        self.machines.iter().find(is).ok_or_else(|| Error::Unknown {
            process: process.to_owned(),
            version,
        })
    }
}

// === impl Entry ===

impl Entry {
    fn unreadable(&self, text: String) -> Error {
        Error::State {
            process: self.is.process.to_owned(),
            version: self.is.version,
            text,
        }
    }
}

fn step<M: Machine>(
    key: &str,
    state: Option<&[u8]>,
    input: &Input<'_>,
    now: Timestamp,
    world: &World<'_>,
) -> Result<Step<Vec<u8>>, String> {
    let state = match state {
        Some(bytes) => read::<M>(bytes)?,
        None => M::begin(key),
    };
    let step = M::step(state, input, now, world);
    Ok(Step {
        state: rmp_serde::to_vec_named(&step.state).map_err(|error| error.to_string())?,
        commands: step.commands,
        events: step.events,
        refusal: step.refusal,
    })
}

fn summary<M: Machine>(state: &[u8]) -> Result<Summary, String> {
    read::<M>(state).map(|state| M::summary(&state))
}

fn read<M: Machine>(bytes: &[u8]) -> Result<M::State, String> {
    rmp_serde::from_slice(bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::testing::{Run, order, shop};

    /// The order process as it might be one day.
    struct Next;

    impl Machine for Next {
        const NAME: &'static str = OrderToFulfilment::NAME;
        const VERSION: u32 = 2;
        type State = String;

        fn begin(key: &str) -> String {
            key.to_owned()
        }

        fn step(state: String, _: &Input<'_>, _: Timestamp, _: &World<'_>) -> Step<String> {
            Step {
                state,
                commands: Vec::new(),
                events: Vec::new(),
                refusal: None,
            }
        }

        fn summary(_: &String) -> Summary {
            Summary {
                status: "next",
                finished: false,
                waits: Vec::new(),
                exceptions: Vec::new(),
                facts: Vec::new(),
            }
        }
    }

    #[test]
    fn an_instance_stays_on_the_version_that_it_began_with() {
        let mut registry = Registry::standard();
        assert_eq!(registry.newest("order-to-fulfilment"), Some(1));
        let mut run = Run::<OrderToFulfilment>::new("order/SO-1", "");
        run.document(&shop(), &order("SO-1", &[("1", "A", 10)]));
        let state = rmp_serde::to_vec_named(&run.state).expect("a state");

        registry.add::<Next>();
        assert_eq!(registry.newest("order-to-fulfilment"), Some(2));
        let summary = registry
            .summary("order-to-fulfilment", 1, &state)
            .expect("a summary");
        assert_eq!(summary.status, "validating");
        let error = registry
            .summary("order-to-fulfilment", 3, &state)
            .expect_err("unknown");
        assert!(
            error
                .to_string()
                .contains("version 3 is not part of this program")
        );
    }

    #[test]
    fn a_migration_is_explicit_and_checked() {
        let mut registry = Registry::standard();
        registry.add::<Next>();
        let state =
            rmp_serde::to_vec_named(&OrderToFulfilment::begin("order/SO-1")).expect("a state");
        let error = registry
            .migrate("order-to-fulfilment", 1, 2, &state)
            .expect_err("none");
        assert!(matches!(error, Error::NoMigration { from: 1, to: 2, .. }));
        registry.add_migration("order-to-fulfilment", 1, 2, |_| {
            rmp_serde::to_vec_named("order/SO-1").map_err(|error| error.to_string())
        });
        let migrated = registry
            .migrate("order-to-fulfilment", 1, 2, &state)
            .expect("migrated");
        let summary = registry
            .summary("order-to-fulfilment", 2, &migrated)
            .expect("a summary");
        assert_eq!(summary.status, "next");
    }
}
