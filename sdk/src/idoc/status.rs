//! What became of an IDoc: SAP's status codes.
//!
//! The list is table TEDS1 as SAP's users publish it (for one, the list that
//! `abapcode.info` and `erpgenie.com` repeat alike). Codes below 50 are of the system
//! that sent the IDoc, or of an EDI subsystem between; codes from 50 are of the system
//! that received it.

/// What a status means for the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is decided yet: it waits or is on its way.
    Underway,
    /// The other side has posted it.
    Posted,
    /// Posted in part, or in spite of errors.
    PostedWithErrors,
    /// Refused or broken; somebody there must act.
    Failed,
}

/// What a status means; absent for a code that the list does not have.
pub fn progress(status: &str) -> Option<Progress> {
    Some(match status {
        "01" | "03" | "06" | "08" | "10" | "12" | "13" | "14" | "18" | "19" | "22" | "24"
        | "30" | "32" | "33" | "35" | "38" | "39" | "42" | "50" | "55" | "58" | "62" | "64"
        | "66" | "69" | "70" | "71" | "73" | "74" | "75" => Progress::Underway,
        "16" | "41" | "53" => Progress::Posted,
        "25" | "52" | "61" => Progress::PostedWithErrors,
        "02" | "04" | "05" | "07" | "09" | "11" | "15" | "17" | "20" | "21" | "23" | "26"
        | "27" | "29" | "31" | "34" | "36" | "37" | "40" | "51" | "54" | "56" | "57" | "60"
        | "63" | "65" | "68" => Progress::Failed,
        _ => return None,
    })
}

/// The status in words, where they help a person.
pub fn words(status: &str) -> Option<&'static str> {
    Some(match status {
        "16" => "functional acknowledgement positive",
        "17" => "functional acknowledgement negative",
        "39" => "in the receiving system",
        "40" => "application document not created in the receiving system",
        "41" => "application document created in the receiving system",
        "50" => "added",
        "51" => "application document not posted",
        "52" => "application document not fully posted",
        "53" => "application document posted",
        "54" => "error during formal application check",
        "56" => "added with errors",
        "60" => "error during syntax check",
        "61" => "processed despite syntax error",
        "62" => "passed to the application",
        "63" => "error passing it to the application",
        "64" => "ready to be passed to the application",
        "65" => "error in ALE service",
        "66" => "waiting for a predecessor",
        "68" => "error, no further processing",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_one_list() {
        let known = (0..100).filter(|code| progress(&format!("{code:02}")).is_some());
        assert_eq!(known.count(), 64);
        assert_eq!(progress("53"), Some(Progress::Posted));
        assert_eq!(progress("51"), Some(Progress::Failed));
        assert_eq!(progress("64"), Some(Progress::Underway));
        assert_eq!(progress("99"), None);
        for code in (0..100).map(|code| format!("{code:02}")) {
            assert!(
                words(&code).is_none() || progress(&code).is_some(),
                "{code}"
            );
        }
    }
}
