//! Everything the story needs, running: partners, the host between them, and an
//! operator who looks.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use crossdock_sdk::Order;
use tempfile::TempDir;

use super::{
    api::{Api, Unmet},
    crm::Crm,
    erp::{self, Customer, Erp},
    screen::Screen,
    settings::{self, Places, Tokens},
    systems::{self, Systems},
};
use crate::{
    app::{self, Host},
    clock::Clock,
    config::{Config, Overrides},
    simulate::{
        ingress::{self, Answer, Ingress},
        x12::{House, Warehouse, depot::Depot, folder::FolderWarehouse},
    },
};

/// What lies on the shelves in the north.
const NORTH_STOCK: &[(&str, u64)] = &[("KETTLE", 1_000), ("MUG", 1_000)];
/// What lies on the shelves in the south: kettles run short.
const SOUTH_STOCK: &[(&str, u64)] = &[("KETTLE", 8), ("MUG", 1_000)];

/// A running scene. The partners end when it is dropped; the host is stopped with
/// [`Stage::strike`].
pub(super) struct Stage {
    /// The host's operator.
    pub(super) api: Api,
    /// Where orders come from.
    pub(super) erp: Erp,
    /// Where customers call.
    pub(super) crm: Crm,
    /// X12 over HTTP.
    pub(super) north: Warehouse,
    /// X12 through a drop folder.
    pub(super) south: FolderWarehouse,
    /// Those of the company that runs processes.
    pub(super) systems: Systems,
    /// The ERP's way into the host.
    pub(super) from_erp: Ingress,
    /// The northern warehouse's way into the host, beside its own files.
    pub(super) from_north: Ingress,
    /// The way of SAP's hub into the host.
    pub(super) from_hub: Ingress,
    /// The way of somebody who pretends to be ShipBob.
    pub(super) from_forger: Ingress,
    /// The way of the partner whose adapter never ends.
    pub(super) from_looper: Ingress,
    /// Numbers of the orders that must have been shipped in the end.
    pub(super) orders: Vec<String>,
    /// Where the story is told.
    pub(super) screen: Screen,
    /// The tokens of this run.
    pub(super) tokens: Tokens,
    /// The host's address.
    pub(super) url: String,
    /// How long the host took to start.
    pub(super) started_in: Duration,
    /// Where the drop folder is.
    pub(super) folder: PathBuf,
    /// The configuration.
    pub(super) configuration: PathBuf,
    host: Host,
    root: TempDir,
}

