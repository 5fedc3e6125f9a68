//! What is a table, what is none, and what tells two apart.

use proptest::prelude::*;

use super::*;

fn limits() -> Config {
    Config {
        rows_max: 3,
        key_bytes_max: 8,
        value_bytes_max: 8,
        table_bytes_max: 30,
        per_partner_max: 2,
    }
}

fn csv(text: &str) -> Result<Table, String> {
    Table::from_csv(text.as_bytes(), &limits()).map_err(|fault| fault.to_string())
}

fn json(text: &str) -> Result<Table, String> {
    Table::from_json(text.as_bytes(), &limits()).map_err(|fault| fault.to_string())
}

#[test]
fn csv_and_json_say_the_same_table() {
    let spoken = csv("key,value\r\nCA,CS\r\n\"a,b\",\"say \"\"x\"\"\"\r\n").unwrap();
    let written = json(r#"{"a,b": "say \"x\"", "CA": "CS"}"#).unwrap();
    assert_eq!(spoken, written);
    assert_eq!(spoken.get("a,b"), Some("say \"x\""));
    assert_eq!((spoken.len(), spoken.bytes()), (2, 14));
    // As spreadsheets write it.
    assert_eq!(
        csv("\u{feff}Key,VALUE\nCA,CS\n").unwrap().get("CA"),
        Some("CS")
    );
    assert!(csv("key,value\n").unwrap().is_empty());
}

#[test]
fn what_is_no_table_is_refused_with_its_place() {
    let refused = [
        (
            "",
            "line 1: it is empty; a table begins with the line key,value",
        ),
        (
            "CA,CS\n",
            "line 1: the first line is \"CA,CS\", it must be key,value",
        ),
        (
            "key;value\nCA;CS\n",
            "line 1: the first line is \"key;value\", it must be key,value; separate the columns by a comma",
        ),
        (
            "key,value\nCA,CS\nCA,EA\n",
            "line 3, column 1: the key \"CA\" stands in line 2 already; a key has one value",
        ),
        (
            "key,value\nCA\n",
            "line 2, column 2: there is no value, or no comma before it",
        ),
        (
            "key,value\nCA,C,S\n",
            "line 2, column 3: 3 columns instead of 2; put a value that holds a comma into quotes",
        ),
        ("key,value\n,CS\n", "line 2, column 1: the key is empty"),
        (
            "key,value\n\nCA,\n",
            "line 3, column 2: the value is empty; leave the row out if the key has none",
        ),
        (
            "key,value\nCA ,CS\n",
            "line 2, column 1: the key \"CA \" begins or ends with a space, so nothing would find it; remove the space",
        ),
        (
            "key,value\n123456789,CS\n",
            "line 2, column 1: the key has 9 bytes, at most 8 are taken (tables.key_bytes_max)",
        ),
        (
            "key,value\nCA,123456789\n",
            "line 2, column 2: the value has 9 bytes, at most 8 are taken (tables.value_bytes_max)",
        ),
        (
            "key,value\na,1\nb,1\nc,1\nd,1\n",
            "line 5: more than 3 rows (tables.rows_max)",
        ),
        (
            "key,value\nkeykeyk1,value001\nkeykeyk2,value002\n",
            "line 3: more than 30 bytes of keys and values (tables.table_bytes_max)",
        ),
    ];
    for (text, expected) in refused {
        assert_eq!(csv(text).unwrap_err(), expected, "{text:?}");
    }
    let lines = "key,value\r\n\"a\nb\",1\r\n\r\nc,1\r\nc,2\r\n";
    let twice = csv(lines).unwrap_err();
    assert_eq!(
        twice,
        "line 6, column 1: the key \"c\" stands in line 5 already; a key has one value"
    );
    let bytes = Table::from_csv(b"key,value\nCA,\xff\n", &limits()).unwrap_err();
    assert_eq!((bytes.line, bytes.column), (Some(2), Some(2)), "{bytes}");
}

#[test]
fn json_that_is_no_table_is_refused_with_its_place() {
    let refused = [
        ("[]", "expected an object with a string for each key"),
        ("{\"CA\": 1}", "expected a string"),
        ("{\"CA\": \"CS\",\n\"CA\": \"EA\"}", "line 2"),
        ("{\"CA\": \"\"}", "the value is empty"),
        ("{\"CA\": \"CS\"} {}", "trailing characters"),
        (
            "{\"a\":\"1\",\"b\":\"1\",\"c\":\"1\",\"d\":\"1\"}",
            "tables.rows_max",
        ),
    ];
    for (text, expected) in refused {
        let error = json(text).unwrap_err();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn a_file_is_named_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("unit.csv");
    std::fs::write(&file, "key,value\nCA\n").unwrap();
    let error = read_file(&file, &limits()).unwrap_err().to_string();
    assert!(error.contains("unit.csv, line 2, column 2:"), "{error}");
    std::fs::write(&file, "key,value\n".to_owned() + &"x".repeat(70_000)).unwrap();
    let error = read_file(&file, &limits()).unwrap_err().to_string();
    assert!(error.contains("tables.table_bytes_max"), "{error}");
    let missing = read_file(&directory.path().join("none.csv"), &limits()).unwrap_err();
    assert!(missing.to_string().contains("none.csv: "), "{missing}");
}

#[test]
fn names_are_words_that_fit_a_path() {
    for name in ["unit", "unit-out", "salesforce-account", "Carrier_2.b"] {
        assert!(TableName::parse(name).is_ok(), "{name}");
    }
    for name in ["", ".", "..", "a/b", "a b", "ä", &"x".repeat(65)] {
        assert!(TableName::parse(name).is_err(), "{name}");
    }
}

fn rows() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[a-c,\"\n]{1,3}", "[x-z,\" \r\n]{1,4}", 0..6).prop_map(|rows| {
        let trimmed = rows.into_iter().filter(|(key, _)| key.trim() == key);
        trimmed.collect()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(rows in rows()) {
        let limits = Config::default();
        let table = limits.table(rows).unwrap();
        prop_assert_eq!(&Table::from_csv(&table.to_csv(), &limits).unwrap(), &table);
        let json = serde_json::to_vec(&table).unwrap();
        prop_assert_eq!(&Table::from_json(&json, &limits).unwrap(), &table);
        let packed = rmp_serde::to_vec_named(&table).unwrap();
        prop_assert_eq!(&rmp_serde::from_slice::<Table>(&packed).unwrap(), &table);
        prop_assert!(packed.len() <= limits.record_bytes_max());
    }

    #[test]
    fn changes_lead_from_one_table_to_the_other(before in rows(), after in rows()) {
        let limits = Config::default();
        let earlier = limits.table(before.clone()).unwrap();
        let later = limits.table(after.clone()).unwrap();
        let mut led = before.clone();
        for change in later.changes(Some(&earlier)) {
            prop_assert_eq!(led.get(change.key).map(String::as_str), change.before);
            match change.after {
                Some(value) => led.insert(change.key.to_owned(), value.to_owned()),
                None => led.remove(change.key),
            };
        }
        prop_assert_eq!(led, after.clone());
        prop_assert_eq!(later.difference(Some(&earlier)).is_none(), before == after);
        prop_assert_eq!(earlier == later, before == after);
    }
}
