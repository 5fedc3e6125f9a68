//! Shipments as IDocs: confirmations (SHPCON) in DELVRY07, as SAP's port writes them.

use crate::x12::sscc;

/// A message of deliveries.
pub(crate) fn message(deliveries: &[String]) -> Vec<u8> {
    format!("<DELVRY07>{}</DELVRY07>", deliveries.concat()).into_bytes()
}

/// A confirmation with so many items, each in a carton of its own.
pub(crate) fn delivery(lines: usize, number: usize) -> String {
    let items: String = (1..=lines).map(item).collect();
    let cartons: String = (1..=lines).map(|line| carton(number, line)).collect();
    format!(
        "<IDOC BEGIN=\"1\"><EDI_DC40 SEGMENT=\"1\"><TABNAM>EDI_DC40</TABNAM><MANDT>100</MANDT>\
         <DOCNUM>{number:016}</DOCNUM><STATUS>30</STATUS><DIRECT>2</DIRECT>\
         <IDOCTYP>DELVRY07</IDOCTYP><MESTYP>SHPCON</MESTYP><SNDPOR>SAPS4H</SNDPOR>\
         <SNDPRT>LS</SNDPRT><SNDPRN>S4HCLNT100</SNDPRN><RCVPOR>CROSSDOCK</RCVPOR>\
         <RCVPRT>LS</RCVPRT><RCVPRN>CROSSDOCK</RCVPRN><CREDAT>20260301</CREDAT>\
         <CRETIM>093000</CRETIM></EDI_DC40><E1EDL20 SEGMENT=\"1\"><VBELN>{number:010}</VBELN>\
         <VSTEL>NDK1</VSTEL><BTGEW>250.000</BTGEW><GEWEI>LBR</GEWEI><BOLNR>BOL778812</BOLNR>\
         <E1EDL18 SEGMENT=\"1\"><QUALF>PGI</QUALF></E1EDL18><E1ADRM1 SEGMENT=\"1\">\
         <PARTNER_Q>WE</PARTNER_Q><PARTNER_ID>0017100007</PARTNER_ID>\
         <NAME1>Harbour Street Store</NAME1><STREET1>12 Harbour Street</STREET1>\
         <POSTL_COD1>97201</POSTL_COD1><CITY1>Portland</CITY1><COUNTRY1>US</COUNTRY1>\
         <REGION>OR</REGION></E1ADRM1><E1EDT13 SEGMENT=\"1\"><QUALF>006</QUALF>\
         <NTANF>20260301</NTANF><NTANZ>093000</NTANZ></E1EDT13>{items}{cartons}</E1EDL20></IDOC>"
    )
}

fn item(line: usize) -> String {
    format!(
        "<E1EDL24 SEGMENT=\"1\"><POSNR>{:06}</POSNR><MATNR>{line:018}</MATNR>\
         <ARKTX>Lantern, storm</ARKTX><WERKS>1710</WERKS><LGORT>171A</LGORT>\
         <CHARG>LOT{line:04}</CHARG><LFIMG>24.000</LFIMG><VRKME>PCE</VRKME>\
         <LGMNG>24.000</LGMNG><MEINS>PCE</MEINS><BRGEW>12.500</BRGEW><GEWEI>LBR</GEWEI>\
         <ORMNG>24.000</ORMNG><VGBEL>0000100200</VGBEL><VGPOS>{:06}</VGPOS></E1EDL24>",
        line * 10,
        line * 10,
    )
}

fn carton(number: usize, line: usize) -> String {
    format!(
        "<E1EDL37 SEGMENT=\"1\"><EXIDV>00{}</EXIDV><E1EDL44 SEGMENT=\"1\"><VELIN>1</VELIN>\
         <POSNR>{:06}</POSNR><VEMNG>24.000</VEMNG><VEMEH>PCE</VEMEH></E1EDL44></E1EDL37>",
        sscc(number * 1_000 + line),
        line * 10,
    )
}
