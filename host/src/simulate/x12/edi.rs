//! What a warehouse that speaks X12 needs of it: to read a 940 and a 997, and to
//! write a 997 and a 945; in [`reports`] what it tells unasked, 846 and 944.
//!
//! Both simulated warehouses use it. It knows segments and elements, no stock and
//! no transport; what it reads it judges as a warehouse would, by what it needs
//! to ship.

pub mod reports;

use std::fmt;

use crossdock_sdk::{
    Decimal,
    x12::{
        Input, Reader, envelope,
        segment::Segment,
        separators::SeparatorsError,
        value::{Date, Time},
        writer::{GroupStart, InterchangeStart, Style, Usage, WriteError, Writer, date},
    },
};

use crate::clock::Timestamp;

/// GS08 of everything a warehouse here writes.
const VERSION: &str = "004010";

/// GS1 company prefix of the labels, from the range kept for examples.
const SSCC_PREFIX: &str = "0952110";

/// One file, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// ISA13.
    pub interchange: String,
    /// In their order.
    pub groups: Vec<Group>,
}

/// One functional group, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// GS01, `OW` for 940s.
    pub functional_id: String,
    /// GS06.
    pub control: String,
    /// In their order.
    pub sets: Vec<Set>,
}

/// One transaction set, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// ST01.
    pub kind: String,
    /// ST02.
    pub control: String,
    /// What it says, or why that can't be used.
    pub content: Result<Content, String>,
}

/// What a transaction set says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// 940: ship this.
    Release(Release),
    /// 997: what became of a group that was sent.
    Acknowledgement(Acknowledgement),
}

/// The instruction to ship an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// W05-02.
    pub order_no: String,
    /// W05-01.
    pub purpose: Purpose,
    /// Name, street, city, region and postal code of N1*ST.
    pub ship_to: ShipTo,
    /// LX loops.
    pub lines: Vec<ReleaseLine>,
}

/// What a release does to an earlier one. X12 element 473.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// N.
    New,
    /// R.
    Change,
    /// F.
    Cancel,
}

/// Where the goods go. Empty where the release does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShipTo {
    name: String,
    street: String,
    city: String,
    region: String,
    postal_code: String,
}

/// One line of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseLine {
    /// N9*LI, or LX-01.
    pub number: String,
    /// W01-01.
    pub pieces: u64,
    /// W01-02.
    pub unit: String,
    /// W01-05 where W01-04 says that it is a SKU.
    pub sku: String,
}

/// What the other side says of a group that was sent to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// AK1-02.
    pub group: String,
    /// AK9-01: A, E, P or R.
    pub verdict: String,
    /// AK2-02 and AK5-01 of each set that is named.
    pub sets: Vec<(String, String)>,
}

/// Goods on their way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipment {
    /// W06-04.
    pub number: String,
    /// W06-02.
    pub order_no: String,
    /// N1*ST.
    pub ship_to: ShipTo,
    /// LX loops.
    pub lines: Vec<ShippedLine>,
    /// The number on the parcel's label, from which its SSCC is made.
    pub label: u32,
    /// Whether the quantities are printed as words: a defect that the receiver has
    /// to find.
    pub misprinted: bool,
}

/// One line of a shipment: `shipped` is at most `ordered`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShippedLine {
    /// N9*LI.
    pub number: String,
    /// W12-02.
    pub ordered: u64,
    /// W12-03.
    pub shipped: u64,
    /// W12-05.
    pub unit: String,
    /// W12-08.
    pub sku: String,
}

/// Who writes to whom, under which number, and when.
#[derive(Clone, Copy, Debug)]
pub struct Heading<'a> {
    /// ISA06 and GS02, qualifier ZZ.
    pub sender: &'a str,
    /// ISA08 and GS03, qualifier ZZ.
    pub receiver: &'a str,
    /// ISA13 and GS06: each file has one group.
    pub number: u32,
    /// ISA09, GS04 and the day of the shipment, in UTC.
    pub at: Timestamp,
}

