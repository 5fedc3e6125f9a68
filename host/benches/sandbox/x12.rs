//! Shipments as X12 945.

/// An interchange of transactions.
pub(crate) fn interchange(transactions: &[String]) -> Vec<u8> {
    format!(
        "ISA*00*          *00*          *ZZ*NORTHWH        *ZZ*DEPOSITOR      *260301*0930*U*00401*000000101*0*P*>~\n\
         GS*SW*NORTHWH*DEPOSITOR*20260301*0930*101*X*004010~\n{}GE*{}*101~\nIEA*1*000000101~\n",
        transactions.concat(),
        transactions.len()
    )
    .into_bytes()
}

/// An SSCC with its check digit.
pub(crate) fn sscc(number: usize) -> String {
    let digits = format!("1{number:016}");
    let weighted = digits.bytes().rev().enumerate().map(|(place, byte)| {
        let digit = u32::from(byte - b'0');
        if place % 2 == 0 { digit * 3 } else { digit }
    });
    let sum: u32 = weighted.sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// A 945 with so many lines.
pub(crate) fn transaction(lines: usize, number: usize) -> String {
    let mut segments = vec![
        "W06*F*SO-100200*20260301*BOL778812**PO-55120".to_owned(),
        "N1*ST*HARBOUR STREET STORE*92*ST0417".to_owned(),
        "N3*12 HARBOUR STREET".to_owned(),
        "N4*PORTLAND*OR*97201*US".to_owned(),
        "N1*WH*NORTH WAREHOUSE*92*NW01".to_owned(),
        "N9*BM*BOL778812".to_owned(),
        "N9*CN*PRO4455667".to_owned(),
        "G62*11*20260301".to_owned(),
        "W27*LT*EXLA*EXAMPLE FREIGHT LINES*PP".to_owned(),
    ];
    for line in 1..=lines {
        segments.push(format!("LX*{line}"));
        segments.push(format!("MAN*GM*{}", sscc(number * 1_000 + line)));
        segments.push(format!(
            "W12*CC*24*24*0*EA**VN*SKU-{line:05}*LOT{line:04}*12.5*G*L"
        ));
        segments.push(format!("N9*LI*{line}"));
    }
    segments.push(format!("W03*{}*250*LB", 24 * lines));
    let body: String = segments
        .iter()
        .map(|segment| format!("{segment}~\n"))
        .collect();
    format!(
        "ST*945*{number:04}~\n{body}SE*{}*{number:04}~\n",
        segments.len() + 2
    )
}