/// Why the scene can't be set.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A directory, file or port can't be had.
    #[error("{what}: {source}")]
    Io {
        /// What for.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// A client can't be made.
    #[error("an HTTP client can't be made: {0}")]
    Client(#[from] reqwest::Error),
    /// The system gives no randomness.
    #[error(transparent)]
    NoRandomness(#[from] crate::ingress::authenticate::NoRandomness),
    /// A simulated system can't send.
    #[error(transparent)]
    System(#[from] systems::Error),
    /// The demo's own configuration is refused. A defect.
    #[error("the demo's configuration is refused: {0}")]
    Configuration(String),
    /// The host does not start.
    #[error("the host does not start: {0}")]
    Host(#[from] app::StartError),
}

// === impl Stage ===

impl Stage {
    /// Starts partners and host in `root`, whose `adapters/` has the components.
    ///
    /// # Errors
    /// Says what is missing; nothing is left running.
    #[expect(
        clippy::too_many_lines,
        reason = "who comes on stage is one list whose order matters"
    )]
    pub(super) async fn set(
        root: TempDir,
        port: Option<u16>,
        mut screen: Screen,
        clock: Clock,
    ) -> Result<Self, Error> {
        let tokens = Tokens::generate()?;
        let erp = Erp::start(tokens.to_erp.expose(), clock.clone())
            .await
            .map_err(failed("the ERP"))?;
        let crm = Crm::start(tokens.to_crm.expose(), clock.clone())
            .await
            .map_err(failed("the CRM"))?;
        let depot = Depot::new(settings::NORTH, settings::US, 'N', NORTH_STOCK);
        let house = House::new(depot, tokens.to_north.expose());
        let north = systems::begin(house, &clock).await;
        let mut north = north.map_err(failed("the warehouse in the north"))?;
        let systems = Systems::start(&tokens, &clock).await;
        let mut systems = systems.map_err(failed("SAP and those around it"))?;
        let places = Places {
            root: root.path(),
            port: port.unwrap_or(0),
            erp: erp.url(),
            crm: crm.url(),
            north: north.url(),
            lakes: systems.lakes.url(),
            sap: systems.sap.url(),
            hub: systems.hub.url(),
            salesforce: systems.salesforce.url(),
            shipbob: systems.shipbob.url(),
        };
        write_secrets(root.path(), &tokens).map_err(failed("secrets"))?;
        let configuration = root.path().join("crossdock.toml");
        fs::write(&configuration, settings::text(&places, &tokens))
            .map_err(failed("crossdock.toml"))?;
        let checked = Config::load(&configuration, &Overrides::default())
            .map_err(|error| Error::Configuration(explained(&error)))?;
        let archive = root.path().join("south-3pl-archive");
        fs::create_dir(&archive).map_err(failed("the archive of the warehouse in the south"))?;
        let client = ingress::client()?;
        let begun = clock.now();
        let host = Box::pin(app::start(checked, clock.clone())).await?;
        let started_in = clock.now().since(begun);
        screen.count_from(clock.now());
        let url = format!("http://{}", host.local_addr());
        let way = |partner, token: &crate::ingress::authenticate::Token| {
            Ingress::new(client.clone(), &url, partner, token.expose())
        };
        let from_north = way("north-3pl", &tokens.north);
        north.send_to(from_north.clone());
        systems.send_to(&client, &url, &tokens, &clock)?;
        let folder = root.path().join("south-3pl");
        let depot = Depot::new(settings::SOUTH, settings::US, 'S', SOUTH_STOCK);
        Ok(Self {
            api: Api::new(client.clone(), &url, tokens.operator.expose()),
            south: FolderWarehouse::start(depot, &folder, archive, clock.clone()),
            from_erp: way("erp", &tokens.erp),
            from_looper: way("looper", &tokens.looper),
            from_forger: systems::forger(&client, &url, &clock)?,
            from_north,
            from_hub: way("sap-hub", &tokens.hub),
            erp,
            crm,
            north,
            systems,
            orders: Vec::new(),
            screen,
            tokens,
            url,
            started_in,
            folder,
            configuration,
            host,
            root,
        })
    }

    /// Takes a customer's order and sends it.
    pub(super) async fn order(
        &mut self,
        customer: Customer,
        items: &[(&str, u32)],
    ) -> Result<(Order, Answer), Unmet> {
        let order = self.erp.order(customer, items);
        let answer = self
            .send(&order, &format!("erp-{}", order.order_no))
            .await?;
        Ok((order, answer))
    }

    /// Sends an order that is to be shipped, and sees that the host takes it.
    pub(super) async fn send(&mut self, order: &Order, key: &str) -> Result<Answer, Unmet> {
        if !self.orders.contains(&order.order_no) {
            self.orders.push(order.order_no.clone());
        }
        taken(erp::send(&self.from_erp, order, key).await)
    }

    /// Ends everything and removes the directory.
    ///
    /// # Errors
    /// When the host's journal could not be closed or the directory not removed.
    pub(super) async fn strike(self) -> Result<(), String> {
        let Self {
            host,
            north,
            south,
            systems,
            erp,
            crm,
            root,
            ..
        } = self;
        // Partners first: nobody is left to speak with a host that is gone.
        drop((north, south, systems));
        let stopped = host.stop().await;
        drop((erp, crm));
        stopped.map_err(|error| error.to_string())?;
        root.close()
            .map_err(|error| format!("the demo's directory is not removed: {error}"))
    }
}

/// What the host said, when it took the message.
pub(super) fn taken(answer: Result<Answer, String>) -> Result<Answer, Unmet> {
    let expected = "202 and a message id from the ingress".to_owned();
    match answer {
        Ok(answer) if answer.status == 202 => Ok(answer),
        Ok(answer) => Err(Unmet {
            expected,
            seen: format!("{answer:?}"),
        }),
        Err(seen) => Err(Unmet { expected, seen }),
    }
}

fn write_secrets(root: &Path, tokens: &Tokens) -> io::Result<()> {
    let directory = root.join("secrets");
    fs::create_dir(&directory)?;
    for (name, secret) in tokens.presented() {
        let mut options = fs::File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(directory.join(name))?
            .write_all(secret.as_bytes())?;
    }
    Ok(())
}

fn explained(error: &crate::config::Error) -> String {
    match error {
        crate::config::Error::Faults { faults, .. } => {
            let texts = faults
                .iter()
                .map(|fault| format!("{}: {}", fault.setting, fault.text));
            texts.collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

fn failed(what: &str) -> impl FnOnce(io::Error) -> Error + use<> {
    let what = what.to_owned();
    move |source| Error::Io { what, source }
}
