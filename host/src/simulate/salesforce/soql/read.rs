//! A query's text, read and checked against the objects of the org.

use super::{Condition, List, Literal, Query, malformed};
use crate::simulate::salesforce::{
    Fault,
    schema::{Kind, Object, object},
    store::millis,
};

/// Parentheses and selections within each other.
const DEPTH_MAX: usize = 10;

/// The longest query, in characters.
const QUERY_CHARS_MAX: usize = 100_000;

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

/// Reads a query.
///
/// # Errors
/// `MALFORMED_QUERY`, or `INVALID_FIELD` and `INVALID_TYPE` for what the org lacks.
pub(super) fn query(text: &str) -> Result<Query, Fault> {
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
        let lists = self.lists(of, &selections)?;
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

    /// The selections that begin at these tokens, of children of that object.
    fn lists(&mut self, of: &'static Object, selections: &[usize]) -> Result<Vec<List>, Fault> {
        let mut lists = Vec::new();
        for selection in selections {
            self.at = *selection;
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
        Ok(lists)
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
