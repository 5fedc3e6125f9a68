//! An allocator for instances that live for one call.
//!
//! The host drops the whole memory when the call has ended, so nothing is ever given
//! back to it: a new block is an address to which the size is added. What is freed is
//! kept for blocks of the same size, since a message of many documents frees after each
//! what the next one needs; the newest block can also grow in place or be taken back,
//! which is what building a text and dropping a temporary do. Blocks below
//! [`KEPT_BYTES_MIN`] are not kept: a list of them would cost more than it saves.
//!
//! Begins in the memory that the instance has anyway, behind its data: most calls
//! never ask the host for more.
//!
//! Sound because a component's instance has one thread and no call of the host comes
//! back in while it runs.

#![expect(unsafe_code, reason = "a global allocator is an unsafe trait")]
#![cfg_attr(
    not(target_arch = "wasm32"),
    expect(unreachable_pub, reason = "what guests have is only tested here")
)]

use core::alloc::{GlobalAlloc, Layout};
#[cfg(target_arch = "wasm32")]
use core::arch::wasm32;
use core::cell::Cell;
use core::ptr;

/// How much memory is asked for at least, in pages of 64 KiB. Growing costs a call of
/// the host, and what was asked for counts as used: with so much, a message of a
/// megabyte grows two dozen times and has at most a quarter of it for nothing.
#[cfg(target_arch = "wasm32")]
const GROWTH_PAGES_MIN: usize = 4;

#[cfg(target_arch = "wasm32")]
const PAGE_BYTES: usize = 65_536;

/// The smallest block that is kept when it is freed, in bytes.
const KEPT_BYTES_MIN: usize = 32;

/// Sizes of blocks that are kept differ by this much, in bytes, up to
/// [`CLASSES`] of them; it is also what every such block is aligned to at least.
const CLASS_BYTES: usize = 8;

/// How many sizes of blocks have a list of their own.
const CLASSES: usize = 128;

/// Larger blocks are kept in one list; so many of it are looked at for one that fits.
const LARGE_LOOKS_MAX: usize = 16;

/// The allocator that [`export!`](crate::export) sets up.
pub struct Bump {
    /// Where the next block may begin; 0 before the first one.
    top: Cell<usize>,
    /// Where the memory that belongs to us ends.
    end: Cell<usize>,
    /// The freed blocks of each size, each of which names the next one; 0 for none.
    free: [Cell<usize>; CLASSES],
    /// The freed blocks of no such size, each of which names the next one and its size.
    large: Cell<usize>,
}

// SAFETY: the target has no threads.
unsafe impl Sync for Bump {}

// === impl Bump ===

impl Bump {
    /// An allocator that owns nothing yet.
    #[cfg_attr(
        target_arch = "wasm32",
        expect(
            clippy::new_without_default,
            reason = "only a static is ever made of it"
        )
    )]
    pub const fn new() -> Bump {
        Bump {
            top: Cell::new(0),
            end: Cell::new(0),
            free: [const { Cell::new(0) }; CLASSES],
            large: Cell::new(0),
        }
    }

    /// Makes room so that `needed` is inside, or takes over the memory that is there
    /// already; false when the host gives no more.
    #[cfg(target_arch = "wasm32")]
    #[cold]
    fn grow(&self, needed: usize) -> bool {
        if self.end.get() == 0 {
            unsafe extern "C" {
                /// Placed by the linker where data and stack end.
                static __heap_base: u8;
            }
            self.top.set((&raw const __heap_base).expose_provenance());
            self.end.set(wasm32::memory_size::<0>() * PAGE_BYTES);
            return true;
        }
        let missing = (needed - self.end.get()).div_ceil(PAGE_BYTES);
        // Near a limit the generous step may be refused where the exact one is not.
        for pages in [missing.max(GROWTH_PAGES_MIN), missing] {
            let before = wasm32::memory_grow::<0>(pages);
            if before == usize::MAX {
                continue;
            }
            let Some(grown) = (before + pages).checked_mul(PAGE_BYTES) else {
                return false;
            };
            // Nobody else grows the memory, so that the new pages follow ours.
            self.end.set(grown);
            return true;
        }
        false
    }

    /// Natively, where it is only tested, it has what it was given.
    #[cfg(not(target_arch = "wasm32"))]
    fn grow(&self, _: usize) -> bool {
        false
    }

    /// A new block.
    fn begin(&self, size: usize, align: usize) -> *mut u8 {
        loop {
            // To the next multiple; a power of two needs no division.
            let mask = align - 1;
            let Some(start) = self.top.get().checked_add(mask) else {
                return ptr::null_mut();
            };
            let start = start & !mask;
            let Some(top) = start.checked_add(size) else {
                return ptr::null_mut();
            };
            if top <= self.end.get() {
                self.top.set(top);
                return ptr::with_exposed_provenance_mut(start);
            }
            if !self.grow(top) {
                return ptr::null_mut();
            }
        }
    }

    /// A freed block that is large enough, if one of the last ones is; not one that is
    /// more than an eighth too large.
    fn reuse_large(&self, size: usize) -> Option<*mut u8> {
        let mut link = &raw const self.large;
        for _ in 0..LARGE_LOOKS_MAX {
            // SAFETY: links are ours: the first one in `self`, the others at the
            // beginning of freed blocks, with the block's size behind.
            let (block, cell) = unsafe { ((*link).get(), &*link) };
            if block == 0 {
                return None;
            }
            let kept = ptr::with_exposed_provenance_mut::<Cell<usize>>(block);
            // SAFETY: as above.
            let (next, room) = unsafe { ((*kept).get(), (*kept.add(1)).get()) };
            if size <= room && room - size <= room / 8 {
                cell.set(next);
                return Some(kept.cast());
            }
            link = kept;
        }
        None
    }
}