// === reading ===

/// Reads a file. What is wrong with one set is said there and leaves the others
/// alone.
pub fn read(file: &[u8]) -> Result<Received, SeparatorsError> {
    let input = Input::new(file);
    let mut received = Received {
        interchange: String::new(),
        groups: Vec::new(),
    };
    for interchange in Reader::new(&input)?.interchanges() {
        if let Some(header) = &interchange.header {
            received.interchange = header.control_number().into_owned();
        }
        received.groups.extend(interchange.groups.iter().map(group));
    }
    Ok(received)
}

fn group(group: &envelope::Group<'_>) -> Group {
    let header = group.header.as_ref();
    Group {
        functional_id: header.map_or_else(String::new, |it| it.functional_id().into_owned()),
        control: header.map_or_else(String::new, |it| it.control_number().into_owned()),
        sets: group.sets.iter().map(set).collect(),
    }
}

fn set(set: &envelope::TransactionSet<'_>) -> Set {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let content = match set.findings().iter().find(|finding| finding.rejects()) {
        Some(finding) => Err(finding.text.clone()),
        None if set.is("940") => release(set).map(Content::Release),
        None if set.is("997") => acknowledgement(set).map(Content::Acknowledgement),
        None => Err(format!("no use for a {}", text(set.id()))),
    };
    Set {
        kind: text(set.id()),
        control: text(set.control_number()),
        content,
    }
}

fn release(set: &envelope::TransactionSet<'_>) -> Result<Release, String> {
    let mut release = Release {
        order_no: String::new(),
        purpose: Purpose::New,
        ship_to: ShipTo::default(),
        lines: Vec::new(),
    };
    let mut at_ship_to = false;
    let mut line_number = String::new();
    for segment in set.segments() {
        let text = |number| segment.text(number).trim().to_owned();
        match segment.id() {
            b"W05" => {
                release.purpose = purpose(&text(1))?;
                release.order_no = text(2);
            }
            b"N1" => {
                at_ship_to = segment.text(1) == "ST";
                if at_ship_to {
                    release.ship_to.name = text(2);
                }
            }
            b"N3" if at_ship_to => release.ship_to.street = text(1),
            b"N4" if at_ship_to => {
                release.ship_to.city = text(1);
                release.ship_to.region = text(2);
                release.ship_to.postal_code = text(3);
            }
            b"LX" => line_number = text(1),
            b"W01" => release.lines.push(release_line(&segment, &line_number)?),
            b"N9" if segment.text(1) == "LI" => {
                if let Some(line) = release.lines.last_mut() {
                    line.number = text(2);
                }
            }
            _ => {}
        }
    }
    if release.order_no.is_empty() {
        return Err("a release without a W05-02 order number".to_owned());
    }
    if release.lines.is_empty() && release.purpose != Purpose::Cancel {
        return Err(format!("order {} releases nothing", release.order_no));
    }
    Ok(release)
}

fn purpose(code: &str) -> Result<Purpose, String> {
    match code {
        "N" => Ok(Purpose::New),
        "R" => Ok(Purpose::Change),
        "F" => Ok(Purpose::Cancel),
        _ => Err(format!("no use for a release with W05-01 {code:?}")),
    }
}

fn release_line(segment: &Segment<'_>, number: &str) -> Result<ReleaseLine, String> {
    let text = segment.text(1);
    let pieces = text.trim().parse::<Decimal>().ok();
    let pieces = pieces
        .and_then(|it| u64::try_from(it.to_integer()?).ok())
        .ok_or_else(|| format!("W01-01 {text:?} is not a number of pieces"))?;
    // Qualifier and number come in pairs.
    let sku = [4, 6, 15]
        .into_iter()
        .find(|pair| segment.text(*pair) == "SK")
        .map(|pair| segment.text(pair + 1).trim().to_owned());
    Ok(ReleaseLine {
        number: number.to_owned(),
        pieces,
        unit: segment.text(2).trim().to_owned(),
        sku: sku.ok_or("a W01 without a SKU (qualifier SK)")?,
    })
}

