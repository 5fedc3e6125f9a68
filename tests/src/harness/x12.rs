//! What a warehouse with the adapter `x12-3pl` writes, and the drop folder it writes to.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Folder, Host, Site, text, until};

/// With a warehouse in the north that speaks X12 through a drop folder, and that is to
/// acknowledge orders.
#[must_use]
pub fn spoken(site: Site) -> Site {
    site.set("partners.north.endpoint", toml::Table::new())
        .folder("north")
        .set("partners.north.adapter", "x12-3pl")
        .set("partners.north.settings.sender-id", "US")
        .set("partners.north.settings.receiver-id", "NORTH")
        .set("partners.north.expects_acknowledgement", vec!["order"])
}

/// An interchange of the warehouse with one group of one transaction set.
///
/// # Panics
/// Never: memory can be written.
#[must_use]
pub fn interchange(number: u32, functional_id: &str, set: &str, segments: &[String]) -> String {
    let mut body = format!(
        "ISA*00*          *00*          *ZZ*NORTH          *ZZ*US             *260301*1200*U*00401*{number:09}*0*P*>~\
         GS*{functional_id}*NORTH*US*20260301*1200*{number}*X*004010~ST*{set}*0001~"
    );
    for segment in segments {
        write!(body, "{segment}~").expect("memory can be written");
    }
    write!(
        body,
        "SE*{}*0001~GE*1*{number}~IEA*1*{number:09}~",
        segments.len() + 2
    )
    .expect("memory can be written");
    body
}

/// A 997 about the delivery of that control number: `A` or `R`.
#[must_use]
pub fn answer(number: u32, control_number: u64, verdict: &str) -> String {
    let accepted = u8::from(verdict == "A");
    let segments = [
        format!("AK1*OW*{control_number}"),
        format!("AK2*940*{control_number:04}"),
        format!("AK5*{verdict}"),
        format!("AK9*{verdict}*1*1*{accepted}"),
    ];
    interchange(number, "FA", "997", &segments)
}

/// A 945 about an order of twelve cases.
#[must_use]
pub fn shipment(number: u32, order_no: &str) -> String {
    shipment_of(12, number, order_no)
}

/// A 945 about an order of so many cases, as it says.
#[must_use]
pub fn shipment_of(count: u32, number: u32, order_no: &str) -> String {
    let line = format!("W12*CC*{count}*{count}*0*CA**SK*TEA-GREEN-20");
    leaving(line, count, number, order_no)
}

/// A 945 that says that nothing leaves of an order of twelve cases.
#[must_use]
pub fn shipment_of_nothing(number: u32, order_no: &str) -> String {
    let line = "W12*CU*12*0*12*CA**SK*TEA-GREEN-20".to_owned();
    leaving(line, 0, number, order_no)
}

/// A 945 with this line, of which so many cases leave.
fn leaving(line: String, count: u32, number: u32, order_no: &str) -> String {
    let segments = [
        format!("W06*F*{order_no}*20260302*SHP-{order_no}"),
        "N1*ST*Lakeside Grocers*92*LAKE".to_owned(),
        "G62*11*20260302".to_owned(),
        "W27*LT*NDFL".to_owned(),
        "LX*1".to_owned(),
        line,
        "N9*LI*1".to_owned(),
        format!("W03*{count}"),
    ];
    interchange(number, "SW", "945", &segments)
}

/// Puts a file into the inbox and waits until its message is decoded; gives what is told
/// of it.
pub async fn put(host: &Host, folder: &Folder, name: &str, body: &str) -> Value {
    let before = host.api().messages().await.len();
    folder.put(name, body.as_bytes());
    let id = until(format!("{name} to be taken"), async || {
        let messages = host.api().messages().await;
        let newest = messages.first().cloned().unwrap_or_default();
        if messages.len() == before || newest["validation"] == "received" {
            return Err(newest.to_string());
        }
        Ok(text(&newest["id"]).to_owned())
    })
    .await;
    host.api().settled(&id).await
}
