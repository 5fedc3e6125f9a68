//! `GET /v1/inventory/reconciliation`: a node's stock against the ERP's, position by
//! position, as JSON or CSV: as it is now, or as a daily report had it.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Pages, named};
use crate::{
    api::{
        Api, bad_value,
        instance::{Instance, Source},
        link,
        messages::on_blocking,
        not_found,
        problem::Problem,
        unavailable,
    },
    process::inventory_sync::{InventoryPosition, Row, to_csv, to_json},
    record::Record,
    view::ReportRow,
};

/// Reports that an answer lists, the newest ones.
const REPORTS_SHOWN_MAX: usize = 31;
/// Positions that one report has room for.
const POSITIONS_MAX: usize = 200_000;

/// Whose, which one, in which form.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    node: Option<String>,
    format: Format,
    /// The place of a kept report, as the list names it; the present without.
    report: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Format {
    #[default]
    Json,
    Csv,
}

/// `GET /v1/inventory/reconciliation?node=NODE`.
///
/// # Errors
/// 400 without a node, 404 for a node that never reported and for a report that is not
/// there, 422 for more positions than one report has room for.
pub async fn show(
    State(api): State<Arc<Api>>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|error| bad_value("query", error))?;
    on_blocking(move || {
        let node = asked.node.as_deref();
        let node = node.ok_or_else(|| bad_value("node", "name the node: node=north"))?;
        answer(&api.source(), node, &asked)
    })
    .await?
}

fn answer(source: &Source<'_>, node: &str, asked: &Asked) -> Result<Response, Problem> {
    let kept = source.view.reports(node, REPORTS_SHOWN_MAX);
    let report = match asked.report {
        Some(sequence) => {
            let chosen = kept.iter().find(|it| it.sequence.get() == sequence);
            let chosen = chosen.ok_or_else(|| {
                not_found(
                    "report",
                    &format!("{sequence} of {node} among the last {REPORTS_SHOWN_MAX}"),
                )
            })?;
            recorded(source, chosen)?
        }
        None => live(source, node, kept.is_empty())?,
    };
    match asked.format {
        Format::Csv => {
            let rows = rows_of(&report).map_err(unavailable)?;
            let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
            Ok(([(header::CONTENT_TYPE, kind)], to_csv(&rows)).into_response())
        }
        Format::Json => {
            let listed = kept.iter().map(|it| {
                let query = format!("node={}&report={}", link::segment(node), it.sequence.get());
                json!({
                    "report": it.sequence.get(),
                    "at": it.at.to_string(),
                    "positions": it.positions,
                    "link": format!("/v1/inventory/reconciliation?{query}"),
                })
            });
            let reports: Vec<_> = listed.collect();
            let mut body = json!({ "node": node, "reports": reports });
            // Moved, since it may be large.
            body["report"] = report;
            Ok(axum::Json(body).into_response())
        }
    }
}

/// The report as it would be made now.
fn live(source: &Source<'_>, node: &str, is_unknown: bool) -> Result<Value, Problem> {
    let mut rows: Vec<Row> = Vec::new();
    let mut pages = Pages::of(Some(node), None);
    while let Some((key, _)) = pages.next(source) {
        let Some(instance) = named(&key)
            .filter(|(of, _)| *of == node)
            .and_then(|_| Instance::of::<InventoryPosition>(source, &key))
        else {
            continue;
        };
        if let Some(state) = instance.state::<InventoryPosition>() {
            rows.extend(state.rows());
        }
        if rows.len() > POSITIONS_MAX {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "report-too-large",
                "Report too large",
            )
            .detail(format!(
                "{node} has more than {POSITIONS_MAX} positions; ask for them by item: GET /v1/inventory?node={}",
                link::segment(node)
            )));
        }
    }
    if rows.is_empty() && is_unknown {
        return Err(not_found(
            "node with stock",
            &node.chars().take(100).collect::<String>(),
        ));
    }
    let text = to_json(&rows, source.now).map_err(unavailable)?;
    serde_json::from_str(&text).map_err(unavailable)
}

/// A report as it was made then.
fn recorded(source: &Source<'_>, row: &ReportRow) -> Result<Value, Problem> {
    let bytes = source.journal.read(row.sequence).map_err(unavailable)?;
    let record = Record::from_bytes(&bytes).map_err(unavailable)?;
    let Record::Stepped(stepped) = record else {
        return Err(unavailable("the view differs from the journal"));
    };
    let index = usize::try_from(row.index).unwrap_or(usize::MAX);
    let report = stepped.reports.get(index);
    let report = report.ok_or_else(|| unavailable("the view differs from the journal"))?;
    serde_json::from_str(&report.json).map_err(unavailable)
}

fn rows_of(report: &Value) -> Result<Vec<Row>, serde_json::Error> {
    Vec::deserialize(&report["rows"])
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::api::inventory::tests::site;

    fn asked(format: Format, report: Option<u64>) -> Asked {
        Asked {
            node: None,
            format,
            report,
        }
    }

    async fn body(response: Response) -> String {
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_report_is_made_now_as_json_or_csv() {
        let site = site();
        let source = site.source();
        let json = answer(&source, "north", &asked(Format::Json, None)).unwrap();
        let told: Value = serde_json::from_str(&body(json).await).unwrap();
        assert_eq!(told["report"]["positions"], 2);
        assert_eq!(told["report"]["differing"], 1);
        assert_eq!(told["report"]["held"], 1);
        let csv = answer(&source, "north", &asked(Format::Csv, None)).unwrap();
        assert!(
            csv.headers()[header::CONTENT_TYPE]
                .to_str()
                .unwrap()
                .starts_with("text/csv")
        );
        let csv = body(csv).await;
        assert_eq!(csv.lines().count(), 3, "{csv}");
        assert!(csv.contains("north,CUP,on-hand,,90,100,-10,true,"), "{csv}");
    }

    #[tokio::test]
    async fn a_report_that_was_kept_is_told_as_it_was_made() {
        let mut site = site();
        let source = site.source();
        let live = live(&source, "north", false).unwrap();
        let kept = site.report("north", &live.to_string());
        let listed = answer(&site.source(), "north", &asked(Format::Json, None)).unwrap();
        let listed: Value = serde_json::from_str(&body(listed).await).unwrap();
        assert_eq!(listed["reports"][0]["report"], kept.get());
        let chosen = asked(Format::Csv, Some(kept.get()));
        let csv = body(answer(&site.source(), "north", &chosen).unwrap()).await;
        assert_eq!(csv, to_csv(&rows_of(&live).unwrap()));
    }

    #[test]
    fn a_node_or_report_that_is_not_there_is_not_found() {
        let site = site();
        let refused = |node, report| {
            let answered = answer(&site.source(), node, &asked(Format::Json, report));
            answered.unwrap_err().status().as_u16()
        };
        assert_eq!(refused("nowhere", None), 404);
        assert_eq!(refused("nor", None), 404);
        assert_eq!(refused("north", Some(99_999)), 404);
    }
}
