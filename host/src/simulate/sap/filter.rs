//! `$filter` of OData version 2: comparisons of properties with literals, joined by
//! `and`, `or` and parentheses.

use std::cmp::Ordering;

use crossdock_sdk::Decimal;
use serde_json::{Map, Value};

use super::entity::{Kind, millis};

/// Parentheses within each other.
const DEPTH_MAX: usize = 20;

/// A filter, read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Compare(String, Comparison, Literal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    /// Milliseconds.
    Moment(i64),
    Number(Decimal),
    Flag(bool),
    Null,
}

struct Parser<'t> {
    rest: &'t str,
    properties: &'t [(&'t str, Kind)],
    depth: usize,
}

// === impl Filter ===

impl Filter {
    /// Reads a filter over these properties.
    ///
    /// # Errors
    /// In SAP's words.
    pub(super) fn read(text: &str, properties: &[(&str, Kind)]) -> Result<Self, String> {
        let mut parser = Parser {
            rest: text.trim(),
            properties,
            depth: 0,
        };
        let filter = parser.any()?;
        match parser.rest {
            "" => Ok(filter),
            rest => Err(format!("Invalid filter condition at '{rest}'")),
        }
    }

    /// Whether an entity is meant.
    pub(super) fn holds(&self, entity: &Map<String, Value>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|it| it.holds(entity)),
            Self::Any(parts) => parts.iter().any(|it| it.holds(entity)),
            Self::Compare(name, comparison, literal) => {
                let value = entity.get(name).unwrap_or(&Value::Null);
                literal
                    .compare(value)
                    .map_or(*comparison == Comparison::Ne, |order| match comparison {
                        Comparison::Eq => order.is_eq(),
                        Comparison::Ne => order.is_ne(),
                        Comparison::Lt => order.is_lt(),
                        Comparison::Le => order.is_le(),
                        Comparison::Gt => order.is_gt(),
                        Comparison::Ge => order.is_ge(),
                    })
            }
        }
    }
}

// === impl Literal ===

impl Literal {
    /// How a value stands to this; none when the two can't be compared.
    fn compare(&self, value: &Value) -> Option<Ordering> {
        let text = value.as_str();
        match self {
            Self::Text(own) => Some(text.unwrap_or_default().cmp(own)),
            Self::Moment(own) => Some(millis(text?)?.cmp(own)),
            Self::Number(own) => Some(text?.parse::<Decimal>().ok()?.compare(*own)),
            Self::Flag(own) => Some(value.as_bool().unwrap_or_default().cmp(own)),
            Self::Null => value.is_null().then_some(Ordering::Equal),
        }
    }
}

// === impl Parser ===

