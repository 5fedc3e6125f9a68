//! Stories told in disorder: whatever order documents come in, and however often, the end
//! is the one of the orderly run.

use std::fmt::Debug;

/// Different stories for each process.
const STORIES: u64 = 400;

/// How often each is told: 10,000 disorderly runs in all.
const TELLINGS: u64 = 25;

/// Numbers that are the same for the same seed.
pub(in crate::process) struct Dice(u64);

/// What a telling is known by when it fails.
struct Telling {
    story: u64,
    telling: u64,
}

/// Plays each story once in order and many times in disorder, and compares. `tell` makes
/// a story of what the dice say; `play` lives it and says how it ends, with care or in
/// short.
pub(in crate::process) fn disorder_ends_as_order<H, E>(
    tell: impl Fn(&mut Dice) -> Vec<H>,
    play: impl Fn(&[(i64, H)], bool) -> E,
) where
    H: Clone + Debug,
    E: PartialEq + Debug,
{
    for story in 0..STORIES {
        let happenings = tell(&mut Dice::new(story));
        let orderly: Vec<_> = happenings.iter().cloned().map(|it| (1, it)).collect();
        let end = {
            let _telling = Telling { story, telling: 0 };
            play(&orderly, true)
        };
        for telling in 1..=TELLINGS {
            let _telling = Telling { story, telling };
            let told = disorder(&happenings, &mut Dice::new(story * TELLINGS + telling));
            let found = play(&told, telling == 1);
            assert!(
                found == end,
                "in order: {end:#?}\nin disorder: {found:#?}\n{told:#?}"
            );
        }
    }
}

/// The happenings of a story as a bad network brings them: in any order, some twice or
/// three times, some so late that limits pass. The first telling of each may be lost;
/// one of them arrives.
fn disorder<H: Clone>(happenings: &[H], dice: &mut Dice) -> Vec<(i64, H)> {
    let mut all: Vec<(u64, i64, H)> = Vec::new();
    for happening in happenings {
        for _ in 0..=dice.below(3) {
            let delay = if dice.below(8) == 0 {
                45
            } else {
                i64::from(dice.below(3))
            };
            all.push((dice.roll(), delay, happening.clone()));
        }
    }
    all.sort_by_key(|(place, ..)| *place);
    all.into_iter()
        .map(|(_, delay, happening)| (delay, happening))
        .collect()
}

/// In an order that does not depend on how it came about.
pub(in crate::process) fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items
}

// === impl Dice ===

impl Dice {
    pub(in crate::process) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64: enough to scatter.
    pub(in crate::process) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to less than this.
    pub(in crate::process) fn below(&mut self, count: u32) -> u32 {
        u32::try_from(self.roll() % u64::from(count)).expect("small")
    }

    /// From the first to less than the second.
    pub(in crate::process) fn between(&mut self, first: i32, end: i32) -> i32 {
        let span = u32::try_from(end - first).expect("a range");
        first + i32::try_from(self.below(span)).expect("small")
    }

    /// In so many of a hundred cases.
    pub(in crate::process) fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub(in crate::process) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let count = u32::try_from(all.len()).expect("few");
        &all[self.below(count) as usize]
    }
}

// === impl Telling ===

impl Drop for Telling {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "it was telling {} of story {}, from 0: the same numbers give the same run",
                self.telling, self.story
            );
        }
    }
}
