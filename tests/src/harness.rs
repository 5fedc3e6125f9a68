//! The real host, its partners, and eyes to see what became of a message.
//!
//! A [`Site`] is a directory with a configuration; it outlives the [`Host`]s that run
//! in it one after another, which is what a restart is. A [`Receiver`] is a partner
//! that is sent to and does what the test tells it, a [`Service`] one that the test
//! scripts request by request. [`Api`] is the only place that
//! speaks HTTP with the host.
//!
//! Nothing here waits for time to pass: [`until`] looks until it sees.

mod adapters;
mod api;
mod binary;
mod books;
pub mod business;
mod folder;
pub mod gateway;
mod host;
pub mod order;
pub mod papers;
mod random;
mod receiver;
mod server;
mod service;
mod site;
mod wait;
pub mod webhook;
pub mod x12;

pub(crate) use self::adapters::admitted;
pub use self::{
    api::{Answer, Api, array, text},
    books::{Books, Question, Told},
    folder::Folder,
    host::Host,
    random::Random,
    receiver::{Arrival, Behaviour, Receiver},
    service::{Heard, Reply, Service},
    site::{Ran, Site},
    wait::{WAIT, eventually, until},
};
