//! The LX loop as a pack: its marks, pallet and what it holds.
//!
//! A loop may mark one package or many, by one number each or by several. Contents
//! are told only where it is certain what lies where: in a loop with one package, or
//! on a licence plate that a line names.

use crossdock_sdk::x12::segment::text;
use crossdock_sdk::x12::{Fault, Place, Segment, Spec};
use crossdock_sdk::{Decimal, Extras, Package, PackageType, Packed, Quantity};

use super::in_unit_of;
use super::line::Line;
use crate::decode::context::Context;
use crate::wire::{self, exact};

/// One number on a package: MAN-01 and -02, or -04 and -05.
#[derive(Clone, Copy)]
struct Mark<'a> {
    qualifier: &'a [u8],
    number: &'a [u8],
    /// The end of a range of numbers, or empty.
    last: &'a [u8],
    place: Place,
}

/// An LX loop.
pub(crate) struct Pack<'a> {
    /// LX-01.
    pub(crate) number: &'a [u8],
    /// Its lines are those from here,
    pub(crate) lines_start: usize,
    /// to before here.
    pub(crate) lines_end: usize,
    /// The order's line number, where the loop tells it for all its lines.
    pub(crate) line_number: Option<String>,
    pub(crate) extras: Extras,
    marks: Vec<Mark<'a>>,
    tracking: Vec<String>,
    pallet: bool,
    /// Whether a mark stood before the first line.
    marked_first: bool,
    weight: Option<Quantity>,
    dimensions: Vec<Quantity>,
    place: Place,
}

// === impl Pack ===

impl<'a> Pack<'a> {
    /// Begins with LX.
    pub(crate) fn begin(segment: &Segment<'a>, lines: usize) -> Self {
        Self {
            number: segment.trimmed(1),
            lines_start: lines,
            lines_end: lines,
            line_number: None,
            extras: Extras::new(),
            marks: Vec::new(),
            tracking: Vec::new(),
            pallet: false,
            marked_first: false,
            weight: None,
            dimensions: Vec::new(),
            place: segment.place(),
        }
    }

    /// The same for lines that no LX precedes.
    pub(crate) fn without_number(mut self) -> Self {
        self.number = b"";
        self
    }

    /// Whether it was marked before its lines, and has some: no further mark is its.
    pub(crate) fn is_closed(&self) -> bool {
        self.marked_first && self.lines_end > self.lines_start
    }

    /// Whether anything makes a package of the loop.
    pub(crate) fn has_marks(&self) -> bool {
        !self.marks.is_empty() || self.pallet
    }

    /// Reads MAN.
    pub(crate) fn mark(
        &mut self,
        segment: &Segment<'a>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let mut man = context.elements(segment);
        man.expected(Spec::at(1).reference(88).length(1, 2))?;
        man.expected(Spec::at(2).reference(87).length(1, 48))?;
        self.marked_first |= self.lines_end == self.lines_start;
        if self.marks.is_empty() {
            // Most loops have one; room for four would be the next step.
            self.marks.reserve_exact(1);
        }
        for at in [1, 4] {
            let [qualifier, number, last] =
                [at, at + 1, at + 2].map(|element| segment.trimmed(element));
            if !qualifier.is_empty() && !number.is_empty() {
                self.marks.push(Mark {
                    qualifier,
                    number,
                    last,
                    place: segment.place_of(at + 1),
                });
            } else {
                for element in at..at + 3 {
                    wire::keep(&mut self.extras, segment, element);
                }
            }
        }
        Ok(())
    }

