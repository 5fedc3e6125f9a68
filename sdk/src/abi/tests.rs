//! Values that cross the border come out as they went in, and lie as they must.

use std::fmt::Debug;

use super::*;
use crate::{
    Blame, Decimal, Decoded, Document, ElementPlace, Envelope, EnvelopeKind, Exchange,
    FunctionalAcknowledgement, ItemId, Moment, Order, OrderLine, Outcome, Place, PollStep, Polled,
    PolledMessage, Problem, Purpose, Quantity, Reply, Request, Response, SetNote, Shipment,
    ShipmentStatus, Source, Step, Verdict,
};

#[track_caller]
fn crosses<T: Abi + Clone + PartialEq + Debug>(value: &T) {
    let layout = block::<T>(1);
    let memory = allocate(layout);
    // A clone's texts have blocks of exactly the size that they are loaded with. Those
    // of its lists, larger than what is stored in them, stay behind.
    let mut stored = mem::ManuallyDrop::new(value.clone());
    // SAFETY: the memory was made for the value; it is stored before it is loaded.
    let back = unsafe {
        stored.store(memory);
        let back: T = take(memory);
        if layout.size() > 0 {
            dealloc(memory, layout);
        }
        back
    };
    assert_eq!(&back, value);
}

/// The offsets that the specification gives for 32-bit pointers, scaled to the
/// target's.
#[test]
fn records_and_variants_lie_as_specified() {
    const POINTER: usize = size_of::<usize>();
    let shape = |size, align| Shape { size, align };
    assert_eq!(Decimal::SHAPE, shape(16, 8));
    assert_eq!(Quantity::SHAPE, shape(16 + 2 * POINTER, 8));
    assert_eq!(Option::<u8>::SHAPE, shape(2, 1));
    assert_eq!(Option::<Decimal>::SHAPE, shape(24, 8));
    assert_eq!(Option::<String>::SHAPE, shape(3 * POINTER, POINTER));
    assert_eq!(Purpose::SHAPE, shape(3 * POINTER, POINTER));
    assert_eq!(<(String, String)>::SHAPE, shape(4 * POINTER, POINTER));
    assert_eq!(Moment::SHAPE, shape(6 * POINTER, POINTER));
    assert_eq!(
        Record::new([u8::SHAPE, u32::SHAPE, u16::SHAPE]).offsets,
        [0, 4, 8]
    );
    assert_eq!(Variant::new([<()>::SHAPE, u64::SHAPE]).payload, 8);
    assert_eq!(Variant::new([<()>::SHAPE, bool::SHAPE]).payload, 1);
}

#[test]
fn simple_values_cross() {
    crosses(&String::new());
    crosses(&"ünïcode".to_owned());
    crosses(&Vec::<u8>::new());
    crosses(&vec![0_u8, 255, 7]);
    crosses(&vec![Some(1_u32), None]);
    crosses(&Some(u64::MAX));
    crosses(&Some(i64::MIN));
    crosses(&vec![
        ("a".to_owned(), String::new()),
        (String::new(), "b".to_owned()),
    ]);
    crosses(&Result::<Vec<bool>, u16>::Ok(vec![true, false]));
    crosses(&Result::<Vec<bool>, u16>::Err(9));
    crosses(&());
}

#[test]
fn documents_cross() {
    let mut order = Order::new("SO-1");
    order.purpose = Purpose::Other("ZZ".to_owned());
    order.requested_ship = Some(Moment::local("2026-03-01").with_raw("260301"));
    let quantity = Quantity::new(
        Decimal {
            coefficient: -1250,
            scale: 2,
        },
        "KGM",
    );
    order.lines = vec![OrderLine::new("1", quantity, vec![ItemId::sku("TEA")]); 3];
    order.extras = vec![("a".to_owned(), "b".to_owned())];
    crosses(&Document::Order(order.clone()));
    let shipped_at = Moment::zoned("2026-03-01T09:30:00Z");
    let mut shipment = Shipment::new("SH-1", "SO-1", ShipmentStatus::Complete, shipped_at);
    shipment.total_shipped = Some(Decimal::whole(7));
    crosses(&Document::Shipment(shipment));
    let mut acknowledgement = FunctionalAcknowledgement::new("SW", "1", Verdict::Accepted);
    acknowledgement.sets = vec![SetNote::new("945", "0001", Verdict::PartiallyAccepted)];
    crosses(&Document::FunctionalAcknowledgement(
        acknowledgement.clone(),
    ));

    let place = ElementPlace {
        segment: "W12".to_owned(),
        ordinal: 4,
        element: Some(3),
        component: None,
        offset: 99,
    };
    let problem = Problem::new(Blame::Adapter, "bad", "no").at(Place::Element(place));
    let mut decoded = Decoded::default();
    decoded.push(Document::Order(order), Source::new("x12", 0));
    decoded.refuse(
        vec![problem.clone(), problem.clone()],
        Source::new("x12", 1),
    );
    decoded.acknowledgements = vec![acknowledgement];
    let group = EnvelopeKind::Group("SW".to_owned());
    decoded.envelopes = vec![
        Envelope::new(EnvelopeKind::Interchange, "ZZ:A", "ZZ:B", "000000012", 3),
        Envelope::new(group, "A", "B", "12", 110),
    ];
    decoded.reply = Some(Reply::new(200, "text/plain", "ok"));
    crosses(&Result::<Decoded, Problem>::Ok(decoded));
    crosses(&Result::<Decoded, Problem>::Err(problem));
}

#[test]
fn conversations_cross() {
    let request = Request::post("/a", "text/plain", vec![1, 2, 3]).with_header("x", "y");
    crosses(&Step::Send(request.clone()));
    crosses(&Step::Done(None));
    let message = PolledMessage::new("application/json", "[]").with_header("a", "b");
    let polled = Polled::new(vec![message], Some("17".to_owned())).and_more();
    crosses(&PollStep::Messages(polled));
    crosses(&PollStep::Send(request.clone()));
    crosses(&Step::AlreadyDone(Some("X-1".to_owned())));
    let response = Response {
        status: 503,
        headers: Vec::new(),
        body: Vec::new(),
    };
    crosses(&vec![
        Exchange::new(request.clone(), Outcome::Response(response)),
        Exchange::new(request, Outcome::Stored("f".to_owned())),
    ]);
}
