//! The code lists that acknowledgements are made of, as closed enums.
//!
//! Each list names its X12 data element. Meanings are in our own words. A value
//! outside the list is kept as `Other`, never refused: a partner's
//! acknowledgement must be readable even when it is from a later release.

use std::fmt;

/// A code that no list here knows: its first three bytes, the longest code any of
/// these data elements allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherCode {
    bytes: [u8; 3],
    length: u8,
}

impl OtherCode {
    /// Keeps the first three characters; what is not printable ASCII becomes `?`.
    pub fn new(code: &str) -> Self {
        let mut bytes = [0; 3];
        let mut length = 0;
        for (place, character) in bytes.iter_mut().zip(code.chars()) {
            let printable = character.is_ascii_graphic() || character == ' ';
            *place = if printable { character as u8 } else { b'?' };
            length += 1;
        }
        Self { bytes, length }
    }

    /// The code as received, cut to three characters.
    pub fn as_str(&self) -> &str {
        let used = self
            .bytes
            .get(..usize::from(self.length))
            .unwrap_or_default();
        std::str::from_utf8(used).unwrap_or_default()
    }
}

macro_rules! code_list {
    (
        $(#[$about:meta])*
        $name:ident { $( $variant:ident = $code:literal, $meaning:literal; )+ }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(
                #[doc = concat!("`", $code, "`: ", $meaning)]
                $variant,
            )+
            /// A value this list does not have.
            Other(OtherCode),
        }

        impl $name {
            /// Every value of the list, in its order; `Other` is not among them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value for a code; total, since an unknown code is kept as `Other`.
            pub fn from_code(code: &str) -> Self {
                match code {
                    $( $code => Self::$variant, )+
                    other => Self::Other(OtherCode::new(other)),
                }
            }

            /// The code as it travels.
            pub fn code(&self) -> &str {
                match self {
                    $( Self::$variant => $code, )+
                    Self::Other(other) => other.as_str(),
                }
            }

            /// What the code means, in English, without the code itself.
            pub fn meaning(&self) -> &'static str {
                match self {
                    $( Self::$variant => $meaning, )+
                    Self::Other(_) => "unknown code",
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} ({})", self.code(), self.meaning())
            }
        }
    };
}

code_list! {
    /// Functional group acknowledge code, AK9-01: X12 data element 715.
    GroupStatus {
        Accepted = "A", "accepted";
        AcceptedWithErrors = "E", "accepted, errors were noted";
        RejectedAuthentication = "M", "rejected, authentication failed";
        PartlyAccepted = "P", "partly accepted, at least one transaction set was rejected";
        Rejected = "R", "rejected";
        RejectedAssurance = "W", "rejected, assurance failed";
        RejectedDecryption = "X", "rejected, content could not be analysed after decryption";
    }
}

code_list! {
    /// Transaction set acknowledgement code, AK5-01 and IK5-01: X12 data element 717.
    SetStatus {
        Accepted = "A", "accepted";
        AcceptedWithErrors = "E", "accepted, errors were noted";
        RejectedAuthentication = "M", "rejected, authentication failed";
        Rejected = "R", "rejected";
        RejectedAssurance = "W", "rejected, assurance failed";
        RejectedDecryption = "X", "rejected, content could not be analysed after decryption";
    }
}

code_list! {
    /// Functional group syntax error code, AK9-05 to -09: X12 data element 716.
    ///
    /// In 004010 codes 19 to 22 stand for security segments (S1S to S2E); the
    /// meaning given to 19 here is that of 004050 and later.
    GroupError {
        Unsupported = "1", "functional group not supported";
        UnsupportedVersion = "2", "functional group version not supported";
        TrailerMissing = "3", "functional group trailer missing";
        ControlNumberMismatch = "4", "control numbers in group header and trailer do not agree";
        CountMismatch = "5", "number of included transaction sets does not match actual count";
        InvalidControlNumber = "6", "group control number violates syntax";
        AuthenticationKeyUnknown = "10", "authentication key name unknown";
        EncryptionKeyUnknown = "11", "encryption key name unknown";
        ServiceUnavailable = "12", "requested authentication or encryption not available";
        SecurityRecipientUnknown = "13", "unknown security recipient";
        SecurityOriginatorUnknown = "14", "unknown security originator";
        DecryptedSyntax = "15", "syntax error in decrypted text";
        SecurityUnsupported = "16", "security not supported";
        MessageLength = "17", "incorrect message length (encryption only)";
        MessageAuthenticationFailed = "18", "message authentication code failed";
        ControlNumberNotUnique = "19", "group control number not unique within interchange";
    }
}

