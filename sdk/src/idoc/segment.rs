//! One IDoc as a tree of segments and fields.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::text::line_at;

/// One IDoc of a message: its elements in the order of the text.
#[derive(Clone, Debug)]
pub struct Idoc<'a> {
    pub(super) text: &'a str,
    /// The message's outermost element; absent where that is the IDOC itself.
    pub(super) wrapper: Option<&'a str>,
    pub(super) number: u32,
    /// The IDOC element first, every element before its children.
    pub(super) nodes: Vec<Node<'a>>,
}

/// One element.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) name: &'a str,
    /// Its own text without blanks at the ends; empty in a segment.
    pub(super) value: Cow<'a, str>,
    /// Where it begins in the text.
    pub(super) offset: u32,
    pub(super) parent: u32,
    /// The first node that is not inside it.
    pub(super) end: u32,
}

/// A segment of an IDoc, or one of its fields.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'i, 'a> {
    idoc: &'i Idoc<'a>,
    at: usize,
}

/// The elements directly inside a segment; see [`Segment::children`].
#[derive(Clone, Debug)]
pub struct Children<'i, 'a> {
    idoc: &'i Idoc<'a>,
    next: usize,
    end: usize,
}

// === impl Idoc ===

impl<'a> Idoc<'a> {
    /// The IDOC element, whose children are the control record and the segments of
    /// the highest level.
    pub fn root(&self) -> Segment<'_, 'a> {
        Segment { idoc: self, at: 0 }
    }

    /// The control record: `EDI_DC40`, or `EDI_DC` as systems before 4.0 have it.
    pub fn control(&self) -> Option<Segment<'_, 'a>> {
        let root = self.root();
        root.child("EDI_DC40").or_else(|| root.child("EDI_DC"))
    }

    /// Which IDoc of the message it is, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The message's outermost element, mostly the IDoc type.
    pub fn wrapper(&self) -> &'a str {
        self.wrapper.unwrap_or("IDOC")
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.nodes.len() <= 1
    }
}

// === impl Segment ===

impl<'i, 'a> Segment<'i, 'a> {
    fn node(&self) -> &'i Node<'a> {
        &self.idoc.nodes[self.at]
    }

    /// Its name without a namespace's prefix.
    pub fn name(&self) -> &'a str {
        self.node().name
    }

    /// A field's text.
    pub fn text(&self) -> &'i str {
        &self.node().value
    }

    /// The text of the first field of that name, if it says anything.
    pub fn get(&self, field: &str) -> Option<&'i str> {
        self.child(field)
            .map(|field| field.text())
            .filter(|text| !text.is_empty())
    }

    /// The first element of that name directly inside.
    pub fn child(&self, name: &str) -> Option<Segment<'i, 'a>> {
        self.all(name).next()
    }

    /// The elements of that name directly inside, in order.
    pub fn all<'n>(
        &self,
        name: &'n str,
    ) -> impl Iterator<Item = Segment<'i, 'a>> + use<'i, 'a, 'n> {
        self.children().filter(move |child| child.name() == name)
    }

    /// Every element directly inside, in order.
    pub fn children(&self) -> Children<'i, 'a> {
        Children {
            idoc: self.idoc,
            next: self.at + 1,
            end: self.node().end as usize,
        }
    }

    /// Whether nothing is inside: then it is a field, or an empty segment.
    pub fn is_leaf(&self) -> bool {
        self.node().end as usize == self.at + 1
    }

    /// Its line in the text, from 1.
    pub fn line(&self) -> u32 {
        line_at(self.idoc.text.as_bytes(), self.node().offset as usize)
    }

    /// Where it stands: `/ORDERS05/IDOC[1]/E1EDP01[2]`. An IDOC always has its number,
    /// a segment where there are several of its name.
    pub fn path(&self) -> String {
        let mut trail = vec![*self];
        let mut segment = *self;
        while segment.at != 0 {
            segment = Segment {
                idoc: self.idoc,
                at: segment.node().parent as usize,
            };
            trail.push(segment);
        }
        let mut path = String::new();
        if let Some(wrapper) = self.idoc.wrapper {
            let _ = write!(path, "/{wrapper}");
        }
        for segment in trail.iter().rev() {
            let _ = write!(path, "/{}", segment.name());
            if let Some(number) = segment.ordinal() {
                let _ = write!(path, "[{number}]");
            }
        }
        path
    }

    /// Where a field of it stands, or should stand.
    pub fn path_of(&self, field: &str) -> String {
        let mut path = self.path();
        let _ = write!(path, "/{field}");
        path
    }

    /// Which of its name it is, where there are several.
    fn ordinal(&self) -> Option<u32> {
        if self.at == 0 {
            return Some(self.idoc.number);
        }
        let parent = Segment {
            idoc: self.idoc,
            at: self.node().parent as usize,
        };
        let (mut count, mut own) = (0, 0);
        for sibling in parent.all(self.name()) {
            count += 1;
            if sibling.at == self.at {
                own = count;
            }
        }
        (count > 1).then_some(own)
    }
}

// === impl Children ===

impl<'i, 'a> Iterator for Children<'i, 'a> {
    type Item = Segment<'i, 'a>;

    fn next(&mut self) -> Option<Segment<'i, 'a>> {
        if self.next >= self.end {
            return None;
        }
        let at = self.next;
        self.next = self.idoc.nodes[at].end as usize;
        Some(Segment {
            idoc: self.idoc,
            at,
        })
    }
}
