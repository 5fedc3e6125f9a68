//! What a warehouse tells unasked: what lies on its shelves (846), and what came back
//! (944).

use crossdock_sdk::x12::writer::{WriteError, Writer, date};

use super::{Heading, day_and_time, write};

/// What lies on a shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// LIN-03 behind `SK`.
    pub sku: String,
    /// QTY-02 behind `17`, on hand.
    pub pieces: u64,
}

/// Goods that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// W17-03.
    pub number: String,
    /// N9*RZ: the permission that the customer named; absent where he named none.
    pub rma_no: Option<String>,
    /// W07 loops: what came, all of it as good as new.
    pub items: Vec<Shelf>,
}

/// An 846 with all shelves.
///
/// # Errors
/// When a number can't be written.
pub fn write_stock(heading: &Heading<'_>, shelves: &[Shelf]) -> Result<Vec<u8>, WriteError> {
    write("IB", heading, |writer| {
        writer.begin_set("846", "0001", None)?;
        let (day, time) = day_and_time(heading.at);
        let number = format!("STOCK-{}", heading.number);
        let time = format!("{:02}{:02}", time.hour, time.minute);
        writer.segment("BIA", &["00", "SI", &number, &date(day), &time])?;
        warehouse(writer, heading)?;
        for (index, shelf) in shelves.iter().enumerate() {
            let line = (index + 1).to_string();
            writer.segment("LIN", &[&line, "SK", &shelf.sku])?;
            writer.segment("QTY", &["17", &shelf.pieces.to_string(), "EA"])?;
        }
        writer.segment("CTT", &[&shelves.len().to_string()])?;
        writer.end_set()
    })
}

/// A 944 for goods that customers sent back.
///
/// # Errors
/// When a number can't be written.
pub fn write_receipt(heading: &Heading<'_>, receipt: &Receipt) -> Result<Vec<u8>, WriteError> {
    write("RE", heading, |writer| {
        writer.begin_set("944", "0001", None)?;
        let (today, _) = day_and_time(heading.at);
        // C: customer return.
        writer.segment("W17", &["C", &date(today), &receipt.number])?;
        warehouse(writer, heading)?;
        if let Some(rma_no) = &receipt.rma_no {
            writer.segment("N9", &["RZ", rma_no])?;
        }
        let mut total = 0_u64;
        for item in &receipt.items {
            total = total.saturating_add(item.pieces);
            let pieces = item.pieces.to_string();
            writer.segment("W07", &[&pieces, "EA", "", "SK", &item.sku])?;
        }
        writer.segment("W14", &[&total.to_string()])?;
        writer.end_set()
    })
}

fn warehouse(writer: &mut Writer, heading: &Heading<'_>) -> Result<(), WriteError> {
    // 91: a number that the depositor gave.
    writer.segment("N1", &["WH", heading.sender, "91", heading.sender])
}

#[cfg(test)]
mod tests {
    use crossdock_sdk::x12::{Input, Reader};

    use super::*;
    use crate::clock::Timestamp;

    fn heading() -> Heading<'static> {
        Heading {
            sender: "LAKES3PL",
            receiver: "ACMEDIST",
            number: 7,
            at: Timestamp::from_millis(1_772_357_400_000),
        }
    }

    fn shelf(sku: &str, pieces: u64) -> Shelf {
        Shelf {
            sku: sku.to_owned(),
            pieces,
        }
    }

    fn sound(file: &[u8]) -> String {
        let input = Input::new(file);
        for interchange in Reader::new(&input).unwrap().interchanges() {
            assert_eq!(interchange.findings().count(), 0);
            assert!(interchange.sets().all(|set| set.findings().is_empty()));
        }
        String::from_utf8(file.to_vec()).unwrap()
    }

    #[test]
    fn stock_is_told_shelf_by_shelf() {
        let file = write_stock(&heading(), &[shelf("KETTLE", 0), shelf("MUG", 38)]).unwrap();
        let text = sound(&file);
        assert!(text.contains("~BIA*00*SI*STOCK-7*20260301*0930~"), "{text}");
        assert!(text.contains("~LIN*1*SK*KETTLE~QTY*17*0*EA~"), "{text}");
        assert!(text.contains("~QTY*17*38*EA~CTT*2~"), "{text}");
    }

    #[test]
    fn a_return_names_its_permission_if_there_is_one() {
        let mut receipt = Receipt {
            number: "RR-1".to_owned(),
            rma_no: Some("RMA-9".to_owned()),
            items: vec![shelf("MUG", 2)],
        };
        let text = sound(&write_receipt(&heading(), &receipt).unwrap());
        assert!(text.contains("~W17*C*20260301*RR-1~"), "{text}");
        assert!(
            text.contains("~N9*RZ*RMA-9~W07*2*EA**SK*MUG~W14*2~"),
            "{text}"
        );
        receipt.rma_no = None;
        let text = sound(&write_receipt(&heading(), &receipt).unwrap());
        assert!(!text.contains("~N9*"), "{text}");
    }
}
