//! How values of the contract cross the component's border: the canonical ABI of the
//! component model, one type at a time.
//!
//! The bindings generator can make these functions too, but writes each exported
//! function as one body that spells out every document in full. That body alone took
//! the compiler longer than the rest of the SDK, and made a component of half a
//! megabyte in which every call paid for freeing memory that is thrown away anyway.
//! Here each type has a `store` and a `load` that all functions share, derived by
//! `#[derive(Abi)]` on the generated types, and nothing is freed.
//!
//! Storing reads the value where it lies and hands over the blocks of its texts and
//! lists; the value itself is forgotten by whoever has it stored. Moving it piece by
//! piece would copy every record once more for each level that it is nested in. A
//! list's records are stored where they are, since each is smaller over there: a large
//! answer would need its memory twice. Loading writes each field where it will stay. Texts, lists and options are stored
//! and loaded by functions that are never copied into their callers: there are many
//! hundred places for each.
//!
//! The layout follows the specification: fields in order, each at a multiple of its
//! alignment; a variant begins with its case's number in one byte; strings and lists
//! are a pointer and a count. Pointers are as wide as the target's, so that the same
//! code is tested natively.
//!
//! Trusts the host to hand over valid values, as every component does: wasmtime
//! checks UTF-8, cases and bounds before it writes them.

#![expect(
    unsafe_code,
    reason = "values are read from and written to memory that the host sees"
)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem;
use std::ptr;

/// The largest record that is stored where it is, in bytes.
const PLACE_MAX: usize = 1024;

/// Where a record is stored before it takes the place of the one that it was made of.
#[repr(align(8))]
struct Aside(mem::MaybeUninit<[u8; PLACE_MAX]>);

/// Size and alignment of a type in memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) size: usize,
    pub(crate) align: usize,
}

/// Where a record's fields begin.
pub(crate) struct Record<const N: usize> {
    pub(crate) offsets: [usize; N],
    pub(crate) shape: Shape,
}

/// Where a variant's payload begins.
pub(crate) struct Variant {
    pub(crate) payload: usize,
    pub(crate) shape: Shape,
}

/// A type that crosses the border.
///
/// # Safety
///
/// `store` writes within `SHAPE`, and `load` gives back what `store` was given.
pub(crate) unsafe trait Abi: Sized {
    /// How the type lies in memory.
    const SHAPE: Shape;

    /// Writes the value, whose texts and lists live on in the memory.
    ///
    /// # Safety
    ///
    /// `at` has room for `SHAPE`, aligned, and does not overlap the value. The value is
    /// neither used nor dropped afterwards.
    unsafe fn store(&mut self, at: *mut u8);

    /// Takes the value out of the memory, with all that it points to, and writes it to
    /// `into`.
    ///
    /// # Safety
    ///
    /// A value that was stored, or written by the host, is at `at`, and is loaded
    /// only once. `into` has room for the value; nothing there is dropped.
    unsafe fn load(at: *const u8, into: *mut Self);

    /// Writes the values of a list into one block: the list's own where they fit in.
    ///
    /// # Safety
    ///
    /// The list is neither used nor dropped afterwards.
    unsafe fn store_list(list: &mut Vec<Self>) -> *const u8 {
        let Shape { size, align } = Self::SHAPE;
        let values = list.as_mut_ptr();
        let in_place =
            size <= mem::size_of::<Self>() && align <= mem::align_of::<Self>() && size <= PLACE_MAX;
        let block = if in_place {
            values.cast::<u8>()
        } else {
            allocate(block::<Self>(list.len()))
        };
        let mut aside = Aside(mem::MaybeUninit::uninit());
        for index in 0..list.len() {
            // SAFETY: the block has room for all values, each at its own place. In the
            // list's own one, what is written there ends before the next value begins,
            // and this one was read before.
            unsafe {
                let at = block.add(index * size);
                let value = &mut *values.add(index);
                if in_place {
                    let aside = aside.0.as_mut_ptr().cast::<u8>();
                    value.store(aside);
                    ptr::copy_nonoverlapping(aside, at, size);
                } else {
                    value.store(at);
                }
            }
        }
        block
    }