/// How much room a block gets: blocks that are kept have one of few sizes.
fn room(layout: Layout) -> usize {
    if is_kept(layout) {
        layout.size().saturating_add(CLASS_BYTES - 1) & !(CLASS_BYTES - 1)
    } else {
        layout.size()
    }
}

/// Whether a block is kept when it is freed. Those of unusual alignment are not, since
/// any block of its size must do.
fn is_kept(layout: Layout) -> bool {
    layout.size() >= KEPT_BYTES_MIN && layout.align() <= CLASS_BYTES
}

// SAFETY: blocks lie between `top` and `end`, in memory that was grown here or that
// the linker left free behind the module's own, and do not overlap: `top` only moves
// back over the newest block, and a freed block is in one list until it is given out
// again with no more than its size. They are aligned: what is kept to `CLASS_BYTES`.
unsafe impl GlobalAlloc for Bump {
    // One copy of each: there are thousands of places that allocate.
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_kept(layout) {
            return self.begin(layout.size(), layout.align());
        }
        let size = room(layout);
        let reused = match self.free.get(size / CLASS_BYTES) {
            Some(free) if free.get() != 0 => {
                let block = ptr::with_exposed_provenance_mut::<usize>(free.get());
                // SAFETY: a freed block begins with the next one's address.
                free.set(unsafe { block.read() });
                Some(block.cast())
            }
            Some(_) => None,
            None => self.reuse_large(size),
        };
        reused.unwrap_or_else(|| self.begin(size, CLASS_BYTES))
    }

    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let start = block.expose_provenance();
        let size = room(layout);
        if start + size == self.top.get() {
            self.top.set(start);
        } else if is_kept(layout) {
            let block = block.cast::<usize>();
            let list = self.free.get(size / CLASS_BYTES).unwrap_or(&self.large);
            // SAFETY: the block is ours again, aligned and large enough for both.
            unsafe {
                block.write(list.replace(start));
                block.add(1).write(size);
            }
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let start = block.expose_provenance();
        // SAFETY: the caller's size and alignment make a valid layout.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        let (before, after) = (room(layout), room(wanted));
        // What will be kept is aligned for it, which a smaller block may not be.
        let stays = !is_kept(wanted) || start.is_multiple_of(CLASS_BYTES);
        if start + before == self.top.get() && stays {
            let Some(top) = start.checked_add(after) else {
                return ptr::null_mut();
            };
            if top <= self.end.get() || self.grow(top) {
                self.top.set(top);
                return block;
            }
            return ptr::null_mut();
        }
        if after <= before {
            return block;
        }
        // SAFETY: a new block can't overlap the old one, which is given up.
        unsafe {
            let moved = self.alloc(wanted);
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ARENA_BYTES: usize = 1 << 20;

    /// What is done to a block: made, or changed in size, or freed.
    #[derive(Clone, Debug)]
    enum Act {
        Make { size: usize, align: usize },
        Resize { which: usize, size: usize },
        Free { which: usize },
    }

    fn size() -> impl Strategy<Value = usize> {
        prop_oneof![1_usize..80, 1_usize..80, 900_usize..1100, 2000_usize..9000]
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (size(), 0_u32..5).prop_map(|(size, power)| Act::Make {
                size,
                align: 1 << power
            }),
            (any::<usize>(), size()).prop_map(|(which, size)| Act::Resize { which, size }),
            any::<usize>().prop_map(|which| Act::Free { which }),
        ]
    }

    /// A block with the byte that fills it.
    struct Block {
        at: *mut u8,
        layout: Layout,
        fill: u8,
    }

    impl Block {
        fn fill(&self) {
            // SAFETY: the block is as large as its layout.
            unsafe { ptr::write_bytes(self.at, self.fill, self.layout.size()) }
        }

        fn holds(&self, bytes: usize) -> bool {
            // SAFETY: no more than the block has.
            (0..bytes).all(|at| unsafe { self.at.add(at).read() } == self.fill)
        }
    }

    fn play(bump: &Bump, acts: &[Act]) {
        let mut blocks: Vec<Block> = Vec::new();
        for (count, act) in acts.iter().enumerate() {
            let fill = count as u8;
            match *act {
                Act::Make { size, align } => {
                    let layout = Layout::from_size_align(size, align).unwrap();
                    // SAFETY: the size is not zero.
                    let at = unsafe { bump.alloc(layout) };
                    assert!(!at.is_null() && at.addr().is_multiple_of(align));
                    blocks.push(Block { at, layout, fill });
                }
                Act::Resize { which, size } if !blocks.is_empty() => {
                    let which = which % blocks.len();
                    let block = &mut blocks[which];
                    let kept = block.layout.size().min(size);
                    assert!(block.holds(block.layout.size()));
                    // SAFETY: the block is one of ours, with this layout.
                    block.at = unsafe { bump.realloc(block.at, block.layout, size) };
                    block.layout = Layout::from_size_align(size, block.layout.align()).unwrap();
                    assert!(block.at.addr().is_multiple_of(block.layout.align()));
                    assert!(block.holds(kept));
                }
                Act::Free { which } if !blocks.is_empty() => {
                    let block = blocks.swap_remove(which % blocks.len());
                    assert!(block.holds(block.layout.size()));
                    // SAFETY: as above, and it is not used again.
                    unsafe { bump.dealloc(block.at, block.layout) };
                }
                _ => {}
            }
            blocks.iter().for_each(Block::fill);
        }
    }

    fn with_arena(test: impl FnOnce(&Bump)) {
        let mut arena = vec![0_u64; ARENA_BYTES / 8];
        let bump = Bump::new();
        let start = arena.as_mut_ptr().expose_provenance();
        bump.top.set(start);
        bump.end.set(start + ARENA_BYTES);
        test(&bump);
    }

    proptest! {
        #[test]
        fn blocks_keep_what_is_in_them(acts in proptest::collection::vec(act(), 0..80)) {
            with_arena(|bump| play(bump, &acts));
        }
    }

    #[test]
    fn what_was_freed_is_used_again() {
        with_arena(|bump| {
            for size in [40, 500, 5_000] {
                let layout = Layout::from_size_align(size, 8).unwrap();
                // SAFETY: the sizes are not zero, the blocks are freed as they were made.
                unsafe {
                    let freed = bump.alloc(layout);
                    let newest = bump.alloc(layout);
                    bump.dealloc(freed, layout);
                    assert_eq!(bump.alloc(layout), freed);
                    assert_eq!(bump.realloc(newest, layout, size + 200), newest);
                }
            }
        });
    }

    #[test]
    fn an_arena_that_is_full_gives_nothing() {
        with_arena(|bump| {
            let layout = Layout::from_size_align(ARENA_BYTES + 1, 8).unwrap();
            // SAFETY: the size is not zero.
            assert!(unsafe { bump.alloc(layout) }.is_null());
        });
    }
}
