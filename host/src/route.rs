//! Where a document goes: a table of rules, read from top to bottom.
//!
//! A rule names kinds of document, the partners it listens to, and conditions on
//! fields of the canonical JSON; the first one that fits decides. The table is
//! data: it is checked as a whole at start, so that a rule that can never fit, or
//! names a partner that is not there, is refused before the first message.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::message::PartnerName;

/// How many rules a table may have.
const RULES_MAX: usize = 1_000;

/// One `[[route]]` of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// How it is called in records and messages; its place in the table if absent.
    #[serde(default)]
    pub name: String,
    /// Kinds of document it is for (`order`); `*` for all.
    pub document: OneOrMore,
    /// Partners it listens to; absent for all.
    #[serde(default)]
    pub from: Vec<String>,
    /// Partners that get the document. Empty: it ends here, on purpose.
    pub to: Vec<String>,
    /// All must hold; none means always.
    #[serde(default)]
    pub when: Vec<Condition>,
}

/// One text or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore {
    /// One.
    One(String),
    /// Several.
    More(Vec<String>),
}

/// A condition on one field of the canonical JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// JSON pointer; `*` for any element: `/parties/*/address/region`.
    pub field: String,
    /// Holds when the field is this.
    #[serde(default)]
    pub equals: Option<String>,
    /// Holds when the field is one of these.
    #[serde(default)]
    pub one_of: Option<Vec<String>>,
    /// Holds when the field begins so.
    #[serde(default)]
    pub starts_with: Option<String>,
    /// Holds when the field is there (true) or is not (false).
    #[serde(default)]
    pub exists: Option<bool>,
}

/// The table, checked. Without rules it leads nowhere.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rules: Vec<Checked>,
}

/// What the table decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The rule that decided.
    pub rule: String,
    /// Who gets it, in the rule's order.
    pub to: Vec<PartnerName>,
}

/// What the table is checked against.
#[derive(Clone, Debug)]
pub struct World<'a> {
    /// Kinds of document that exist.
    pub kinds: &'a [&'a str],
    /// Partners that exist.
    pub partners: &'a BTreeSet<PartnerName>,
    /// Those of them that something can be sent to.
    pub receivers: &'a BTreeSet<PartnerName>,
}

/// A rule that can't be meant so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule}: {text}")]
pub struct Error {
    /// Its name.
    pub rule: String,
    /// Its place in the table, from 0.
    pub index: usize,
    /// What is wrong, and what to do.
    pub text: String,
}

#[derive(Clone, Debug)]
struct Checked {
    name: String,
    /// Empty for all.
    kinds: Vec<String>,
    /// Empty for all.
    from: Vec<PartnerName>,
    to: Vec<PartnerName>,
    when: Vec<(Vec<String>, Test)>,
}

#[derive(Clone, Debug)]
enum Test {
    OneOf(Vec<String>),
    StartsWith(String),
    Exists(bool),
}

// === impl Table ===

impl Table {
    /// Checks the rules against each other and the world.
    ///
    /// # Errors
    /// All that is wrong, not only the first.
    pub fn new(rules: &[Rule], world: &World<'_>) -> Result<Self, Vec<Error>> {
        let mut errors = Vec::new();
        let mut checked: Vec<Checked> = Vec::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            let name = rule.name_at(index);
            let refuse = |text| Error {
                rule: name.clone(),
                index,
                text,
            };
            match check(rule, name.clone(), world) {
                Err(texts) => errors.extend(texts.into_iter().map(refuse)),
                Ok(rule) => {
                    if let Some(above) = checked.iter().find(|above| above.covers(&rule)) {
                        errors.push(refuse(format!(
                            "it can never decide, because rule {} above takes everything it is for; move it up or add a condition to that one",
                            above.name
                        )));
                    }
                    checked.push(rule);
                }
            }
        }
        if rules.len() > RULES_MAX {
            errors.push(Error {
                rule: rules.len().to_string(),
                index: RULES_MAX,
                text: format!("a table has at most {RULES_MAX} rules"),
            });
        }
        if errors.is_empty() {
            Ok(Self { rules: checked })
        } else {
            Err(errors)
        }
    }

    /// Whether the content of a document matters, or its kind and sender are enough.
    #[must_use]
    pub fn asks_for_content(&self, kind: &str, from: &PartnerName) -> bool {
        self.rules
            .iter()
            .take_while(|rule| !(rule.is_for(kind, from) && rule.when.is_empty()))
            .any(|rule| rule.is_for(kind, from))
    }

    /// The first rule that fits; none when no rule wants the document.
    #[must_use]
    pub fn decide(&self, kind: &str, from: &PartnerName, content: &Value) -> Option<Decision> {
        self.rules
            .iter()
            .find(|rule| {
                rule.is_for(kind, from)
                    && rule
                        .when
                        .iter()
                        .all(|(path, test)| test.holds(path, content))
            })
            .map(|rule| Decision {
                rule: rule.name.clone(),
                to: rule.to.clone(),
            })
    }
}

