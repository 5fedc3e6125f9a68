//! The systems of the company that runs processes: SAP and its hub, Salesforce, and two
//! warehouses, ShipBob in the west and one with X12 at the lakes.

use std::io;

use super::{
    hub::Hub,
    settings::{self, Tokens},
};
use crate::{
    clock::Clock,
    ingress::authenticate::{NoRandomness, Token},
    simulate::{
        connection,
        ingress::{self, Ingress, InvalidSecret},
        partner::Partner,
        salesforce::Salesforce,
        sap::Sap,
        server::{Options, Simulator},
        shipbob::ShipBob,
        x12::{House, Warehouse, depot::Depot},
    },
};

/// What lies on the shelves at the lakes: kettles are sold out.
const LAKES_STOCK: &[(&str, u64)] = &[("KETTLE", 0), ("MUG", 40)];

/// The systems, running.
pub(super) struct Systems {
    /// Sales orders over OData, IDocs.
    pub(super) sap: Simulator<Sap>,
    /// Records over REST, platform events.
    pub(super) salesforce: Simulator<Salesforce>,
    /// REST, signed webhooks.
    pub(super) shipbob: Simulator<ShipBob>,
    /// X12 over HTTP.
    pub(super) lakes: Warehouse,
    /// Our own documents.
    pub(super) hub: Hub,
}

/// A system can't send.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A secret of the demo's own is none. A defect.
    #[error(transparent)]
    Secret(#[from] InvalidSecret),
    /// The system gives no randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Starts a simulated partner.
///
/// # Errors
/// When there is no port.
pub(super) async fn begin<P: Partner>(partner: P, clock: &Clock) -> io::Result<Simulator<P>> {
    Simulator::start(partner, Options::default(), clock.clone()).await
}

// === impl Systems ===

impl Systems {
    /// Starts them.
    ///
    /// # Errors
    /// When there is no port.
    pub(super) async fn start(tokens: &Tokens, clock: &Clock) -> io::Result<Self> {
        let sap = connection::confirming_sap(tokens.to_sap.expose());
        let salesforce = connection::salesforce(tokens.to_salesforce.expose());
        let shipbob = connection::shipbob(tokens.to_shipbob.expose());
        let depot = Depot::new(settings::LAKES, settings::US, 'L', LAKES_STOCK);
        let lakes = House::new(depot, tokens.to_lakes.expose());
        Ok(Self {
            sap: begin(sap, clock).await?,
            salesforce: begin(salesforce, clock).await?,
            shipbob: begin(shipbob, clock).await?,
            lakes: begin(lakes, clock).await?,
            hub: Hub::start(tokens.to_hub.expose(), clock.clone()).await?,
        })
    }

    /// They send to this host.
    ///
    /// # Errors
    /// A defect of the demo's own.
    pub(super) fn send_to(
        &mut self,
        client: &reqwest::Client,
        host: &str,
        tokens: &Tokens,
        clock: &Clock,
    ) -> Result<(), Error> {
        let lakes = tokens.lakes.expose();
        let lakes = Ingress::new(client.clone(), host, "lakes-3pl", lakes);
        self.lakes.send_to(lakes);
        // Neither SAP nor an event relay knows idempotency keys.
        let keyless = |partner, token: &Token| {
            Ingress::keyless(client.clone(), host, partner, token.expose())
        };
        self.sap.send_to(keyless("sap", &tokens.sap));
        self.salesforce
            .send_to(keyless("salesforce", &tokens.salesforce));
        let signing = &tokens.shipbob_signing;
        self.shipbob.send_to(signed(client, host, signing, clock)?);
        Ok(())
    }
}

/// The way into the host of somebody who pretends to be ShipBob.
///
/// # Errors
/// When the system gives no randomness.
pub(super) fn forger(
    client: &reqwest::Client,
    host: &str,
    clock: &Clock,
) -> Result<Ingress, Error> {
    signed(client, host, &ingress::signing_secret()?, clock)
}

fn signed(
    client: &reqwest::Client,
    host: &str,
    secret: &str,
    clock: &Clock,
) -> Result<Ingress, Error> {
    let (client, clock) = (client.clone(), clock.clone());
    Ok(Ingress::signed(client, host, "shipbob", secret, clock)?)
}
