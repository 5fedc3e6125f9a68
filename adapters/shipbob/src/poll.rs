//! Fetching what ShipBob does not send: stock, and news whose webhook was lost.
//!
//! What is to be polled is gone through in rounds. A round of stock is one snapshot of
//! all its pages, since a snapshot in parts would say of each part that there is
//! nothing else. A page of orders or returns is a message of its own.
//!
//! Orders and returns are asked for by time. Each round asks for two rounds' time, so
//! that what ShipBob shows a little late is not missed; what comes twice is known by
//! its number. The first round begins at `since`, or with the first poll itself.

use crossdock_sdk::conversation::{Conversation, Pause};
use crossdock_sdk::http::escape;
use crossdock_sdk::json::{Object, Part, Tree};
use crossdock_sdk::{
    Exchange, PollRequest, PollStep, Polled, PolledMessage, Problem, Request, Response,
};

use crate::decode::{FEED_HEADER, PAGES_FIELD, POLLED_AT_HEADER};
use crate::settings::{Config, Feed};
use crate::talk::PATHS;

/// What to do next to fetch news.
///
/// # Errors
/// When the settings or the cursor are wrong, or ShipBob refuses.
pub(crate) fn poll(request: &PollRequest, past: &[Exchange]) -> Result<PollStep, Problem> {
    let config = Config::new(&request.settings)?;
    let feeds = config.feeds()?;
    let cursor = Cursor::read(request, &config, &feeds)?;
    fetch(&config, &feeds, cursor, Conversation::new(past)).or_else(Pause::into_poll_step)
}

/// Where polling stands.
#[derive(Clone, Debug, PartialEq)]
struct Cursor {
    /// What is fetched next; always one of those that the settings name.
    feed: Feed,
    /// Which page of it, from 1.
    page: u32,
    /// When this round began.
    round: String,
    /// From when this round asks.
    from: String,
    /// When the round before began; where this one asks from, if there was none.
    before: String,
}

// === impl Cursor ===

impl Cursor {
    /// The place where the last poll ended, or a new round from there.
    fn read(request: &PollRequest, config: &Config<'_>, feeds: &[Feed]) -> Result<Cursor, Problem> {
        let started = request.started_at.as_str();
        let first = feeds.first().copied().unwrap_or(Feed::Inventory);
        let begin = |from: &str, before: &str| Cursor {
            feed: first,
            page: 1,
            round: started.to_owned(),
            from: from.to_owned(),
            before: before.to_owned(),
        };
        let Some(text) = request.cursor.as_deref() else {
            let from = config.since().unwrap_or(started);
            return Ok(begin(from, from));
        };
        let tree = Tree::parse(text.as_bytes()).map_err(|_| unreadable(text))?;
        let root = Part::root(&tree);
        let field = |name: &str| root.get(name).text().map_err(|_| unreadable(text));
        let (from, before) = (field("from")?, field("before")?);
        // What was under way when the settings were changed begins anew.
        let feed = root.get("feed").scalar().and_then(Feed::named);
        let Some(feed) = feed.filter(|feed| feeds.contains(feed)) else {
            return Ok(begin(from, before));
        };
        let page = root.get("page").scalar().and_then(|page| page.parse().ok());
        Ok(Cursor {
            feed,
            page: page.ok_or_else(|| unreadable(text))?,
            round: field("round")?.to_owned(),
            from: from.to_owned(),
            before: before.to_owned(),
        })
    }

    /// The place after this page; absent behind the last feed.
    fn after(&self, feeds: &[Feed], more: bool) -> Option<Cursor> {
        if more {
            return Some(Cursor {
                page: self.page + 1,
                ..self.clone()
            });
        }
        let position = feeds.iter().position(|feed| *feed == self.feed)?;
        let feed = *feeds.get(position + 1)?;
        Some(Cursor {
            feed,
            page: 1,
            ..self.clone()
        })
    }

    fn write(&self) -> String {
        let object = Object::new()
            .text("feed", self.feed.name())
            .integer("page", self.page.into())
            .text("round", &self.round)
            .text("from", &self.from)
            .text("before", &self.before);
        text(object)
    }

    /// Where the next round begins: it asks from the beginning of the round before
    /// this one.
    fn write_end(&self) -> String {
        let object = Object::new()
            .text("from", &self.before)
            .text("before", &self.round);
        text(object)
    }
}

fn text(object: Object) -> String {
    String::from_utf8_lossy(&object.into_vec()).into_owned()
}

fn unreadable(cursor: &str) -> Problem {
    Problem::adapter(
        "cursor-invalid",
        "the cursor is none that this adapter made",
    )
    .with_value(cursor)
    .with_remedy("remove the partner's cursor, so that polling begins anew")
}

/// What one poll brought.
struct Page {
    /// Absent when there is nothing in it.
    body: Option<Vec<u8>>,
    /// Whether another page of the same follows.
    more: bool,
    /// Whether ShipBob will take no more calls for now: its limit is 150 a minute for
    /// all that a merchant's application asks.
    exhausted: bool,
}

// === impl Page ===