fn acknowledgement(set: &envelope::TransactionSet<'_>) -> Result<Acknowledgement, String> {
    let mut acknowledgement = Acknowledgement {
        group: String::new(),
        verdict: String::new(),
        sets: Vec::new(),
    };
    for segment in set.segments() {
        let text = |number| segment.text(number).trim().to_owned();
        match segment.id() {
            b"AK1" => acknowledgement.group = text(2),
            b"AK2" => acknowledgement.sets.push((text(2), String::new())),
            b"AK5" => {
                if let Some((_, verdict)) = acknowledgement.sets.last_mut() {
                    *verdict = text(1);
                }
            }
            b"AK9" => acknowledgement.verdict = text(1),
            _ => {}
        }
    }
    if acknowledgement.verdict.is_empty() {
        return Err("a 997 without AK9".to_owned());
    }
    Ok(acknowledgement)
}

// === writing ===

/// The 997 for a group that was received.
pub fn write_acknowledgement(heading: &Heading<'_>, group: &Group) -> Result<Vec<u8>, WriteError> {
    let good = group.sets.iter().filter(|set| set.content.is_ok()).count();
    let verdict = match good {
        0 => "R",
        _ if good == group.sets.len() => "A",
        _ => "P",
    };
    let (received, accepted) = (group.sets.len().to_string(), good.to_string());
    write("FA", heading, |writer| {
        writer.begin_set("997", "0001", None)?;
        writer.segment("AK1", &[&group.functional_id, &group.control])?;
        for set in &group.sets {
            writer.segment("AK2", &[&set.kind, &set.control])?;
            // 5: one or more segments in error.
            let verdict: &[&str] = if set.content.is_ok() {
                &["A"]
            } else {
                &["R", "5"]
            };
            writer.segment("AK5", verdict)?;
        }
        writer.segment("AK9", &[verdict, &received, &received, &accepted])?;
        writer.end_set()
    })
}

/// One file with a 945 for each shipment.
pub fn write_shipments(
    heading: &Heading<'_>,
    shipments: &[Shipment],
) -> Result<Vec<u8>, WriteError> {
    write("SW", heading, |writer| {
        for (index, shipment) in shipments.iter().enumerate() {
            writer.begin_set("945", &format!("{:04}", index + 1), None)?;
            write_shipment(writer, heading, shipment)?;
            writer.end_set()?;
        }
        Ok(())
    })
}

fn write_shipment(
    writer: &mut Writer,
    heading: &Heading<'_>,
    shipment: &Shipment,
) -> Result<(), WriteError> {
    let (today, _) = day_and_time(heading.at);
    let today = date(today);
    let ship_to = &shipment.ship_to;
    writer.segment("W06", &["F", &shipment.order_no, &today, &shipment.number])?;
    writer.segment("N1", &["ST", &ship_to.name])?;
    if !ship_to.street.is_empty() {
        writer.segment("N3", &[&ship_to.street])?;
    }
    if !ship_to.city.is_empty() {
        writer.segment(
            "N4",
            &[&ship_to.city, &ship_to.region, &ship_to.postal_code],
        )?;
    }
    writer.segment("N9", &["BM", &format!("BOL-{}", shipment.number)])?;
    // 11: shipped on this date.
    writer.segment("G62", &["11", &today])?;
    writer.segment("W27", &["M", "XMPL"])?;
    for (index, line) in shipment.lines.iter().enumerate() {
        writer.segment("LX", &[&(index + 1).to_string()])?;
        if line.shipped > 0 {
            writer.segment("MAN", &["GM", &sscc(shipment.label)])?;
        }
        let code = match line.shipped {
            0 => "OR",
            all if all == line.ordered => "CC",
            _ => "CP",
        };
        let shipped = if shipment.misprinted {
            "A DOZEN".to_owned()
        } else {
            line.shipped.to_string()
        };
        let short = line.ordered - line.shipped;
        let [ordered, short] = [line.ordered, short].map(|it| it.to_string());
        writer.segment(
            "W12",
            &[
                code, &ordered, &shipped, &short, &line.unit, "", "SK", &line.sku,
            ],
        )?;
        writer.segment("N9", &["LI", &line.number])?;
    }
    let total: u64 = shipment.lines.iter().map(|line| line.shipped).sum();
    writer.segment("W03", &[&total.to_string()])
}