    /// Takes the values of a list out of its block.
    ///
    /// # Safety
    ///
    /// As [`load`](Abi::load), for `count` values in one block that begins at `at`.
    unsafe fn load_list(at: *mut u8, count: usize) -> Vec<Self> {
        let mut list = Vec::<Self>::with_capacity(count);
        for index in 0..count {
            // SAFETY: the caller says that so many values are there, and there is room
            // for as many.
            unsafe {
                Self::load(
                    at.add(index * Self::SHAPE.size),
                    list.as_mut_ptr().add(index),
                );
            }
        }
        // SAFETY: all of them were written.
        unsafe { list.set_len(count) };
        let layout = block::<Self>(count);
        // Natively, where only tests get here, it may be a list's own.
        if cfg!(target_arch = "wasm32") && layout.size() > 0 {
            // SAFETY: the host got the block from our own allocator, with this layout.
            unsafe { dealloc(at, layout) };
        }
        list
    }
}

// === impl Record ===

impl<const N: usize> Record<N> {
    pub(crate) const fn new(fields: [Shape; N]) -> Record<N> {
        let mut offsets = [0; N];
        let mut shape = Shape { size: 0, align: 1 };
        let mut index = 0;
        while index < N {
            offsets[index] = shape.size.next_multiple_of(fields[index].align);
            shape.size = offsets[index] + fields[index].size;
            if fields[index].align > shape.align {
                shape.align = fields[index].align;
            }
            index += 1;
        }
        shape.size = shape.size.next_multiple_of(shape.align);
        Record { offsets, shape }
    }
}

// === impl Variant ===

impl Variant {
    pub(crate) const fn new<const N: usize>(payloads: [Shape; N]) -> Variant {
        // Beyond, the case's number takes two bytes.
        assert!(N > 0 && N <= 256, "a variant has 1 to 256 cases");
        let mut shape = Shape { size: 0, align: 1 };
        let mut index = 0;
        while index < N {
            if payloads[index].size > shape.size {
                shape.size = payloads[index].size;
            }
            if payloads[index].align > shape.align {
                shape.align = payloads[index].align;
            }
            index += 1;
        }
        let payload = 1_usize.next_multiple_of(shape.align);
        shape.size = (payload + shape.size).next_multiple_of(shape.align);
        Variant { payload, shape }
    }
}

/// The number of a variant's case.
///
/// # Safety
///
/// A variant is at `at`.
pub(crate) unsafe fn case(at: *const u8) -> u8 {
    // SAFETY: a variant begins with its case.
    unsafe { at.read() }
}

/// The host has broken the contract, or this code is wrong: nothing can be saved.
#[cold]
pub(crate) fn no_such_case() -> ! {
    panic!("the host wrote a case that the contract does not have")
}

/// Writes a value into a block of its own, for a function to give back.
#[cfg(target_arch = "wasm32")]
pub(crate) fn give<T: Abi>(value: T) -> *mut u8 {
    let block = allocate(block::<T>(1));
    let mut value = mem::ManuallyDrop::new(value);
    // SAFETY: the block was made for it.
    unsafe { value.store(block) };
    block
}

/// Takes a value out of the memory.
///
/// # Safety
///
/// As [`Abi::load`].
pub(crate) unsafe fn take<T: Abi>(at: *const u8) -> T {
    let mut value = mem::MaybeUninit::uninit();
    // SAFETY: the caller says that a value is at `at`; loading it writes ours.
    unsafe {
        T::load(at, value.as_mut_ptr());
        value.assume_init()
    }
}

fn block<T: Abi>(count: usize) -> Layout {
    match Layout::from_size_align(T::SHAPE.size.saturating_mul(count), T::SHAPE.align) {
        Ok(layout) => layout,
        Err(_) => panic!("a list of {count} values does not fit into memory"),
    }
}