impl Parser<'_> {
    fn any(&mut self) -> Result<Filter, String> {
        let mut parts = vec![self.all()?];
        while self.take_word("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Filter::Any(parts)
        })
    }

    fn all(&mut self) -> Result<Filter, String> {
        let mut parts = vec![self.one()?];
        while self.take_word("and") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Filter::All(parts)
        })
    }

    fn one(&mut self) -> Result<Filter, String> {
        if let Some(rest) = self.rest.strip_prefix('(') {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err("The filter is too deep".to_owned());
            }
            self.rest = rest.trim_start();
            let inner = self.any()?;
            self.rest = self
                .rest
                .strip_prefix(')')
                .ok_or("')' expected in the filter")?
                .trim_start();
            self.depth -= 1;
            return Ok(inner);
        }
        let name = self.word().to_owned();
        let kind = self.properties.iter().find(|(known, _)| *known == name);
        let Some((_, kind)) = kind else {
            return Err(format!("Property '{name}' not found"));
        };
        let comparison = match self.word() {
            "eq" => Comparison::Eq,
            "ne" => Comparison::Ne,
            "lt" => Comparison::Lt,
            "le" => Comparison::Le,
            "gt" => Comparison::Gt,
            "ge" => Comparison::Ge,
            other => return Err(format!("Invalid operator '{other}' in the filter")),
        };
        let literal = self.literal()?;
        let fits = matches!(
            (kind, &literal),
            (_, Literal::Null)
                | (Kind::Text(_), Literal::Text(_))
                | (Kind::Date | Kind::Moment, Literal::Moment(_))
                | (Kind::Decimal, Literal::Number(_))
                | (Kind::Flag, Literal::Flag(_))
        );
        if !fits {
            return Err(format!("Operator does not fit the type of '{name}'"));
        }
        Ok(Filter::Compare(name, comparison, literal))
    }

    fn literal(&mut self) -> Result<Literal, String> {
        for prefix in ["datetimeoffset", "datetime"] {
            if let Some(rest) = self.rest.strip_prefix(prefix)
                && rest.starts_with('\'')
            {
                self.rest = rest;
                let text = self.quoted()?;
                let zoned = match text.ends_with('Z')
                    || text.get(19..).is_some_and(|it| it.contains(['+', '-']))
                {
                    true => text.clone(),
                    false => format!("{text}Z"),
                };
                let moment: jiff::Timestamp = zoned
                    .parse()
                    .map_err(|_| format!("Invalid date '{text}'"))?;
                return Ok(Literal::Moment(moment.as_millisecond()));
            }
        }
        if self.rest.starts_with('\'') {
            return self.quoted().map(Literal::Text);
        }
        match self.word() {
            "true" => Ok(Literal::Flag(true)),
            "false" => Ok(Literal::Flag(false)),
            "null" => Ok(Literal::Null),
            word => {
                let number = word.trim_end_matches(['M', 'm']).parse();
                number
                    .map(Literal::Number)
                    .map_err(|_| format!("Invalid literal '{word}' in the filter"))
            }
        }
    }

    /// A text in quotes, in which two stand for one.
    fn quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1).peekable();
        while let Some((at, character)) = characters.next() {
            if character != '\'' {
                text.push(character);
                continue;
            }
            if characters.peek().is_some_and(|(_, next)| *next == '\'') {
                characters.next();
                text.push('\'');
                continue;
            }
            self.rest = self.rest[at + 1..].trim_start();
            return Ok(text);
        }
        Err("A quote is not closed in the filter".to_owned())
    }

    fn word(&mut self) -> &str {
        let end = self.rest.find([' ', ')', '(']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }

    fn take_word(&mut self, word: &str) -> bool {
        match self.rest.strip_prefix(word) {
            Some(rest) if rest.starts_with([' ', '(']) => {
                self.rest = rest.trim_start();
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::simulate::sap::entity::HEADER;

    fn holds(filter: &str) -> bool {
        let entity = json!({
            "PurchaseOrderByCustomer": "O'Neil (7)", "SoldToParty": "17", "TotalNetAmount": "12.50",
            "LastChangeDateTime": "/Date(1772357400000+0000)/", "LastChangeDate": null,
        });
        let filter = Filter::read(filter, HEADER).unwrap();
        filter.holds(entity.as_object().unwrap())
    }

    #[test]
    fn compares_and_joins() {
        assert!(holds(
            "PurchaseOrderByCustomer eq 'O''Neil (7)' and SoldToParty eq '17'"
        ));
        assert!(!holds(
            "PurchaseOrderByCustomer eq 'O' or SoldToParty eq '18'"
        ));
        assert!(holds(
            "(SoldToParty eq '18' or SoldToParty eq '17') and TotalNetAmount gt 12.4M"
        ));
        assert!(holds(
            "LastChangeDateTime ge datetimeoffset'2026-03-01T09:30:00Z'"
        ));
        assert!(holds(
            "LastChangeDateTime lt datetimeoffset'2026-03-01T10:30:01+00:00'"
        ));
        assert!(holds("LastChangeDate eq null"));
        assert!(holds("SoldToParty ne '18'"));
    }

    #[test]
    fn says_what_is_wrong() {
        for (filter, words) in [
            ("Colour eq 'red'", "Property 'Colour' not found"),
            ("SoldToParty is '1'", "Invalid operator 'is'"),
            ("SoldToParty eq 1", "type of 'SoldToParty'"),
            ("SoldToParty eq '1", "not closed"),
            ("(SoldToParty eq '1'", "')' expected"),
            ("SoldToParty eq '1' SoldToParty", "Invalid filter condition"),
            ("LastChangeDateTime ge datetimeoffset'soon'", "Invalid date"),
        ] {
            let error = Filter::read(filter, HEADER).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let deep = "(".repeat(30);
        assert!(Filter::read(&deep, HEADER).unwrap_err().contains("deep"));
    }
}
