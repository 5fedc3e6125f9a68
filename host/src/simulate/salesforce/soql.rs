//! SOQL, as far as integrations use it: fields of the object and of those it leads to,
//! lists of children, conditions, order, limit.

use serde_json::{Map, Value, json};

use super::{
    Fault,
    schema::{Kind, Object, object},
    store::{Record, Store, millis},
};

/// Parentheses and selections within each other.
const DEPTH_MAX: usize = 10;

/// The longest query, in characters.
const QUERY_CHARS_MAX: usize = 100_000;

/// A query, read and checked.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) object: &'static Object,
    /// Names of the fields, as they were asked for.
    paths: Vec<Vec<String>>,
    pub(super) lists: Vec<List>,
    condition: Option<Condition>,
    order: Vec<(Vec<String>, bool)>,
    limit: Option<usize>,
}

/// A selection of children.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) name: &'static str,
    reference: &'static str,
    query: Query,
}

#[derive(Clone, Debug)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Vec<String>, String, Vec<Literal>),
}

#[derive(Clone, Debug, PartialEq)]
enum Literal {
    Text(String),
    Number(f64),
    Flag(bool),
    Moment(i64),
    Day(String),
    Null,
}

/// A piece of a query.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    /// `(`, `,`, `>=`.
    Sign(String),
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

fn malformed(text: impl Into<String>) -> Fault {
    Fault::new(400, "MALFORMED_QUERY", text)
}

// === impl Query ===

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// `MALFORMED_QUERY`, or `INVALID_FIELD` and `INVALID_TYPE` for what the org lacks.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        if text.len() > QUERY_CHARS_MAX {
            return Err(Fault::new(
                400,
                "QUERY_TOO_COMPLICATED",
                "SOQL statement is too long",
            ));
        }
        let mut parser = Parser {
            tokens: tokens(text)?,
            at: 0,
            depth: 0,
        };
        let query = parser.query(None)?;
        match parser.tokens.get(parser.at) {
            None => Ok(query),
            Some(token) => Err(malformed(format!("unexpected token: {token:?}"))),
        }
    }

    /// The records that are meant, in their order.
    pub(super) fn find<'s>(&self, store: &'s Store) -> Vec<&'s Record> {
        self.among(store, |_| true)
    }

    fn among<'s>(&self, store: &'s Store, also: impl Fn(&Record) -> bool) -> Vec<&'s Record> {
        let meant = |record: &&Record| {
            also(record)
                && self
                    .condition
                    .as_ref()
                    .is_none_or(|it| it.holds(store, record))
        };
        let mut found: Vec<&Record> = store.all(self.object.name).filter(meant).collect();
        for (path, descending) in self.order.iter().rev() {
            found.sort_by(|left, right| {
                let key = |record| sort_key(&value(store, record, path));
                let order = key(left).partial_cmp(&key(right));
                let order = order.unwrap_or(std::cmp::Ordering::Equal);
                if *descending { order.reverse() } else { order }
            });
        }
        found.truncate(self.limit.unwrap_or(usize::MAX));
        found
    }

    /// A record with what was asked for; `list` makes the lists of its children.
    pub(super) fn show(
        &self,
        store: &Store,
        record: &Record,
        version: &str,
        list: &mut dyn FnMut(Vec<Value>) -> Value,
    ) -> Value {
        let mut shown = attributes(record, version);
        for path in &self.paths {
            show_path(store, record, path, version, &mut shown);
        }
        for child in &self.lists {
            let mine = |it: &Record| it.text(child.reference) == record.id;
            let rows = child.query.among(store, mine);
            let rows: Vec<Value> = rows
                .into_iter()
                .map(|row| child.query.show(store, row, version, list))
                .collect();
            // No children are no list.
            let shown_rows = if rows.is_empty() {
                Value::Null
            } else {
                list(rows)
            };
            shown.insert(child.name.to_owned(), shown_rows);
        }
        Value::Object(shown)
    }
}

/// What a record is of, and where it is.
pub(super) fn attributes(record: &Record, version: &str) -> Map<String, Value> {
    let name = record.object.name;
    let url = format!("/services/data/{version}/sobjects/{name}/{}", record.id);
    let mut shown = Map::new();
    shown.insert("attributes".to_owned(), json!({ "type": name, "url": url }));
    shown
}

fn show_path(
    store: &Store,
    record: &Record,
    path: &[String],
    version: &str,
    shown: &mut Map<String, Value>,
) {
    let [first, rest @ ..] = path else { return };
    if rest.is_empty() {
        if let Some(field) = record.object.field(first) {
            let value = record.fields.get(field.name).cloned();
            shown.insert(field.name.to_owned(), value.unwrap_or_default());
        }
        return;
    }
    let Some((reference, _)) = record.object.relation(first) else {
        return;
    };
    let target = store.by_id(record.text(reference));
    let inside = shown
        .entry(first.clone())
        .or_insert_with(|| target.map_or(Value::Null, |it| Value::Object(attributes(it, version))));
    if let (Some(target), Some(inside)) = (target, inside.as_object_mut()) {
        show_path(store, target, rest, version, inside);
    }
}