code_list! {
    /// Transaction set syntax error code, AK5-02 to -06: X12 data element 718
    /// (618 in IK5 of a 999, the same values and more).
    SetError {
        Unsupported = "1", "transaction set not supported";
        TrailerMissing = "2", "transaction set trailer missing";
        ControlNumberMismatch = "3", "control numbers in header and trailer do not match";
        CountMismatch = "4", "number of included segments does not match actual count";
        SegmentsInError = "5", "one or more segments in error";
        InvalidIdentifier = "6", "missing or invalid transaction set identifier";
        InvalidControlNumber = "7", "missing or invalid transaction set control number";
        AuthenticationKeyUnknown = "8", "authentication key name unknown";
        EncryptionKeyUnknown = "9", "encryption key name unknown";
        ServiceUnavailable = "10", "requested authentication or encryption not available";
        SecurityRecipientUnknown = "11", "unknown security recipient";
        MessageLength = "12", "incorrect message length (encryption only)";
        MessageAuthenticationFailed = "13", "message authentication code failed";
        SecurityOriginatorUnknown = "15", "unknown security originator";
        DecryptedSyntax = "16", "syntax error in decrypted text";
        SecurityUnsupported = "17", "security not supported";
        NotInGroup = "18", "transaction set not in functional group";
        InvalidConvention = "19", "invalid implementation convention reference";
        ControlNumberNotUnique = "23", "control number not unique within the functional group";
        ImplementationErrors = "I5", "one or more implementation segments in error";
        ConventionUnsupported = "I6", "implementation convention not supported";
    }
}

code_list! {
    /// Segment syntax error code, AK3-04 to -08: X12 data element 720 (620 in IK3
    /// of a 999, which adds the values that begin with `I`).
    SegmentError {
        Unrecognized = "1", "unrecognized segment id";
        Unexpected = "2", "unexpected segment";
        MandatoryMissing = "3", "mandatory segment missing";
        LoopOverMaximum = "4", "loop occurs over maximum times";
        OverMaximumUse = "5", "segment exceeds maximum use";
        NotInSet = "6", "segment not in defined transaction set";
        OutOfSequence = "7", "segment not in proper sequence";
        ElementErrors = "8", "segment has data element errors";
        NotUsedPresent = "I4", "segment not used by the implementation is present";
        DependentMissing = "I6", "segment the implementation depends on is missing";
        LoopUnderMinimum = "I7", "loop occurs under the implementation's minimum";
        UnderMinimumUse = "I8", "segment below the implementation's minimum use";
        DependentNotUsedPresent = "I9", "dependent segment not used by the implementation is present";
    }
}

code_list! {
    /// Data element syntax error code, AK4-03: X12 data element 723 (621 in IK4 of
    /// a 999, which adds the values that begin with `I`).
    ///
    /// 12 and 13 exist since repeating elements do (004020); 004010 ends at 10.
    ElementError {
        MandatoryMissing = "1", "mandatory data element missing";
        ConditionalMissing = "2", "conditional required data element missing";
        TooMany = "3", "too many data elements";
        TooShort = "4", "data element too short";
        TooLong = "5", "data element too long";
        InvalidCharacter = "6", "invalid character in data element";
        InvalidCode = "7", "invalid code value";
        InvalidDate = "8", "invalid date";
        InvalidTime = "9", "invalid time";
        Exclusion = "10", "exclusion condition violated";
        TooManyRepetitions = "12", "too many repetitions";
        TooManyComponents = "13", "too many components";
        CodeNotUsed = "I6", "code value not used in the implementation";
        DependentMissing = "I9", "element the implementation depends on is missing";
        NotUsedPresent = "I10", "element not used by the implementation is present";
        TooFewRepetitions = "I11", "fewer repetitions than the implementation asks for";
        PatternMismatch = "I12", "pattern of the implementation does not match";
        DependentNotUsedPresent = "I13", "dependent element not used by the implementation is present";
    }
}

