//! A bump allocator, for instances that live for one call.
//!
//! The host drops the whole memory when the call has ended, so nothing is ever
//! given back to it: allocating is adding to an address. Only the newest block can
//! grow in place or be taken back, which is what building a text and dropping a
//! temporary do.
//!
//! Begins in the memory that the instance has anyway, behind its data: most calls
//! never ask the host for more.
//!
//! Sound because a component's instance has one thread and no call of the host comes
//! back in while it runs.

#![expect(
    unsafe_code,
    reason = "a global allocator is an unsafe trait; all of the crate's own unsafe code is here"
)]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::Cell;
use core::ptr;

/// How much memory is asked for at least, in pages of 64 KiB. Pages that are not
/// touched cost nothing but address space, growing costs a call of the host.
const GROWTH_PAGES_MIN: usize = 16;

const PAGE_BYTES: usize = 65_536;

/// The allocator that [`export!`](crate::export) sets up.
pub struct Bump {
    /// Where the next block may begin; 0 before the first one.
    top: Cell<usize>,
    /// Where the memory that belongs to us ends.
    end: Cell<usize>,
}

// SAFETY: the target has no threads.
unsafe impl Sync for Bump {}

// === impl Bump ===

impl Bump {
    /// An allocator that owns nothing yet.
    #[expect(
        clippy::new_without_default,
        reason = "only a static is ever made of it"
    )]
    pub const fn new() -> Bump {
        Bump {
            top: Cell::new(0),
            end: Cell::new(0),
        }
    }

    /// Makes room so that `needed` is inside, or takes over the memory that is there
    /// already; false when the host gives no more.
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
}

// SAFETY: blocks lie between `top` and `end`, in memory that was grown here or that
// the linker left free behind the module's own, do not overlap, since `top` only moves
// back over the newest block, and are aligned.
unsafe impl GlobalAlloc for Bump {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        loop {
            // To the next multiple; a power of two needs no division.
            let mask = layout.align() - 1;
            let Some(start) = self.top.get().checked_add(mask) else {
                return ptr::null_mut();
            };
            let start = start & !mask;
            let Some(top) = start.checked_add(layout.size()) else {
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

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let start = block.expose_provenance();
        if start + layout.size() == self.top.get() {
            self.top.set(start);
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let start = block.expose_provenance();
        if start + layout.size() == self.top.get() {
            let Some(top) = start.checked_add(size) else {
                return ptr::null_mut();
            };
            if top <= self.end.get() || self.grow(top) {
                self.top.set(top);
                return block;
            }
            return ptr::null_mut();
        }
        if size <= layout.size() {
            return block;
        }
        // SAFETY: the caller's size and alignment make a valid layout, and a new
        // block can't overlap the old one.
        unsafe {
            let grown = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !grown.is_null() {
                ptr::copy_nonoverlapping(block, grown, layout.size());
            }
            grown
        }
    }
}