/// An interchange with one group around what `sets` writes.
fn write(
    functional_id: &str,
    heading: &Heading<'_>,
    sets: impl FnOnce(&mut Writer) -> Result<(), WriteError>,
) -> Result<Vec<u8>, WriteError> {
    let Heading {
        sender,
        receiver,
        number,
        at,
    } = *heading;
    let (date, time) = day_and_time(at);
    let mut writer = Writer::new(Style::default())?;
    let usage = Usage::Test;
    let (from, to) = (("ZZ", sender), ("ZZ", receiver));
    writer.begin_interchange(&InterchangeStart::new(
        from, to, date, time, "00401", number, usage,
    ))?;
    writer.begin_group(&GroupStart {
        functional_id,
        sender,
        receiver,
        date,
        time,
        control_number: number,
        version: VERSION,
    })?;
    sets(&mut writer)?;
    writer.end_group()?;
    writer.end_interchange()?;
    writer.finish()
}

/// Day and time in UTC; the first moment of 1970 for what no calendar has.
fn day_and_time(at: Timestamp) -> (Date, Time) {
    let moment = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    let local = moment.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let small = |value: i8| value.unsigned_abs();
    let date = Date {
        year: local.year().unsigned_abs(),
        month: small(local.month()),
        day: small(local.day()),
    };
    let time = Time {
        hour: small(local.hour()),
        minute: small(local.minute()),
        second: small(local.second()),
        hundredths: 0,
    };
    (date, time)
}

/// The serial shipping container code of a label: 18 digits.
fn sscc(label: u32) -> String {
    let digits = format!("0{SSCC_PREFIX}{:09}", label % 1_000_000_000);
    let check = check_digit(&digits);
    format!("{digits}{check}")
}

/// What GS1 puts behind a number: the digits, weighted 3 and 1 in turn from the
/// right, and this one make a multiple of ten (GS1 General Specifications, 7.9).
fn check_digit(digits: &str) -> u32 {
    let weights = [3, 1].into_iter().cycle();
    let sum: u32 = digits
        .bytes()
        .rev()
        .zip(weights)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    (10 - sum % 10) % 10
}

// === impl Purpose ===

impl fmt::Display for Purpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::New => "new",
            Self::Change => "change",
            Self::Cancel => "cancel",
        })
    }
}

// === impl Release ===

impl Release {
    /// Pieces of all lines.
    pub fn pieces(&self) -> u64 {
        let pieces = self.lines.iter().map(|line| line.pieces);
        pieces.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_772_357_400_000);

    const RELEASE: &str = "ISA*00*          *00*          *ZZ*ACME           *ZZ*NORTH          *260301*0930*U*00401*000000007*0*T*>~\
        GS*OW*ACME*NORTH*20260301*0930*7*X*004010~ST*940*0001~W05*N*SO-7~N1*ST*Lake Shop~N3*1 Pier~\
        N4*Duluth*MN*55802~LX*1~W01*12*EA**SK*KETTLE~N9*LI*10~LX*2~W01*3*EA**UP*012345678905*SK*MUG~\
        SE*10*0001~ST*940*0002~W05*N*SO-8~LX*1~W01*many*EA**SK*MUG~SE*5*0002~GE*2*7~IEA*1*000000007~";