fn allocate(layout: Layout) -> *mut u8 {
    if layout.size() == 0 {
        return ptr::without_provenance_mut(layout.align());
    }
    // SAFETY: the size is not zero.
    let block = unsafe { alloc(layout) };
    if block.is_null() {
        handle_alloc_error(layout);
    }
    block
}

/// # Safety
///
/// `count` bytes are at `at`, in a block of exactly that size.
unsafe fn load_bytes(at: *mut u8, count: usize) -> Vec<u8> {
    if count == 0 {
        return Vec::new();
    }
    // SAFETY: the block is as large as the vector will say it is.
    unsafe { Vec::from_raw_parts(at, count, count) }
}

macro_rules! plain {
    ($($type:ty),*) => {
        $(
            // SAFETY: integers are stored as the target stores them, which is
            // little-endian and aligned to their size as the ABI demands.
            unsafe impl Abi for $type {
                const SHAPE: Shape = Shape {
                    size: mem::size_of::<$type>(),
                    align: mem::size_of::<$type>(),
                };

                unsafe fn store(&mut self, at: *mut u8) {
                    // SAFETY: the caller gives room, aligned.
                    unsafe { at.cast::<$type>().write(*self) }
                }

                unsafe fn load(at: *const u8, into: *mut $type) {
                    // SAFETY: the caller says that it is there, and gives room.
                    unsafe { into.write(at.cast::<$type>().read()) }
                }
            }
        )*
    };
}

plain!(u16, u32, u64, i64, usize);

// SAFETY: a byte is itself; lists of bytes keep their block.
unsafe impl Abi for u8 {
    const SHAPE: Shape = Shape { size: 1, align: 1 };

    unsafe fn store(&mut self, at: *mut u8) {
        // SAFETY: the caller gives room.
        unsafe { at.write(*self) }
    }

    unsafe fn load(at: *const u8, into: *mut u8) {
        // SAFETY: the caller says that it is there, and gives room.
        unsafe { into.write(at.read()) }
    }

    /// The block is handed over as it is.
    unsafe fn store_list(list: &mut Vec<u8>) -> *const u8 {
        list.as_ptr()
    }

    unsafe fn load_list(at: *mut u8, count: usize) -> Vec<u8> {
        // SAFETY: as the caller says.
        unsafe { load_bytes(at, count) }
    }
}

// SAFETY: a byte of 0 or 1.
unsafe impl Abi for bool {
    const SHAPE: Shape = u8::SHAPE;

    unsafe fn store(&mut self, at: *mut u8) {
        // SAFETY: the caller gives room.
        unsafe { at.write(u8::from(*self)) }
    }

    unsafe fn load(at: *const u8, into: *mut bool) {
        // SAFETY: the caller says that it is there, and gives room.
        unsafe { into.write(at.read() != 0) }
    }
}

// SAFETY: takes no room.
unsafe impl Abi for () {
    const SHAPE: Shape = Shape { size: 0, align: 1 };

    unsafe fn store(&mut self, _: *mut u8) {}

    unsafe fn load(_: *const u8, _: *mut ()) {}
}

/// A pointer and a count.
const PAIR: Record<2> = Record::new([usize::SHAPE, usize::SHAPE]);

/// # Safety
///
/// `at` has room for a pair.
unsafe fn store_pair(block: *const u8, count: usize, at: *mut u8) {
    // SAFETY: as the caller says.
    unsafe {
        at.cast::<*const u8>().write(block);
        at.add(PAIR.offsets[1]).cast::<usize>().write(count);
    }
}

// SAFETY: a list of bytes that is UTF-8.
unsafe impl Abi for String {
    const SHAPE: Shape = PAIR.shape;

    #[inline(never)]
    unsafe fn store(&mut self, at: *mut u8) {
        // SAFETY: the caller gives room for a pair.
        unsafe { store_pair(self.as_ptr(), self.len(), at) }
    }

