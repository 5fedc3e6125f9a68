//! Entries in the timeline of an order.
//!
//! With `key.timeline` an entry is upserted and told once. Without, it is created, and
//! an answer that is lost makes it twice: Salesforce has nothing else to tell two
//! entries apart by.

use crossdock_sdk::conversation::Pause;
use crossdock_sdk::http::escape;
use crossdock_sdk::json::Object;
use crossdock_sdk::{Moment, Problem, Request};

use super::{JSON, Talk, accepting, cut, patch};
use crate::answer;
use crate::settings::{Config, Timeline};

/// Longest texts of standard fields: Task.Subject, Task.Description and FeedItem.Body.
const SUBJECT_CHARS_MAX: usize = 255;
const TEXT_CHARS_MAX: usize = 32_000;
const FEED_CHARS_MAX: usize = 10_000;

/// One entry.
pub(super) struct Entry<'e> {
    /// The same for the same event.
    pub(super) key: String,
    /// What sort, in our words.
    pub(super) kind: &'e str,
    pub(super) text: String,
    pub(super) at: Moment,
}

/// Writes an entry below an order, where the settings say.
pub(super) fn write(
    talk: &mut Talk<'_>,
    order_id: Option<&str>,
    entry: &Entry<'_>,
) -> Result<(), Pause> {
    let config = talk.config;
    let mode = config.timeline()?;
    let object = match mode {
        Timeline::Nowhere => return Ok(()),
        Timeline::Task => "Task",
        Timeline::Feed => "FeedItem",
        Timeline::Object => config.timeline_object()?,
    };
    let key = config.timeline_key()?.filter(|_| mode != Timeline::Feed);
    let answer = talk.conversation.ask(|| {
        let body = fields(&config, mode, order_id, entry)?;
        Ok(match key {
            Some(key) => {
                let path = format!("/sobjects/{object}/{key}/{}", escape(&entry.key));
                patch(config.path(&path), body)
            }
            None => {
                let path = config.path(&format!("/sobjects/{object}"));
                accepting(Request::post(path, JSON, body.into_vec()))
            }
        })
    })?;
    answer::record(answer).map(drop)
}

fn fields(
    config: &Config<'_>,
    mode: Timeline,
    order_id: Option<&str>,
    entry: &Entry<'_>,
) -> Result<Object, Problem> {
    let text = cut(&entry.text, TEXT_CHARS_MAX);
    Ok(match mode {
        Timeline::Feed => Object::new()
            .optional_text("ParentId", order_id)
            .text("Type", "TextPost")
            .text("Body", &cut(&entry.text, FEED_CHARS_MAX)),
        Timeline::Object => Object::new()
            .optional_text(config.timeline_field("order")?, order_id)
            .text(config.timeline_field("kind")?, entry.kind)
            .text(config.timeline_field("text")?, &text)
            .text(config.timeline_field("at")?, &entry.at.text),
        Timeline::Task | Timeline::Nowhere => Object::new()
            .optional_text("WhatId", order_id)
            .text("Subject", &cut(entry.kind, SUBJECT_CHARS_MAX))
            .text("Description", &text)
            .text("Status", "Completed")
            .text("ActivityDate", entry.at.day()),
    })
}
