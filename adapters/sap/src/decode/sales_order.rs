//! `A_SalesOrder` of API_SALES_ORDER_SRV to orders.
//!
//! Numbers come without padding, quantities and amounts as texts, dates as
//! `/Date(ms)/`. Items and partners are there only where the request expanded them.

use crossdock_sdk::json::{Node, Tree};
use crossdock_sdk::{
    Decimal, Decoded, DecodedDocument, Document, DocumentError, Extras, IdScheme, ItemId,
    ItemScheme, Lot, Moment, Money, Order, OrderLine, OrderType, Party, Problem, Purpose, Quantity,
    Source, host, odata,
};

use crate::codes;
use crate::settings::Reading;
use crossdock_sdk::Refusal;

/// What an order or an item has a field for; of the rest only texts that say something
/// are kept.
const ORDER_READ: [&str; 9] = [
    "LastChangeDateTime",
    "SalesOrder",
    "PurchaseOrderByCustomer",
    "SalesOrderType",
    "SalesOrderDate",
    "RequestedDeliveryDate",
    "SoldToParty",
    "TotalNetAmount",
    "TransactionCurrency",
];
const ITEM_READ: [&str; 8] = [
    "SalesOrder",
    "SalesOrderItem",
    "Material",
    "MaterialByCustomer",
    "RequestedQuantity",
    "RequestedQuantityUnit",
    "SalesOrderItemText",
    "Batch",
];

/// Reads an answer of the service, or a stored one.
///
/// # Errors
/// When it is no JSON, or holds no entities.
pub(crate) fn decode(body: &[u8], config: &Reading<'_>) -> Result<Decoded, Refusal> {
    let tree = Tree::parse(body).map_err(Problem::from)?;
    if let Some(fault) = odata::Fault::of(body) {
        let text = format!(
            "the answer is an error of SAP's: {} {}",
            fault.code, fault.text
        );
        return Err(Problem::partner_data("answer-is-error", text.trim_end())
            .at_pointer("/error")
            .with_remedy("send what the service answers when it succeeds")
            .into());
    }
    let Some(orders) = odata::results(tree.root()) else {
        let text = "the answer holds no entities: expected `d` with an entity or `results`";
        return Err(Problem::partner_data("message-shape", text)
            .at_pointer("/d")
            .with_remedy("send what API_SALES_ORDER_SRV/A_SalesOrder answers, as JSON")
            .into());
    };
    if orders.is_empty() {
        let text = "the answer holds no sales orders";
        return Err(Problem::partner_data("message-empty", text)
            .at_pointer("/d/results")
            .with_remedy("send answers that hold something; polling asks for nothing else")
            .into());
    }
    let documents = documents(&tree, orders, config);
    Ok(Decoded {
        documents,
        ..Decoded::default()
    })
}

