//! Codes and numbers that carry their own proof: units, currencies, countries, and the
//! check digits of GS1.

use super::report::Report;

/// Whether a unit of measure looks like one of UN/ECE Recommendation 20: two or three
/// capital letters and digits.
pub(super) fn is_unit(code: &str) -> bool {
    (2..=3).contains(&code.len())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Whether a currency looks like one of ISO 4217.
pub(super) fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Places behind the point of the smallest amount of a currency. ISO 4217: two, but for
/// these.
pub(super) fn currency_places(code: &str) -> u32 {
    match code {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// Whether a country looks like one of ISO 3166-1 alpha-2.
pub(super) fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Whether the last digit follows from the others: from the right, digits count three
/// times and once by turns, and all add up to a multiple of ten (GS1 General
/// Specifications, 7.9).
pub(super) fn has_check_digit(digits: &str) -> bool {
    let weights = [1_u32, 3].into_iter().cycle();
    let sum: Option<u32> = digits
        .chars()
        .rev()
        .zip(weights)
        .map(|(digit, weight)| Some(digit.to_digit(10)? * weight))
        .sum();
    sum.is_some_and(|sum| sum % 10 == 0)
}

/// Whether a number of GS1 has the digits it must have, and the right last one. `what`
/// names it, `code` is the first part of the finding's.
pub(super) fn gs1(
    report: &mut Report,
    pointer: &str,
    (code, what): (&str, &str),
    lengths: &[usize],
    number: &str,
) {
    let remedy = "receivers that scan it will not know it; have the sender correct it";
    let all_digits = number.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits || !lengths.contains(&number.len()) {
        let lengths: Vec<_> = lengths.iter().map(usize::to_string).collect();
        let lengths = lengths.join(" or ");
        let text = format!("{what} has {lengths} digits");
        report.find_value(&format!("{code}-malformed"), pointer, text, remedy, number);
    } else if !has_check_digit(number) {
        let text = format!("the last digit of the {what} does not follow from the others");
        report.find_value(
            &format!("{code}-check-digit"),
            pointer,
            text,
            remedy,
            number,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_those_of_gs1() {
        // Examples of the General Specifications and of real goods.
        for number in [
            "6291041500213",
            "036000291452",
            "96385074",
            "10614141000415",
            "376104250021234569",
            "4012345000009",
        ] {
            assert!(has_check_digit(number), "{number}");
            let mut digits = number.to_owned();
            let last = digits.pop().unwrap().to_digit(10).unwrap();
            digits.push(char::from_digit((last + 1) % 10, 10).unwrap());
            assert!(!has_check_digit(&digits), "{digits}");
        }
        assert!(!has_check_digit("12345é"));
    }

    #[test]
    fn codes_are_known_by_their_looks() {
        assert!(is_unit("EA") && is_unit("C62") && is_unit("5B"));
        assert!(!is_unit("") && !is_unit("E") && !is_unit("each") && !is_unit("PALL"));
        assert!(is_currency("USD") && !is_currency("$") && !is_currency("usd"));
        assert!(is_country("US") && !is_country("USA") && !is_country("us"));
    }
}