impl Page {
    fn new(answer: &Response, body: Option<Vec<u8>>, more: bool) -> Page {
        Page {
            body,
            more,
            exhausted: answer.header("x-remaining-calls") == Some("0"),
        }
    }
}

fn fetch(
    config: &Config<'_>,
    feeds: &[Feed],
    cursor: Cursor,
    mut conversation: Conversation<'_>,
) -> Result<PollStep, Pause> {
    let page = match cursor.feed {
        Feed::Inventory => stock(config, "/inventory-level", &mut conversation)?,
        Feed::Locations => stock(config, "/inventory-level/locations", &mut conversation)?,
        Feed::Orders => orders(config, &cursor, &mut conversation)?,
        Feed::Returns => returns(config, &cursor, &mut conversation)?,
    };
    let message = |body| {
        PolledMessage::new("application/json", body)
            .with_header(FEED_HEADER, cursor.feed.name())
            .with_header(POLLED_AT_HEADER, &cursor.round)
    };
    let messages = page.body.map(message).into_iter().collect();
    let next = cursor.after(feeds, page.more);
    let place = next
        .as_ref()
        .map_or_else(|| cursor.write_end(), Cursor::write);
    let polled = Polled::new(messages, Some(place));
    Ok(PollStep::Messages(match next {
        Some(_) if !page.exhausted => polled.and_more(),
        _ => polled,
    }))
}

/// All pages of the stock, put together where there are several.
fn stock(
    config: &Config<'_>,
    path: &str,
    conversation: &mut Conversation<'_>,
) -> Result<Page, Pause> {
    let mut query = format!("PageSize={}", config.page_size()?);
    let mut pages: Vec<&[u8]> = Vec::new();
    let last = loop {
        let answer = ask(config, conversation, &format!("{path}?{query}"))?;
        pages.push(&answer.body);
        match next_query(answer)? {
            None => break answer,
            Some(next) => query = next,
        }
        let most = config.pages_max()?;
        if pages.len() >= most as usize {
            let text = format!("the stock has more than {most} pages");
            let problem = Problem::settings("pages-exceeded", text)
                .with_remedy("raise `pages-max` or `page-size`");
            return Err(problem.into());
        }
    };
    let body = match pages.as_slice() {
        [page] => page.to_vec(),
        pages => Object::new()
            .raw_list(PAGES_FIELD, pages.iter().copied())
            .into_vec(),
    };
    Ok(Page::new(last, Some(body), false))
}

/// A page of orders that have changed.
fn orders(
    config: &Config<'_>,
    cursor: &Cursor,
    conversation: &mut Conversation<'_>,
) -> Result<Page, Pause> {
    let size = config.page_size()?;
    let path = format!(
        "/order?LastUpdateStartDate={}&LastUpdateEndDate={}&Limit={size}&Page={}",
        escape(&cursor.from),
        escape(&cursor.round),
        cursor.page
    );
    let answer = ask(config, conversation, &path)?;
    let tree = Tree::parse(&answer.body).map_err(Problem::from)?;
    let count = Part::root(&tree).items()?.len();
    let body = (count > 0).then(|| answer.body.clone());
    Ok(Page::new(answer, body, count >= size as usize))
}

/// A page of returns that were completed.
fn returns(
    config: &Config<'_>,
    cursor: &Cursor,
    conversation: &mut Conversation<'_>,
) -> Result<Page, Pause> {
    let path = format!(
        "/return?CompletedStartDate={}&CompletedEndDate={}&SortOrder=Asc&Limit={}&Cursor={}",
        escape(&cursor.from),
        escape(&cursor.round),
        config.page_size()?,
        cursor.page
    );
    let answer = ask(config, conversation, &path)?;
    let more = next_query(answer)?.is_some();
    let tree = Tree::parse(&answer.body).map_err(Problem::from)?;
    let root = Part::root(&tree);
    let items = root.get("items");
    let body = (items.items()?.len() > 0).then(|| answer.body.clone());
    Ok(Page::new(answer, body, more))
}

fn ask<'x>(
    config: &Config<'_>,
    conversation: &mut Conversation<'x>,
    path: &str,
) -> Result<&'x Response, Pause> {
    let request = || {
        let request = Request::get(config.path(path));
        Ok(request.with_header("accept", "application/json"))
    };
    conversation.ask_done(request, PATHS)
}

/// The query of the next page's address. Only that is taken over: where to ask is for
/// the endpoint and the settings to say, not for an answer.
fn next_query(answer: &Response) -> Result<Option<String>, Problem> {
    let tree = Tree::parse(&answer.body)?;
    let root = Part::root(&tree);
    root.object()?;
    let next = root.get("next");
    let Some(address) = next.optional_text()? else {
        return Ok(None);
    };
    let query = address.split_once('?').map(|(_, query)| query);
    let sound = |query: &&str| {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte);
        !query.is_empty() && query.bytes().all(plain)
    };
    match query.filter(sound) {
        Some(query) => Ok(Some(query.to_owned())),
        None => Err(next.problem("next-invalid", "expected the address of the next page")),
    }
}