/// The value at a path; null where a reference leads nowhere.
fn value(store: &Store, record: &Record, path: &[String]) -> Value {
    match path {
        [name] => {
            let field = record.object.field(name);
            let value = field.and_then(|it| record.fields.get(it.name));
            value.cloned().unwrap_or_default()
        }
        [first, rest @ ..] => {
            let relation = record.object.relation(first);
            let target = relation.and_then(|(reference, _)| store.by_id(record.text(reference)));
            target.map_or(Value::Null, |it| value(store, it, rest))
        }
        [] => Value::Null,
    }
}

/// What values are sorted by: numbers and moments by size, texts by letters, null first.
fn sort_key(value: &Value) -> (u8, f64, String) {
    match value {
        Value::Number(number) => (1, number.as_f64().unwrap_or_default(), String::new()),
        Value::String(text) => match millis(text) {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of our days fit")]
            Some(millis) => (1, millis as f64, String::new()),
            None => (2, 0.0, text.clone()),
        },
        Value::Bool(flag) => (1, f64::from(u8::from(*flag)), String::new()),
        _ => (0, 0.0, String::new()),
    }
}

// === impl Condition ===

impl Condition {
    fn holds(&self, store: &Store, record: &Record) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|it| it.holds(store, record)),
            Self::Any(parts) => parts.iter().any(|it| it.holds(store, record)),
            Self::Not(part) => !part.holds(store, record),
            Self::Compare(path, operator, literals) => {
                let value = value(store, record, path);
                let is = |literal: &Literal| literal.compare(&value) == Some(0);
                let first = literals.first().unwrap_or(&Literal::Null);
                let order = first.compare(&value);
                match operator.as_str() {
                    "=" => is(first),
                    "!=" | "<>" => !is(first),
                    "<" => order.is_some_and(|it| it < 0),
                    "<=" => order.is_some_and(|it| it <= 0),
                    ">" => order.is_some_and(|it| it > 0),
                    ">=" => order.is_some_and(|it| it >= 0),
                    "IN" => literals.iter().any(is),
                    "NOT IN" => !literals.iter().any(is),
                    _ => match (first, value.as_str()) {
                        (Literal::Text(pattern), Some(text)) => {
                            like(&text.to_lowercase(), &pattern.to_lowercase())
                        }
                        _ => false,
                    },
                }
            }
        }
    }
}

/// `%` stands for any characters, `_` for one.
fn like(text: &str, pattern: &str) -> bool {
    let mut letters = pattern.chars();
    match letters.next() {
        None => text.is_empty(),
        Some('%') => {
            let rest = letters.as_str();
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| like(&text[at..], rest))
        }
        Some(letter) => {
            let mut own = text.chars();
            own.next().is_some_and(|it| letter == '_' || it == letter)
                && like(own.as_str(), letters.as_str())
        }
    }
}

// === impl Literal ===

impl Literal {
    /// Whether a value is below (-1), the same (0) or above (1); none when the two can't
    /// be compared.
    fn compare(&self, value: &Value) -> Option<i8> {
        let order = match (self, value) {
            (Self::Null, Value::Null) => std::cmp::Ordering::Equal,
            // Letters' case does not matter, but in ids, which differ by more.
            (Self::Text(own), Value::String(text)) => {
                let is_id = |it: &str| {
                    matches!(it.len(), 15 | 18) && it.bytes().all(|it| it.is_ascii_alphanumeric())
                };
                if is_id(own) && is_id(text) {
                    text[..15].cmp(&own[..15])
                } else {
                    text.to_lowercase().cmp(&own.to_lowercase())
                }
            }
            (Self::Number(own), Value::Number(number)) => number.as_f64()?.partial_cmp(own)?,
            (Self::Flag(own), Value::Bool(flag)) => flag.cmp(own),
            (Self::Moment(own), Value::String(text)) => millis(text)?.cmp(own),
            (Self::Day(own), Value::String(text)) => text.get(..10)?.cmp(own),
            _ => return None,
        };
        Some(order as i8)
    }

    fn fits(&self, kind: Kind) -> bool {
        match self {
            Self::Null => true,
            Self::Text(_) => matches!(
                kind,
                Kind::Text(_) | Kind::Key | Kind::Reference(_) | Kind::Choice(_) | Kind::Derived
            ),
            Self::Number(_) => matches!(kind, Kind::Number | Kind::Derived),
            Self::Flag(_) => kind == Kind::Flag,
            Self::Moment(_) => matches!(kind, Kind::Moment | Kind::Derived),
            Self::Day(_) => kind == Kind::Day,
        }
    }
}