    fn heading() -> Heading<'static> {
        Heading {
            sender: "NORTH",
            receiver: "ACME",
            number: 41,
            at: AT,
        }
    }

    fn shipment() -> Shipment {
        Shipment {
            number: "N-1".to_owned(),
            order_no: "SO-7".to_owned(),
            ship_to: ShipTo {
                name: "Lake Shop".to_owned(),
                ..ShipTo::default()
            },
            lines: vec![ShippedLine {
                number: "10".to_owned(),
                ordered: 12,
                shipped: 8,
                unit: "EA".to_owned(),
                sku: "KETTLE".to_owned(),
            }],
            label: 17,
            misprinted: false,
        }
    }

    #[test]
    fn reads_a_release_and_refuses_its_broken_neighbour() {
        let received = read(RELEASE.as_bytes()).unwrap();
        assert_eq!(received.interchange, "000000007");
        let [group] = &received.groups[..] else {
            panic!("{received:?}")
        };
        let [good, bad] = &group.sets[..] else {
            panic!("{group:?}")
        };
        let Ok(Content::Release(release)) = &good.content else {
            panic!("{good:?}")
        };
        assert_eq!(
            (release.order_no.as_str(), release.purpose, release.pieces()),
            ("SO-7", Purpose::New, 15)
        );
        assert_eq!(release.ship_to.region, "MN");
        let lines: Vec<_> = release
            .lines
            .iter()
            .map(|it| (it.number.as_str(), it.sku.as_str()))
            .collect();
        assert_eq!(lines, [("10", "KETTLE"), ("2", "MUG")]);
        assert_eq!(
            bad.content,
            Err("W01-01 \"many\" is not a number of pieces".to_owned())
        );
    }

    #[test]
    fn acknowledges_each_set_by_itself() {
        let received = read(RELEASE.as_bytes()).unwrap();
        let written = write_acknowledgement(&heading(), &received.groups[0]).unwrap();
        let read = read(&written).unwrap();
        let Ok(Content::Acknowledgement(it)) = &read.groups[0].sets[0].content else {
            panic!("{read:?}")
        };
        assert_eq!((it.group.as_str(), it.verdict.as_str()), ("7", "P"));
        let sets: Vec<_> = it
            .sets
            .iter()
            .map(|(set, verdict)| (set.as_str(), verdict.as_str()))
            .collect();
        assert_eq!(sets, [("0001", "A"), ("0002", "R")]);
    }

    #[test]
    fn writes_945s_that_the_tokenizer_finds_nothing_wrong_with() {
        let misprinted = Shipment {
            misprinted: true,
            ..shipment()
        };
        let written = write_shipments(&heading(), &[shipment(), misprinted]).unwrap();
        let input = Input::new(&written);
        let interchanges: Vec<_> = Reader::new(&input).unwrap().interchanges().collect();
        let [interchange] = &interchanges[..] else {
            panic!("{interchanges:?}")
        };
        assert_eq!(interchange.findings().count(), 0);
        assert_eq!(interchange.groups[0].findings().count(), 0);
        assert!(
            interchange
                .sets()
                .all(|set| set.findings().is_empty() && set.is("945"))
        );
        let text = String::from_utf8(written.clone()).unwrap();
        assert!(text.contains("~W06*F*SO-7*20260301*N-1~"), "{text}");
        assert!(
            text.contains("~W12*CP*12*8*4*EA**SK*KETTLE~N9*LI*10~"),
            "{text}"
        );
        assert!(
            text.contains("~W12*CP*12*A DOZEN*4*EA**SK*KETTLE~"),
            "{text}"
        );
    }

    #[test]
    fn a_label_has_the_check_digit_of_gs1() {
        // Both are examples of GS1's own pages.
        assert_eq!(check_digit("10614141234567890"), 8);
        assert_eq!(check_digit("00614141123456789"), 0);
        assert_eq!(sscc(17).len(), 18);
    }
}