    /// Reads PAL: its gross weight and size; the rest goes to the extras.
    pub(crate) fn pallet(
        &mut self,
        segment: &Segment<'a>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        self.pallet = true;
        let mut pal = context.elements(segment);
        let sizes = [
            pal.decimal(Spec::at(7).reference(82))?,
            pal.decimal(Spec::at(8).reference(189))?,
            pal.decimal(Spec::at(9).reference(65))?,
        ];
        let weight = pal.decimal(Spec::at(11).reference(384))?;
        for element in [1, 2, 3, 4, 5, 6, 13, 14] {
            wire::keep(&mut self.extras, segment, element);
        }
        wire::keep_from(&mut self.extras, segment, 15);
        if let [Some(length), Some(width), Some(height)] = sizes
            && segment.has(10)
        {
            let unit = Spec::at(10).reference(355);
            for size in [length, width, height] {
                self.dimensions
                    .push(context.quantity(segment, exact(size), unit, 10)?);
            }
        } else {
            for element in 7..=10 {
                wire::keep(&mut self.extras, segment, element);
            }
        }
        if let Some(weight) = weight
            && segment.has(12)
        {
            let unit = Spec::at(12).reference(355);
            self.weight = Some(context.quantity(segment, exact(weight), unit, 12)?);
        } else {
            for element in 11..=12 {
                wire::keep(&mut self.extras, segment, element);
            }
        }
        Ok(())
    }

    /// Reads N9 before the first line: it is about the whole loop.
    pub(crate) fn refer(
        &mut self,
        segment: &Segment<'a>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let Some(reference) = context.reference(segment, &mut self.extras)? else {
            return Ok(());
        };
        let plain = reference.description.is_none() && !reference.value.is_empty();
        if plain && reference.qualifier == context.config.line_qualifier {
            self.line_number = Some(reference.value);
        } else if plain && reference.qualifier == "2I" {
            self.tracking.push(reference.value);
        } else if plain && reference.qualifier == "LV" && !self.has_marks() {
            let [qualifier, number] = [1, 2].map(|element| segment.trimmed(element));
            self.marks.push(Mark {
                qualifier,
                number,
                last: b"",
                place: segment.place_of(2),
            });
        } else {
            wire::keep_qualified(&mut self.extras, segment);
        }
        Ok(())
    }

    /// The packages of the loop, by their marks.
    fn split(&self, context: &mut Context<'_>) -> Vec<Package> {
        let mut packages = self.marked(context);
        for package in packages.iter_mut().filter(|package| package.id.is_empty()) {
            package.id = text(self.number).into_owned();
        }
        packages
    }

    fn marked(&self, context: &mut Context<'_>) -> Vec<Package> {
        if self.marks.is_empty() {
            let id = text(self.number).into_owned();
            let alone = self.pallet && !id.is_empty();
            return if alone {
                vec![Package::new(id, PackageType::Pallet)]
            } else {
                Vec::new()
            };
        }
        if let [mark] = &self.marks[..] {
            return vec![self.package(mark, context)];
        }
        let mut packages: Vec<(Package, Vec<&[u8]>)> = Vec::new();
        let columns = self.columns();
        for (index, mark) in self.marks.iter().enumerate() {
            let known = match columns {
                // The first run of marks made the packages; each further run has one
                // for each of them.
                Some(count) => packages.get_mut(index % count).filter(|_| index >= count),
                None => packages
                    .last_mut()
                    .filter(|(_, seen)| mark.says_more() || !seen.contains(&mark.qualifier)),
            };
            match known {
                Some((package, seen)) => {
                    seen.push(mark.qualifier);
                    mark.add_to(package, context);
                }
                None => packages.push((self.package(mark, context), vec![mark.qualifier])),
            }
        }
        packages.into_iter().map(|(package, _)| package).collect()
    }

    /// The package of a mark.
    fn package(&self, mark: &Mark<'_>, context: &mut Context<'_>) -> Package {
        let kind = if self.pallet {
            PackageType::Pallet
        } else {
            mark.kind()
        };
        let mut package = Package::new("", kind);
        mark.add_to(&mut package, context);
        package
    }

    /// How many packages there are when the marks come kind by kind: all SSCC, then
    /// all tracking numbers, as many of each.
    fn columns(&self) -> Option<usize> {
        let mut runs = self
            .marks
            .chunk_by(|one, other| one.qualifier == other.qualifier);
        let count = runs.next()?.len();
        let mut kinds = 1;
        for run in runs {
            kinds += 1;
            if run.len() != count {
                return None;
            }
        }
        (count > 1 && kinds > 1).then_some(count)
    }
}

// === impl Mark ===