// === reading ===

fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(&character) = characters.peek() {
        let word =
            |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '.' | ':' | '+' | '-');
        if character.is_whitespace() {
            characters.next();
        } else if character == '\'' {
            characters.next();
            tokens.push(Token::Text(quoted(&mut characters)?));
        } else if word(character) {
            let mut own = String::new();
            while let Some(next) = characters.next_if(|it| word(*it)) {
                own.push(next);
            }
            tokens.push(Token::Word(own));
        } else {
            characters.next();
            let mut sign = character.to_string();
            if matches!(character, '<' | '>' | '!')
                && let Some(next) = characters.next_if(|it| matches!(it, '=' | '>'))
            {
                sign.push(next);
            }
            tokens.push(Token::Sign(sign));
        }
    }
    Ok(tokens)
}

fn quoted(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, Fault> {
    let mut text = String::new();
    while let Some(character) = characters.next() {
        match character {
            '\'' => return Ok(text),
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some(other) => text.push(other),
                None => break,
            },
            other => text.push(other),
        }
    }
    Err(malformed("a quote is not closed"))
}

// === impl Parser ===

impl Parser {
    fn query(&mut self, parent: Option<&'static Object>) -> Result<Query, Fault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(malformed("too deep"));
        }
        self.keyword("SELECT")?;
        let mut paths = Vec::new();
        let mut selections = Vec::new();
        loop {
            if self.sign("(") {
                // Which object it is of is known only with the one outside.
                selections.push(self.at);
                self.skip_parentheses()?;
            } else {
                paths.push(self.path()?);
            }
            if !self.sign(",") {
                break;
            }
        }
        self.keyword("FROM")?;
        let name = self.word()?;
        let of = match parent {
            None => object(&name).ok_or_else(|| {
                let text = format!("sObject type '{name}' is not supported.");
                Fault::new(400, "INVALID_TYPE", text)
            })?,
            Some(parent) => parent.child(&name).ok_or_else(|| {
                let text = format!("Didn't understand relationship '{name}' in field path.");
                Fault::new(400, "INVALID_FIELD", text)
            })?,
        };
        for path in &paths {
            kind_of(of, path)?;
        }
        let after = self.at;
        let mut lists = Vec::new();
        for selection in selections {
            self.at = selection;
            let query = self.query(Some(of))?;
            self.depth -= 1;
            let (name, _, reference) = of
                .children
                .iter()
                .find(|(_, target, _)| *target == query.object.name)
                .copied()
                .ok_or_else(|| malformed("a list of nothing"))?;
            lists.push(List {
                name,
                reference,
                query,
            });
        }
        self.at = after;
        let condition = match self.take_keyword("WHERE") {
            true => Some(self.any(of)?),
            false => None,
        };
        let order = self.order(of)?;
        let limit = match self.take_keyword("LIMIT") {
            true => Some(
                self.word()?
                    .parse()
                    .map_err(|_| malformed("LIMIT is a number"))?,
            ),
            false => None,
        };
        Ok(Query {
            object: of,
            paths,
            lists,
            condition,
            order,
            limit,
        })
    }

    fn order(&mut self, of: &'static Object) -> Result<Vec<(Vec<String>, bool)>, Fault> {
        let mut order = Vec::new();
        if !self.take_keyword("ORDER") {
            return Ok(order);
        }
        self.keyword("BY")?;
        loop {
            let path = self.path()?;
            kind_of(of, &path)?;
            let descending = self.take_keyword("DESC");
            self.take_keyword("ASC");
            order.push((path, descending));
            if !self.sign(",") {
                return Ok(order);
            }
        }
    }

    fn any(&mut self, of: &'static Object) -> Result<Condition, Fault> {
        let mut parts = vec![self.all(of)?];
        while self.take_keyword("OR") {
            parts.push(self.all(of)?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Condition::Any(parts)
        })
    }

    fn all(&mut self, of: &'static Object) -> Result<Condition, Fault> {
        let mut parts = vec![self.one(of)?];
        while self.take_keyword("AND") {
            parts.push(self.one(of)?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Condition::All(parts)
        })
    }

    fn one(&mut self, of: &'static Object) -> Result<Condition, Fault> {
        if self.take_keyword("NOT") {
            return Ok(Condition::Not(Box::new(self.one(of)?)));
        }
        if self.sign("(") {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err(malformed("too deep"));
            }
            let inner = self.any(of)?;
            self.depth -= 1;
            return match self.sign(")") {
                true => Ok(inner),
                false => Err(malformed("')' expected")),
            };
        }
        let path = self.path()?;
        let kind = kind_of(of, &path)?;
        let operator = self.operator()?;
        let literals = if operator.ends_with("IN") {
            self.literals()?
        } else {
            vec![self.literal()?]
        };
        if let Some(wrong) = literals.iter().find(|it| !it.fits(kind)) {
            let name = path.join(".");
            let text = format!("filter on {name} does not fit its type: {wrong:?}");
            return Err(Fault::new(400, "INVALID_FIELD", text));
        }
        Ok(Condition::Compare(path, operator, literals))
    }

    fn operator(&mut self) -> Result<String, Fault> {
        for word in ["LIKE", "IN"] {
            if self.take_keyword(word) {
                return Ok(word.to_owned());
            }
        }
        if self.take_keyword("NOT") {
            self.keyword("IN")?;
            return Ok("NOT IN".to_owned());
        }
        match self.next() {
            Some(Token::Sign(sign))
                if matches!(sign.as_str(), "=" | "!=" | "<>" | "<" | "<=" | ">" | ">=") =>
            {
                Ok(sign)
            }
            other => Err(malformed(format!(
                "an operator was expected, not {other:?}"
            ))),
        }
    }

    fn literals(&mut self) -> Result<Vec<Literal>, Fault> {
        let mut literals = Vec::new();
        if !self.sign("(") {
            return Err(malformed("'(' expected"));
        }
        loop {
            literals.push(self.literal()?);
            if self.sign(")") {
                return Ok(literals);
            }
            if !self.sign(",") {
                return Err(malformed("',' expected"));
            }
        }
    }

    fn literal(&mut self) -> Result<Literal, Fault> {
        let word = match self.next() {
            Some(Token::Text(text)) => return Ok(Literal::Text(text)),
            Some(Token::Word(word)) => word,
            other => return Err(malformed(format!("a value was expected, not {other:?}"))),
        };
        Ok(match word.to_ascii_lowercase().as_str() {
            "null" => Literal::Null,
            "true" => Literal::Flag(true),
            "false" => Literal::Flag(false),
            _ => {
                if let Ok(number) = word.parse() {
                    Literal::Number(number)
                } else if let Some(moment) = millis(&word) {
                    Literal::Moment(moment)
                } else if word.parse::<jiff::civil::Date>().is_ok() {
                    Literal::Day(word)
                } else {
                    return Err(malformed(format!("unexpected token: '{word}'")));
                }
            }
        })
    }

    fn path(&mut self) -> Result<Vec<String>, Fault> {
        let word = self.word()?;
        Ok(word.split('.').map(str::to_owned).collect())
    }

    fn word(&mut self) -> Result<String, Fault> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(malformed(format!("a name was expected, not {other:?}"))),
        }
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn sign(&mut self, sign: &str) -> bool {
        let is = matches!(self.tokens.get(self.at), Some(Token::Sign(own)) if own == sign);
        self.at += usize::from(is);
        is
    }

    fn take_keyword(&mut self, word: &str) -> bool {
        let token = self.tokens.get(self.at);
        let is = matches!(token, Some(Token::Word(own)) if own.eq_ignore_ascii_case(word));
        self.at += usize::from(is);
        is
    }

    fn keyword(&mut self, word: &str) -> Result<(), Fault> {
        match self.take_keyword(word) {
            true => Ok(()),
            false => Err(malformed(format!("{word} expected"))),
        }
    }

    /// Goes behind the parenthesis that closes the one before.
    fn skip_parentheses(&mut self) -> Result<(), Fault> {
        let mut open = 1;
        while open > 0 {
            match self.next() {
                Some(Token::Sign(sign)) if sign == "(" => open += 1,
                Some(Token::Sign(sign)) if sign == ")" => open -= 1,
                Some(_) => {}
                None => return Err(malformed("')' expected")),
            }
        }
        Ok(())
    }
}

/// What stands at a path.
fn kind_of(of: &'static Object, path: &[String]) -> Result<Kind, Fault> {
    let missing = |name: &str, of: &Object| {
        let text = format!(
            "No such column '{name}' on entity '{}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name.",
            of.name
        );
        Fault::new(400, "INVALID_FIELD", text)
    };
    match path {
        [name] => of
            .field(name)
            .map(|it| it.kind)
            .ok_or_else(|| missing(name, of)),
        [first, rest @ ..] => match of.relation(first) {
            Some((_, target)) => kind_of(target, rest),
            None => Err(Fault::new(
                400,
                "INVALID_FIELD",
                format!("Didn't understand relationship '{first}' in field path."),
            )),
        },
        [] => Err(malformed("a field was expected")),
    }
}
