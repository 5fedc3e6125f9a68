//! Results of queries, page by page: behind the first page a locator leads to the rest,
//! and so it does for the lists of children inside.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::{Fault, Salesforce, soql::Query};
use crate::simulate::wire::{Answer, Request};

/// Records of a page, unless it is said otherwise.
const PAGE: usize = 2_000;

/// Locators that hold; the oldest goes.
const LOCATORS_MAX: usize = 100;

/// Results that were not shown to their end.
#[derive(Debug)]
pub(super) struct Cursors {
    page: usize,
    given: u64,
    rows: BTreeMap<String, Vec<Value>>,
    order: VecDeque<String>,
}

// === impl Cursors ===

impl Default for Cursors {
    fn default() -> Self {
        Self::of(PAGE)
    }
}

impl Cursors {
    /// Pages of so many records.
    pub(super) fn of(page: usize) -> Self {
        Self {
            page: page.max(1),
            given: 0,
            rows: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    /// A result: its first page, and the way to the next one.
    fn begin(&mut self, rows: Vec<Value>, page: usize, version: &str) -> Value {
        let total = rows.len();
        if total <= page {
            return json!({ "totalSize": total, "done": true, "records": rows });
        }
        self.given += 1;
        let locator = format!("01gD{:011}IAW", self.given);
        if self.order.len() == LOCATORS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.rows.remove(&oldest);
        }
        self.order.push_back(locator.clone());
        let first = rows[..page].to_vec();
        self.rows.insert(locator.clone(), rows);
        json!({
            "totalSize": total, "done": false, "records": first,
            "nextRecordsUrl": format!("/services/data/{version}/query/{locator}-{page}"),
        })
    }

    /// A further page.
    fn go_on(&self, locator: &str, page: usize, version: &str) -> Option<Value> {
        let (name, from) = locator.rsplit_once('-')?;
        let from: usize = from.parse().ok()?;
        let rows = self.rows.get(name)?;
        let shown = rows.get(from..)?;
        let end = from.saturating_add(page).min(rows.len());
        let mut result = json!({
            "totalSize": rows.len(), "done": end == rows.len(),
            "records": shown.iter().take(page).collect::<Vec<_>>(),
        });
        if end < rows.len() {
            let url = format!("/services/data/{version}/query/{name}-{end}");
            result["nextRecordsUrl"] = url.into();
        }
        Some(result)
    }

    /// How many records a page of this request has.
    fn page_of(&self, request: &Request) -> usize {
        let options = request.header("sforce-query-options").unwrap_or_default();
        let wanted = options.split(',').find_map(|it| {
            let (name, value) = it.trim().split_once('=')?;
            name.eq_ignore_ascii_case("batchSize")
                .then(|| value.parse::<usize>().ok())?
        });
        wanted.map_or(self.page, |wanted| wanted.clamp(200, PAGE))
    }
}

// === impl Salesforce ===

impl Salesforce {
    /// `GET /query?q=`.
    pub(super) fn query(&mut self, request: &Request, version: &str) -> Result<Answer, Fault> {
        let text = request.parameter("q").ok_or_else(|| {
            Fault::new(
                400,
                "MALFORMED_QUERY",
                "The query parameter 'q' is required",
            )
        })?;
        let query = Query::read(&text)?;
        let page = self.cursors.page_of(request);
        let found = query.find(&self.store);
        let note = format!("{} records of {}", found.len(), query.object.name);
        let cursors = &mut self.cursors;
        let mut list = |rows| cursors.begin(rows, page, version);
        let rows: Vec<Value> = found
            .into_iter()
            .map(|record| query.show(&self.store, record, version, &mut list))
            .collect();
        let result = self.cursors.begin(rows, page, version);
        Ok(Answer::json(200, &result).noted(note))
    }

    /// `GET /query/LOCATOR-OFFSET`.
    pub(super) fn more(
        &self,
        locator: &str,
        request: &Request,
        version: &str,
    ) -> Result<Answer, Fault> {
        let page = self.cursors.page_of(request);
        let result = self.cursors.go_on(locator, page, version);
        result
            .map(|it| Answer::json(200, &it))
            .ok_or_else(|| Fault::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator"))
    }
}