impl Mark<'_> {
    /// Whether the mark only describes what another one names.
    fn says_more(&self) -> bool {
        matches!(self.qualifier, b"L" | b"S")
    }

    fn is_sscc(&self) -> bool {
        matches!(self.qualifier, b"GM" | b"AA")
    }

    fn kind(&self) -> PackageType {
        match self.qualifier {
            b"W" | b"X" | b"SS" => PackageType::Pallet,
            b"LV" => PackageType::Other("LV".to_owned()),
            _ => PackageType::Carton,
        }
    }

    fn add_to(&self, package: &mut Package, context: &mut Context<'_>) {
        let number = text(self.number);
        if self.is_sscc() || self.qualifier == b"LV" {
            let digits = number.strip_prefix("00").filter(|rest| rest.len() == 18);
            let digits = digits.unwrap_or(&number);
            if !package.sscc {
                let before = std::mem::replace(&mut package.id, digits.to_owned());
                package.sscc = is_sscc(digits);
                if !before.is_empty() {
                    package.extras.push(("MAN".to_owned(), before));
                }
            } else {
                package
                    .extras
                    .push((format!("MAN*{}", text(self.qualifier)), digits.to_owned()));
            }
            self.judge_sscc(digits, context);
        } else if self.qualifier == b"CP" {
            package.tracking = Some(number.clone().into_owned());
            if package.id.is_empty() {
                package.id = number.into_owned();
            }
        } else if package.id.is_empty() && !self.says_more() {
            package.id = number.into_owned();
        } else {
            package
                .extras
                .push((format!("MAN*{}", text(self.qualifier)), number.into_owned()));
        }
        if !self.last.is_empty() {
            package
                .extras
                .push(("MAN-03".to_owned(), text(self.last).into_owned()));
            let text = "a range of numbers; the first one is the package's, the last one is kept"
                .to_owned();
            context.remark("mark-range", text, self.place);
        }
    }

    fn judge_sscc(&self, digits: &str, context: &mut Context<'_>) {
        if !self.is_sscc() {
            return;
        }
        let wrong = if !is_sscc(digits) {
            "is no SSCC, which has 18 digits"
        } else if !has_sound_check_digit(digits) {
            "is an SSCC with a wrong check digit"
        } else {
            return;
        };
        context.remark(
            "sscc-invalid",
            format!("{digits} {wrong}; kept"),
            self.place,
        );
    }
}

