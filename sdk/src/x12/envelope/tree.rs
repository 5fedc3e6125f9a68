//! The events of a [`Reader`] gathered into interchanges, groups and sets.

use super::{End, Event, GroupHeader, InterchangeHeader, Reader, TransactionSet};
use crate::x12::place::Finding;
use crate::x12::segment::Segment;

/// One interchange with everything in it. Contents stay borrowed: a set costs the
/// memory of its description, not of its segments.
#[derive(Clone, Debug, Default)]
pub struct Interchange<'a> {
    /// Its ISA; `None` for a fragment and for what stands outside interchanges.
    pub header: Option<InterchangeHeader<'a>>,
    /// Its groups.
    pub groups: Vec<Group<'a>>,
    /// TA1 segments in it.
    pub acknowledgements: Vec<Segment<'a>>,
    /// How it ended.
    pub end: End,
    /// What was skipped in it or before it.
    pub strays: Vec<Finding>,
}

/// One functional group.
#[derive(Clone, Debug, Default)]
pub struct Group<'a> {
    /// Its GS; `None` for sets outside a group.
    pub header: Option<GroupHeader<'a>>,
    /// Its transaction sets.
    pub sets: Vec<TransactionSet<'a>>,
    /// How it ended.
    pub end: End,
}

/// An iterator of [`Interchange`]s.
#[derive(Clone, Debug)]
pub struct Interchanges<'a> {
    reader: Reader<'a>,
    /// The ISA that ended the last one.
    next: Option<InterchangeHeader<'a>>,
}

// === impl Interchange ===

impl<'a> Interchange<'a> {
    /// All transaction sets, whatever group they are in.
    pub fn sets(&self) -> impl Iterator<Item = &TransactionSet<'a>> {
        self.groups.iter().flat_map(|group| &group.sets)
    }

    /// Everything found about the interchange itself: header, trailer, strays.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        let header = self.header.iter().flat_map(|header| header.findings());
        header.chain(&self.end.findings).chain(&self.strays)
    }

    fn is_empty(&self) -> bool {
        self.header.is_none()
            && self.groups.is_empty()
            && self.acknowledgements.is_empty()
            && self.strays.is_empty()
    }
}

// === impl Group ===

impl Group<'_> {
    /// Everything found about the group itself: header and trailer.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        let header = self.header.iter().flat_map(|header| header.findings());
        header.chain(&self.end.findings)
    }
}

// === impl Interchanges ===

impl<'a> Interchanges<'a> {
    pub(super) fn new(reader: Reader<'a>) -> Self {
        Self { reader, next: None }
    }
}

impl<'a> Iterator for Interchanges<'a> {
    type Item = Interchange<'a>;

    fn next(&mut self) -> Option<Interchange<'a>> {
        let mut interchange = Interchange {
            header: self.next.take(),
            ..Interchange::default()
        };
        // Whether the last group still takes sets.
        let mut open = false;
        for event in self.reader.by_ref() {
            match event {
                // What stood between two interchanges is one of its own, unless it
                // is only strays: they go with what follows.
                Event::Interchange(header)
                    if interchange.groups.is_empty() && interchange.header.is_none() =>
                {
                    interchange.header = Some(header);
                }
                Event::Interchange(header) => {
                    self.next = Some(header);
                    return Some(interchange);
                }
                Event::Group(header) => {
                    open = true;
                    interchange.groups.push(Group {
                        header: Some(header),
                        ..Group::default()
                    });
                }
                Event::Set(set) => {
                    if !open {
                        interchange.groups.push(Group::default());
                        open = true;
                    }
                    if let Some(group) = interchange.groups.last_mut() {
                        group.sets.push(set);
                    }
                }
                Event::GroupEnd(end) => {
                    open = false;
                    if let Some(group) = interchange.groups.last_mut() {
                        group.end = end;
                    }
                }
                Event::InterchangeEnd(end) => {
                    interchange.end = end;
                    return Some(interchange);
                }
                Event::Acknowledgement(segment) => interchange.acknowledgements.push(segment),
                Event::Stray(finding) => interchange.strays.push(finding),
            }
        }
        (!interchange.is_empty()).then_some(interchange)
    }
}