    #[inline(never)]
    unsafe fn load(at: *const u8, into: *mut String) {
        // SAFETY: the host has checked that it is UTF-8.
        unsafe { into.write(String::from_utf8_unchecked(take(at))) }
    }
}

// SAFETY: the block is written before the pair that names it.
unsafe impl<T: Abi> Abi for Vec<T> {
    const SHAPE: Shape = PAIR.shape;

    #[inline(never)]
    unsafe fn store(&mut self, at: *mut u8) {
        // SAFETY: the caller gives room for a pair, and gives the list up.
        unsafe { store_pair(T::store_list(self), self.len(), at) }
    }

    #[inline(never)]
    unsafe fn load(at: *const u8, into: *mut Vec<T>) {
        // SAFETY: the caller says that a pair is there, and what it names.
        unsafe {
            let block = at.cast::<*mut u8>().read();
            into.write(T::load_list(block, take(at.add(PAIR.offsets[1]))));
        }
    }
}

// SAFETY: a variant of nothing and something.
unsafe impl<T: Abi> Abi for Option<T> {
    const SHAPE: Shape = Variant::new([<()>::SHAPE, T::SHAPE]).shape;

    #[inline(never)]
    unsafe fn store(&mut self, at: *mut u8) {
        let payload = const { Variant::new([<()>::SHAPE, T::SHAPE]).payload };
        // SAFETY: the caller gives room for the variant.
        unsafe {
            at.write(u8::from(self.is_some()));
            if let Some(value) = self {
                value.store(at.add(payload));
            }
        }
    }

    #[inline(never)]
    unsafe fn load(at: *const u8, into: *mut Option<T>) {
        let payload = const { Variant::new([<()>::SHAPE, T::SHAPE]).payload };
        // SAFETY: the caller says that the variant is there, and gives room.
        unsafe { into.write((case(at) != 0).then(|| take(at.add(payload)))) }
    }
}

// SAFETY: a variant of two values.
unsafe impl<T: Abi, E: Abi> Abi for Result<T, E> {
    const SHAPE: Shape = Variant::new([T::SHAPE, E::SHAPE]).shape;

    unsafe fn store(&mut self, at: *mut u8) {
        let payload = const { Variant::new([T::SHAPE, E::SHAPE]).payload };
        // SAFETY: the caller gives room for the variant.
        unsafe {
            at.write(u8::from(self.is_err()));
            match self {
                Ok(value) => value.store(at.add(payload)),
                Err(error) => error.store(at.add(payload)),
            }
        }
    }

    unsafe fn load(at: *const u8, into: *mut Result<T, E>) {
        let payload = const { Variant::new([T::SHAPE, E::SHAPE]).payload };
        // SAFETY: the caller says that the variant is there, and gives room.
        unsafe {
            into.write(match case(at) {
                0 => Ok(take(at.add(payload))),
                _ => Err(take(at.add(payload))),
            });
        }
    }
}

// SAFETY: a record of two fields.
unsafe impl<A: Abi, B: Abi> Abi for (A, B) {
    const SHAPE: Shape = Record::new([A::SHAPE, B::SHAPE]).shape;

    unsafe fn store(&mut self, at: *mut u8) {
        let offsets = const { Record::new([A::SHAPE, B::SHAPE]).offsets };
        // SAFETY: the caller gives room for the record.
        unsafe {
            self.0.store(at.add(offsets[0]));
            self.1.store(at.add(offsets[1]));
        }
    }

    unsafe fn load(at: *const u8, into: *mut (A, B)) {
        let offsets = const { Record::new([A::SHAPE, B::SHAPE]).offsets };
        // SAFETY: the caller says that the record is there, and gives room.
        unsafe {
            A::load(at.add(offsets[0]), &raw mut (*into).0);
            B::load(at.add(offsets[1]), &raw mut (*into).1);
        }
    }
}

#[cfg(test)]
mod tests;