// === impl Rule ===

impl Rule {
    /// Its name, or what stands for it where it has none.
    #[must_use]
    pub fn name_at(&self, index: usize) -> String {
        if self.name.is_empty() {
            format!("#{}", index + 1)
        } else {
            self.name.clone()
        }
    }
}

// === impl OneOrMore ===

impl OneOrMore {
    /// Whether it names this, or stands for all with `*`.
    #[must_use]
    pub fn contains(&self, kind: &str) -> bool {
        match self {
            Self::One(only) => only == "*" || only == kind,
            Self::More(several) => several.iter().any(|it| it == kind),
        }
    }
}

// === impl Checked ===

impl Checked {
    fn is_for(&self, kind: &str, from: &PartnerName) -> bool {
        (self.kinds.is_empty() || self.kinds.iter().any(|it| it == kind))
            && (self.from.is_empty() || self.from.contains(from))
    }

    /// Whether every document that `other` is for is decided here.
    fn covers(&self, other: &Self) -> bool {
        let holds = |mine: &[String], theirs: &[String]| {
            mine.is_empty() || (!theirs.is_empty() && theirs.iter().all(|it| mine.contains(it)))
        };
        let listens = self.from.is_empty()
            || (!other.from.is_empty() && other.from.iter().all(|it| self.from.contains(it)));
        self.when.is_empty() && holds(&self.kinds, &other.kinds) && listens
    }
}

// === impl Test ===

impl Test {
    fn holds(&self, path: &[String], content: &Value) -> bool {
        match self {
            Self::OneOf(wanted) => any(path, content, &|text| wanted.iter().any(|it| it == text)),
            Self::StartsWith(wanted) => any(path, content, &|text| text.starts_with(wanted)),
            Self::Exists(wanted) => any(path, content, &|_| true) == *wanted,
        }
    }
}

fn check(rule: &Rule, name: String, world: &World<'_>) -> Result<Checked, Vec<String>> {
    let mut errors = Vec::new();
    let kinds = match &rule.document {
        OneOrMore::One(kind) if kind == "*" => Vec::new(),
        OneOrMore::One(kind) => vec![kind.clone()],
        OneOrMore::More(kinds) => kinds.clone(),
    };
    for kind in kinds
        .iter()
        .filter(|kind| !world.kinds.contains(&kind.as_str()))
    {
        errors.push(format!(
            "there is no kind of document called {kind:?}; there are {}",
            world.kinds.join(", ")
        ));
    }
    let mut known = |names: &[String]| -> Vec<PartnerName> {
        let parsed = names.iter().map(|name| (name, PartnerName::parse(name)));
        parsed
            .filter_map(|(name, parsed)| match parsed {
                Ok(partner) if world.partners.contains(&partner) => Some(partner),
                _ => {
                    errors.push(format!("there is no partner called {name:?}; add [partners.{name}] or correct the name"));
                    None
                }
            })
            .collect()
    };
    let from = known(&rule.from);
    let to = known(&rule.to);
    for partner in to
        .iter()
        .filter(|partner| !world.receivers.contains(partner))
    {
        errors.push(format!("nothing can be sent to {partner}; give it [partners.{partner}.endpoint] or take it out of the rule"));
    }
    let when = rule
        .when
        .iter()
        .filter_map(|condition| match condition.check() {
            Ok(condition) => Some(condition),
            Err(text) => {
                errors.push(text);
                None
            }
        })
        .collect();
    if errors.is_empty() {
        Ok(Checked {
            name,
            kinds,
            from,
            to,
            when,
        })
    } else {
        Err(errors)
    }
}

// === impl Condition ===

impl Condition {
    fn check(&self) -> Result<(Vec<String>, Test), String> {
        let Some(path) = self.field.strip_prefix('/') else {
            return Err(format!(
                "the field {:?} is no JSON pointer; it begins with a slash, as in \"/order_no\"",
                self.field
            ));
        };
        let path = path
            .split('/')
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect();
        let mut tests = Vec::new();
        tests.extend(self.equals.clone().map(|it| Test::OneOf(vec![it])));
        tests.extend(self.one_of.clone().map(Test::OneOf));
        tests.extend(self.starts_with.clone().map(Test::StartsWith));
        tests.extend(self.exists.map(Test::Exists));
        match (tests.pop(), tests.pop()) {
            (Some(test), None) => Ok((path, test)),
            _ => Err(format!(
                "the condition on {:?} needs exactly one of equals, one_of, starts_with, exists",
                self.field
            )),
        }
    }
}