/// Whether the number has the form of an SSCC-18.
fn is_sscc(number: &str) -> bool {
    number.len() == 18 && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The GS1 check digit: weights 3 and 1 from the right, the last digit fills up to a
/// multiple of ten.
fn has_sound_check_digit(digits: &str) -> bool {
    let weighted = digits.bytes().rev().enumerate().map(|(place, byte)| {
        let digit = u32::from(byte.saturating_sub(b'0'));
        if place % 2 == 1 { digit * 3 } else { digit }
    });
    weighted.sum::<u32>().is_multiple_of(10)
}

/// All packages of the set. A package that several loops name is one, with the
/// contents of all of them.
pub(super) fn packages(
    packs: Vec<Pack<'_>>,
    lines: &mut [Line<'_>],
    extras: &mut Extras,
    context: &mut Context<'_>,
) -> Vec<Package> {
    let mut all = Vec::with_capacity(packs.len());
    for mut pack in packs {
        let mut own = pack.split(context);
        let held = lines
            .get_mut(pack.lines_start..pack.lines_end)
            .unwrap_or_default();
        if own.is_empty() {
            plates(held, &mut all, context);
            // Nothing to hang the loop's own extras on but its lines, or the shipment.
            let tracking = pack
                .tracking
                .into_iter()
                .map(|number| ("N9*2I".to_owned(), number));
            pack.extras.extend(tracking);
            match held.first_mut() {
                Some(line) => line.line.extras.append(&mut pack.extras),
                None => extras.append(&mut pack.extras),
            }
            continue;
        }
        for line in held.iter_mut() {
            for (plate, _) in line.plates.drain(..) {
                line.line
                    .references
                    .push(crossdock_sdk::Reference::new("LV", text(plate)));
            }
        }
        if let [package] = &mut own[..] {
            package.contents = held.iter().map(contents).collect();
            package.weight = pack.weight;
            package.dimensions = pack.dimensions;
            package.extras.append(&mut pack.extras);
            let mut tracking = pack.tracking.into_iter();
            if package.tracking.is_none() {
                package.tracking = tracking.next();
            }
            package
                .extras
                .extend(tracking.map(|number| ("N9*2I".to_owned(), number)));
        } else {
            if own.len() > 1 && !held.is_empty() {
                let text = format!(
                    "{} packages are marked in one loop; what lies in which is not told",
                    own.len()
                );
                context.remark("contents-unknown", text, pack.place);
            }
            if let Some(package) = own.first_mut() {
                package.extras.append(&mut pack.extras);
                let tracking = pack.tracking.into_iter();
                package
                    .extras
                    .extend(tracking.map(|number| ("N9*2I".to_owned(), number)));
            }
        }
        all.append(&mut own);
    }
    united(all)
}

/// All of a line in one package. The lot is told where there is only one.
fn contents(line: &Line<'_>) -> Packed {
    let lot = match &line.line.lots[..] {
        [only] => Some(only.lot.clone()),
        _ => None,
    };
    Packed {
        lot,
        ..Packed::new(line.line.line_no.as_str(), line.line.shipped.clone())
    }
}

/// Packages from the licence plates that lines name. What lies on a plate is told by
/// the plate, or is all of the line where it names only one.
fn plates(lines: &mut [Line<'_>], all: &mut Vec<Package>, context: &mut Context<'_>) {
    for line in lines {
        let named = std::mem::take(&mut line.plates);
        check_plates(line, &named, context);
        let alone = named.len() == 1;
        for (number, amount) in named {
            let mark = Mark {
                qualifier: b"LV",
                number,
                last: b"",
                place: line.place,
            };
            let mut package = Package::new("", mark.kind());
            mark.add_to(&mut package, context);
            let whole = contents(line);
            match amount {
                Some(amount) => {
                    let quantity = in_unit_of(amount, &whole.quantity);
                    package.contents.push(Packed { quantity, ..whole });
                }
                None if alone => package.contents.push(whole),
                None => {
                    let text = "several licence plates share this line, and nothing says how much is on each";
                    context.remark("contents-unknown", text.to_owned(), line.place);
                }
            }
            all.push(package);
        }
    }
}

/// Remarks on plates that do not hold the whole line, where each says how much it holds.
fn check_plates(line: &Line<'_>, plates: &[(&[u8], Option<Decimal>)], context: &mut Context<'_>) {
    let sum = plates.iter().try_fold(Decimal::ZERO, |sum, (_, amount)| {
        sum.checked_add((*amount)?).ok()
    });
    let shipped = line.line.shipped.value;
    if let Some(sum) = sum
        && !plates.is_empty()
        && !sum.is_equal(shipped)
    {
        let text = format!("{shipped} units left, but the packages hold {sum}; both kept");
        context.remark("packages-mismatch", text, line.place);
    }
}

/// One package where several have the same id, at the place of the first.
fn united(packages: Vec<Package>) -> Vec<Package> {
    // Numbers mostly come in their order, which is seen at a glance.
    if packages.is_sorted_by(|one, next| one.id < next.id) {
        return packages;
    }
    let same = wire::by_number(packages.len(), &|place| &packages[place].id);
    if same.len() == packages.len() {
        return packages;
    }
    // For each package the place of the first of its id, there and among the united.
    let mut places = vec![(0, 0); packages.len()];
    for same in same.iter() {
        for place in same {
            places[*place].0 = same[0];
        }
    }
    let mut united: Vec<Package> = Vec::with_capacity(same.len());
    for (place, package) in packages.into_iter().enumerate() {
        let (first, _) = places[place];
        if first == place {
            places[place].1 = united.len();
            united.push(package);
        } else {
            unite(&mut united[places[first].1], package);
        }
    }
    united
}

fn unite(known: &mut Package, mut package: Package) {
    known.contents.append(&mut package.contents);
    known.extras.append(&mut package.extras);
    known.tracking = known.tracking.take().or(package.tracking);
    known.weight = known.weight.take().or(package.weight);
    if known.dimensions.is_empty() {
        known.dimensions = package.dimensions;
    }
}