/// Reads each order alone.
pub(crate) fn documents(
    tree: &Tree<'_>,
    orders: &[Node<'_>],
    config: &Reading<'_>,
) -> Vec<Result<DecodedDocument, DocumentError>> {
    let prefix = prefix(tree);
    let numbered = (0..).zip(orders);
    numbered
        .map(|(position, node)| {
            let source = Source {
                version: Some("API_SALES_ORDER_SRV".to_owned()),
                type_: Some("A_SalesOrder".to_owned()),
                transaction_control: text(node, "SalesOrder"),
                ..Source::new("odata", position)
            };
            let place = match &prefix {
                (list, true) => format!("{list}/{position}"),
                (entity, false) => entity.clone(),
            };
            let mut mapping = Mapping {
                config,
                place,
                faults: Vec::new(),
                findings: Vec::new(),
            };
            let order = mapping.order(node);
            if mapping.faults.is_empty() {
                Ok(DecodedDocument {
                    document: Document::Order(order),
                    source,
                    findings: mapping.findings,
                })
            } else {
                Err(DocumentError {
                    problems: mapping.faults,
                    source,
                })
            }
        })
        .collect()
}

/// Where entities stand in the text, and whether they are a list there.
fn prefix(tree: &Tree<'_>) -> (String, bool) {
    let root = tree.root();
    let (data, mut place) = match root.get("d") {
        Some(data) => (data, "/d".to_owned()),
        None => (root, String::new()),
    };
    if data.get("results").is_some() {
        place.push_str("/results");
        return (place, true);
    }
    (place, data.items().is_some())
}

fn text(node: &Node<'_>, field: &str) -> Option<String> {
    node.get(field)
        .and_then(Node::as_id)
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// The mapping of one order.
struct Mapping<'c> {
    config: &'c Reading<'c>,
    place: String,
    faults: Vec<Problem>,
    findings: Vec<Problem>,
}

// === impl Mapping ===

impl Mapping<'_> {
    fn order(&mut self, node: &Node<'_>) -> Order {
        let order_no = match text(node, "SalesOrder") {
            Some(number) => self.config.number(&number).to_owned(),
            None => {
                self.fault(
                    "field-missing",
                    "SalesOrder",
                    "the order has no number",
                    "expand or select it in the request",
                );
                String::new()
            }
        };
        let mut order = Order::new(order_no);
        // SAP dates the last change only once there was one.
        if text(node, "LastChangeDate").is_some() {
            order.purpose = Purpose::Change;
        }
        // Two answers that tell of the same change are the same; others are not.
        order.revision = self
            .moment(node, "LastChangeDateTime", &mut order.extras)
            .map(|moment| moment.text);
        order.customer_po = text(node, "PurchaseOrderByCustomer");
        order.order_type = text(node, "SalesOrderType").map(OrderType::Other);
        order.order_date = self
            .moment(node, "SalesOrderDate", &mut order.extras)
            .map(|it| it.text);
        order.requested_delivery = self.moment(node, "RequestedDeliveryDate", &mut order.extras);
        order.parties = self.parties(node);
        let currency = text(node, "TransactionCurrency");
        if let Some(amount) = text(node, "TotalNetAmount").and_then(|it| it.parse().ok())
            && let Some(currency) = &currency
        {
            order.total_amount = Some(Money::new(amount, currency));
        }
        match expanded(node, "to_Item") {
            Some(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let Some(line) = self.line(item, index) {
                        order.lines.push(line);
                    }
                }
                match (order.lines.is_empty(), items.is_empty()) {
                    (true, false) => order.purpose = Purpose::Cancel,
                    (true, true) => {
                        self.fault(
                            "items-missing",
                            "to_Item",
                            "the order has no items",
                            "ask for it again once it has",
                        );
                    }
                    _ => {}
                }
            }
            None => self.fault(
                "items-missing",
                "to_Item",
                "the order's items are not in the answer",
                "request them with $expand=to_Item",
            ),
        }
        if self.config.keep_extras {
            keep(&mut order.extras, "A_SalesOrder", node, &ORDER_READ);
        }
        order
    }

    fn parties(&self, node: &Node<'_>) -> Vec<Party> {
        let party = |role, id: &str| {
            Party::new(role).with_id(IdScheme::Organisation, self.config.number(id))
        };
        let partners = expanded(node, "to_Partner").unwrap_or_default();
        let mut parties: Vec<Party> = partners
            .iter()
            .filter_map(|partner| {
                let id = text(partner, "Customer").or_else(|| text(partner, "Supplier"))?;
                let function = text(partner, "PartnerFunction")?;
                Some(party(codes::odata_role(&function), &id))
            })
            .collect();
        if let Some(id) = text(node, "SoldToParty") {
            let buyer = party(crossdock_sdk::PartyRole::Buyer, &id);
            if !parties.iter().any(|known| known.role == buyer.role) {
                parties.insert(0, buyer);
            }
        }
        parties
    }

    /// An item; none where it was rejected, which is how SAP cancels one.
    fn line(&mut self, node: &Node<'_>, index: usize) -> Option<OrderLine> {
        let at = |field: &str| format!("to_Item/results/{index}/{field}");
        let number = text(node, "SalesOrderItem").unwrap_or_else(|| (index + 1).to_string());
        let line_no = self.config.number(&number).to_owned();
        if let Some(reason) = text(node, "SalesDocumentRjcnReason") {
            let what = format!("item {line_no} was rejected with reason {reason} and is left out");
            let problem = Problem::partner_data("item-rejected", what).at_pointer(format!(
                "{}/{}",
                self.place,
                at("SalesDocumentRjcnReason")
            ));
            self.findings.push(problem);
            return None;
        }
        let quantity = self.quantity(node, &at("RequestedQuantity"), &at("RequestedQuantityUnit"));
        let mut items = Vec::new();
        if let Some(material) = text(node, "Material") {
            items.push(ItemId::sku(self.config.number(&material)));
        }
        if let Some(number) = text(node, "MaterialByCustomer") {
            items.push(ItemId::new(ItemScheme::Buyer, number));
        }
        if items.is_empty() {
            self.fault(
                "field-missing",
                &at("Material"),
                "the item has no number",
                "expand or select it in the request",
            );
        }
        let mut line = OrderLine::new(line_no, quantity, items);
        line.description = text(node, "SalesOrderItemText");
        line.lot_required = text(node, "Batch").map(Lot::new);
        if self.config.keep_extras {
            keep(&mut line.extras, "A_SalesOrderItem", node, &ITEM_READ);
        }
        Some(line)
    }

    fn quantity(&mut self, node: &Node<'_>, at: &str, unit_at: &str) -> Quantity {
        let value = text(node, "RequestedQuantity").unwrap_or_default();
        let value = value.parse().unwrap_or_else(|_| {
            self.fault(
                "number-invalid",
                at,
                "the quantity is no decimal number",
                "expected a text such as 12.000",
            );
            Decimal::ZERO
        });
        let code = text(node, "RequestedQuantityUnit");
        let unit = match &code {
            Some(code) => self.config.unit(code),
            None => self.config.default_unit.map(str::to_owned),
        };
        let unit = unit.unwrap_or_else(|| {
            let code = code.unwrap_or_default();
            let text = format!("no canonical unit is known for SAP's unit \"{code}\"");
            let problem = Problem::settings("unit-unmapped", text)
                .at_pointer(format!("{}/{unit_at}", self.place))
                .with_remedy(format!(
                    "set `unit.{code}` for the partner, or {}",
                    host::add_a_row("unit")
                ));
            self.faults.push(problem.with_value(&code));
            String::new()
        });
        Quantity::new(value, unit)
    }

    fn moment(&mut self, node: &Node<'_>, field: &str, extras: &mut Extras) -> Option<Moment> {
        let written = text(node, field)?;
        let moment = odata::moment(&written);
        if moment.is_none() {
            let problem = Problem::partner_data(
                "date-invalid",
                format!("{field} is no date of OData; kept among the extras"),
            )
            .at_pointer(format!("{}/{field}", self.place));
            self.findings.push(problem);
            extras.push((format!("A_SalesOrder.{field}"), written));
        }
        moment
    }

    fn fault(&mut self, code: &str, at: &str, what: &str, remedy: &str) {
        let problem = Problem::partner_data(code, what)
            .at_pointer(format!("{}/{at}", self.place))
            .with_remedy(remedy);
        self.faults.push(problem);
    }
}

/// The entities that a request expanded; absent where there is but a link to them.
fn expanded<'n, 'a>(node: &'n Node<'a>, field: &str) -> Option<&'n [Node<'a>]> {
    let inner = node.get(field)?;
    inner.get("results").unwrap_or(inner).items()
}

fn keep(extras: &mut Extras, name: &str, node: &Node<'_>, read: &[&str]) {
    for (field, value) in node.fields().unwrap_or_default() {
        let Some(value) = value.as_id().filter(|value| !value.is_empty()) else {
            continue;
        };
        let initial = crossdock_sdk::idoc::value::is_initial(value);
        if !initial && !read.contains(&&**field) && !field.starts_with("__") {
            extras.push((format!("{name}.{field}"), value.to_owned()));
        }
    }
}