/// Whether the text of any place that the path names passes.
fn any(path: &[String], value: &Value, pass: &dyn Fn(&str) -> bool) -> bool {
    let Some((step, rest)) = path.split_first() else {
        return match value {
            Value::Null => false,
            Value::String(text) => pass(text),
            other => pass(&other.to_string()),
        };
    };
    match value {
        Value::Array(items) if step == "*" => items.iter().any(|item| any(rest, item, pass)),
        Value::Array(items) => step
            .parse::<usize>()
            .ok()
            .and_then(|index| items.get(index))
            .is_some_and(|item| any(rest, item, pass)),
        Value::Object(fields) if step == "*" => fields.values().any(|it| any(rest, it, pass)),
        Value::Object(fields) => fields.get(step).is_some_and(|it| any(rest, it, pass)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table(text: &str) -> Result<Table, Vec<Error>> {
        #[derive(Deserialize)]
        struct File {
            route: Vec<Rule>,
        }
        let file: File = toml::from_str(text).unwrap();
        let named = |names: &[&str]| names.iter().map(|it| partner(it)).collect();
        Table::new(
            &file.route,
            &World {
                kinds: &["order", "shipment"],
                partners: &named(&["erp", "north", "south", "shop"]),
                receivers: &named(&["erp", "north", "south"]),
            },
        )
    }

    fn partner(name: &str) -> PartnerName {
        PartnerName::parse(name).unwrap()
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let table = table(
            r#"
            [[route]]
            name = "by region"
            document = "order"
            from = ["erp"]
            to = ["north"]
            when = [{ field = "/parties/*/address/region", one_of = ["MN", "WI"] }]

            [[route]]
            document = ["order"]
            to = ["south"]

            [[route]]
            document = "shipment"
            to = ["erp"]
            "#,
        )
        .unwrap();
        let order =
            |region| json!({"parties": [{"role": "bill-to"}, {"address": {"region": region}}]});
        let decide = |content: &Value| table.decide("order", &partner("erp"), content).unwrap();
        assert_eq!(decide(&order("WI")).to, [partner("north")]);
        assert_eq!(decide(&order("WI")).rule, "by region");
        assert_eq!(decide(&order("TX")).to, [partner("south")]);
        assert_eq!(decide(&order("TX")).rule, "#2");
        assert!(table.asks_for_content("order", &partner("erp")));
        assert!(!table.asks_for_content("order", &partner("north")));
        assert!(!table.asks_for_content("shipment", &partner("north")));
        assert_eq!(table.decide("invoice", &partner("erp"), &Value::Null), None);
    }

    #[test]
    fn conditions_look_where_they_say() {
        let content =
            json!({"order_no": "4711", "a/b": {"~": "x"}, "n": 3, "none": null, "l": ["p", "q"]});
        let holds = |condition: &str| {
            let condition: Condition = toml::from_str(condition).unwrap();
            let (path, test) = condition.check().unwrap();
            test.holds(&path, &content)
        };
        assert!(holds(
            r#"field = "/order_no"
            equals = "4711""#
        ));
        assert!(holds(
            r#"field = "/order_no"
            starts_with = "47""#
        ));
        assert!(holds(
            r#"field = "/a~1b/~0"
            equals = "x""#
        ));
        assert!(holds(
            r#"field = "/n"
            equals = "3""#
        ));
        assert!(holds(
            r#"field = "/l/1"
            equals = "q""#
        ));
        assert!(holds(
            r#"field = "/none"
            exists = false"#
        ));
        assert!(!holds(
            r#"field = "/l/2"
            exists = true"#
        ));
        assert!(!holds(
            r#"field = "/order_no/x"
            exists = true"#
        ));
    }

    #[test]
    fn a_table_that_cannot_be_meant_is_refused_with_every_reason() {
        let errors = table(
            r#"
            [[route]]
            document = "*"
            to = ["nort", "shop"]

            [[route]]
            document = "ordr"
            to = []
            when = [{ field = "order_no", equals = "1" }, { field = "/x" }]

            [[route]]
            document = "order"
            to = ["north"]

            [[route]]
            document = "order"
            from = ["erp"]
            to = ["south"]
            "#,
        )
        .unwrap_err();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 6, "{texts:#?}");
        assert!(texts[0].contains("no partner called \"nort\""));
        assert!(texts[1].contains("nothing can be sent to shop"));
        assert!(texts[2].contains("no kind of document called \"ordr\""));
        assert!(texts[3].contains("no JSON pointer"));
        assert!(texts[4].contains("exactly one of"));
        assert!(texts[5].contains("can never decide"));
    }
}