code_list! {
    /// Interchange acknowledgement code, TA1-04: X12 data element I17.
    InterchangeStatus {
        Accepted = "A", "accepted";
        AcceptedWithErrors = "E", "accepted, errors were noted";
        Rejected = "R", "rejected";
    }
}

code_list! {
    /// Interchange note code, TA1-05: X12 data element I18.
    InterchangeError {
        None = "000", "no error";
        ControlNumberMismatch = "001", "control numbers in header and trailer do not match";
        UnsupportedStandard = "002", "standard named in ISA-11 not supported";
        UnsupportedVersion = "003", "version of the controls not supported";
        InvalidTerminator = "004", "segment terminator invalid";
        InvalidSenderQualifier = "005", "sender id qualifier invalid";
        InvalidSender = "006", "sender id invalid";
        InvalidReceiverQualifier = "007", "receiver id qualifier invalid";
        InvalidReceiver = "008", "receiver id invalid";
        UnknownReceiver = "009", "receiver id unknown";
        InvalidAuthorizationQualifier = "010", "authorization information qualifier invalid";
        InvalidAuthorization = "011", "authorization information invalid";
        InvalidSecurityQualifier = "012", "security information qualifier invalid";
        InvalidSecurity = "013", "security information invalid";
        InvalidDate = "014", "interchange date invalid";
        InvalidTime = "015", "interchange time invalid";
        InvalidStandard = "016", "interchange standards identifier invalid";
        InvalidVersion = "017", "interchange version id invalid";
        InvalidControlNumber = "018", "interchange control number invalid";
        InvalidAcknowledgementRequest = "019", "acknowledgement requested value invalid";
        InvalidUsage = "020", "test indicator invalid";
        InvalidGroupCount = "021", "number of included groups invalid";
        InvalidStructure = "022", "control structure invalid";
        PrematureEnd = "023", "premature end of file";
        InvalidContent = "024", "interchange content invalid, such as a bad GS segment";
        DuplicateControlNumber = "025", "interchange control number was received before";
        InvalidElementSeparator = "026", "data element separator invalid";
        InvalidComponentSeparator = "027", "component element separator invalid";
        InvalidDeliveryDate = "028", "delivery date in deferred delivery request invalid";
        InvalidDeliveryTime = "029", "delivery time in deferred delivery request invalid";
        InvalidDeliveryTimeCode = "030", "delivery time code in deferred delivery request invalid";
        InvalidGrade = "031", "grade of service invalid";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_comes_back_as_itself() {
        for status in GroupStatus::ALL {
            assert_eq!(GroupStatus::from_code(status.code()), *status);
        }
        for status in SetStatus::ALL {
            assert_eq!(SetStatus::from_code(status.code()), *status);
        }
        for error in GroupError::ALL {
            assert_eq!(GroupError::from_code(error.code()), *error);
        }
        for error in SetError::ALL {
            assert_eq!(SetError::from_code(error.code()), *error);
        }
        for error in SegmentError::ALL {
            assert_eq!(SegmentError::from_code(error.code()), *error);
        }
        for error in ElementError::ALL {
            assert_eq!(ElementError::from_code(error.code()), *error);
        }
        for error in InterchangeError::ALL {
            assert_eq!(InterchangeError::from_code(error.code()), *error);
        }
    }

    #[test]
    fn an_unknown_code_is_kept_and_cut() {
        let unknown = ElementError::from_code("<NOT_IN_CODESET>");
        assert_eq!(unknown.code(), "<NO");
        assert_eq!(unknown.to_string(), "<NO (unknown code)");
        assert_eq!(SetError::from_code("é").code(), "?");
        assert_eq!(SetError::from_code("").code(), "");
    }
}
