//! A simulation of the whole engine: simulated partners, simulated time, and crashes
//! between any two steps, all of it from one seed.
//!
//! What decides is the real thing: the engine's loop with its inboxes, settling, process
//! stage, lanes, breakers and retries; every record as its bytes in the memory journal;
//! the view's fold and its queries; the recovery of all of them. Only hands are simulated
//! ([`hands`]): the committer, the guests and the conversations lie on a desk until the
//! dice say that they go on. A crash drops all that is in memory, may leave any part of
//! the records on their way in the journal, and finds a view that is behind, or none.
//!
//! A story ([`story`]) says who orders what and how everybody behaves, the weather how
//! much goes wrong on the way, and [`promises`] what must be true at the end. The same
//! seed gives the same journal, byte for byte.
//!
//! `CROSSDOCK_SIMULATION_SEEDS=100000` plays more stories than usual, and
//! `CROSSDOCK_SIMULATION_SEED=17` plays the one of this seed and tells all that happens.

mod hands;
mod host;
mod network;
mod promises;
mod run;
mod settings;
mod story;
mod world;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
};

use self::run::{Run, Weather};

/// Stories that are played when nobody says how many: as many as take some twenty seconds
/// without optimisation, where each takes a tenth of one.
const SEEDS: u64 = 300;

/// Plays the story of a seed in this weather, and checks what was promised.
fn play(seed: u64, weather: Weather, is_told: bool) -> Run {
    let mut run = Run::new(seed, weather, is_told);
    run.go_to_the_end();
    promises::check(&run);
    run
}

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")),
    )
}

#[test]
fn whatever_crashes_every_order_comes_to_its_end() {
    if let Some(seed) = variable("CROSSDOCK_SIMULATION_SEED") {
        play(seed, Weather::foul(), true);
        return;
    }
    let seeds = variable("CROSSDOCK_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let failed = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| failures(&next, seeds)))
            .collect();
        let failed = threads.into_iter().map(|it| it.join().expect("it ends"));
        failed.flatten().collect::<Vec<u64>>()
    });
    assert!(
        failed.is_empty(),
        "seeds {failed:?} break a promise; see each with CROSSDOCK_SIMULATION_SEED={} cargo test -p crossdock --lib engine::simulation",
        failed[0]
    );
}

/// The first few seeds that fail.
fn failures(next: &AtomicU64, seeds: u64) -> Vec<u64> {
    const ENOUGH: usize = 3;
    let mut failed = Vec::new();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= seeds || failed.len() >= ENOUGH {
            return failed;
        }
        let played = catch_unwind(AssertUnwindSafe(|| play(seed, Weather::foul(), false)));
        if played.is_err() {
            failed.push(seed);
        }
    }
}

#[test]
fn in_fine_weather_every_order_comes_to_its_end() {
    for seed in 0..20 {
        play(seed, Weather::fine(), false);
    }
}

#[test]
fn the_same_seed_gives_the_same_journal() {
    for seed in 0..5 {
        let journals = [0, 1].map(|_| play(seed, Weather::foul(), false).journal());
        let [first, second] = journals;
        assert_eq!(first.len(), second.len(), "seed {seed}");
        let differs = first
            .iter()
            .zip(&second)
            .position(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
    }
}
