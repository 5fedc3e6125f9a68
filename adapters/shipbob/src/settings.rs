//! What differs from merchant to merchant.

use crossdock_sdk::http::escape;
use crossdock_sdk::{
    ItemId, ItemScheme, MilestoneCode, Order, Problem, Setting, Settings, StockKind, json,
};

/// The version whose reference this adapter was written to.
const VERSION: &str = "2026-01";

/// ShipBob's own limit for orders: 250 (its guide on tracking).
const PAGE_SIZE: u32 = 250;

/// Pages of stock in one snapshot; each is a step of one conversation.
const PAGES_MAX: u32 = 40;

/// What a stock figure counts, by the middle of its name (`total_on_hand_quantity`).
///
/// The guide says that sellable leaves out exception orders, the reference that it
/// adds what is awaited; so it stays what it is called. The same for exception.
const STOCK_KINDS: [(&str, StockKind); 5] = [
    ("on_hand", StockKind::OnHand),
    ("fulfillable", StockKind::Available),
    ("committed", StockKind::Committed),
    ("awaiting", StockKind::InTransit),
    ("backordered", StockKind::Backordered),
];

/// What the status of a shipment or of its tracking means. Statuses are from the
/// status reference; those of carriers are names of a status detail.
const MILESTONES: [(&str, MilestoneCode); 14] = [
    ("labelcreated", MilestoneCode::Created),
    ("labeledcreated", MilestoneCode::Created),
    ("processing", MilestoneCode::Accepted),
    ("awaitingcarrierscan", MilestoneCode::Packed),
    ("completed", MilestoneCode::DepartedOrigin),
    ("intransit", MilestoneCode::InTransit),
    ("outfordelivery", MilestoneCode::OutForDelivery),
    ("delivered", MilestoneCode::Delivered),
    ("deliveryattemptfailed", MilestoneCode::Attempted),
    ("deliveryexception", MilestoneCode::Delayed),
    ("exception", MilestoneCode::Delayed),
    ("onhold", MilestoneCode::Delayed),
    ("cancelled", MilestoneCode::Cancelled),
    ("cleansweeped", MilestoneCode::Cancelled),
];

/// Units of measure that need no table: Recommendation 20 on the left, ShipBob's
/// `quantity_unit_of_measure_code` on the right.
const UNITS: [(&str, &str); 3] = [("EA", "EA"), ("C62", "EA"), ("CS", "CS")];

/// Wishes of an order that ShipBob has no field for.
pub(crate) const WISHES: [&str; 5] = [
    "not-before",
    "cancel-after",
    "requested-ship",
    "requested-delivery",
    "lot-required",
];

/// Every setting, for the description and for the check against typing errors.
pub(crate) fn described() -> Vec<Setting> {
    let mut settings = sending();
    settings.extend(receiving());
    settings
}

/// What is needed to send.
fn sending() -> Vec<Setting> {
    let with = Setting::with_default;
    let optional = Setting::optional;
    vec![
        with(
            "api-version",
            "Version of the API, the first part of every path",
            VERSION,
        ),
        optional(
            "channel-id",
            "The channel that orders are placed in; needed to send orders",
        ),
        with(
            "shipping-method",
            "Shipping method where the order names no service",
            "Standard",
        ),
        optional(
            "shipping-method.*",
            "Shipping method for one service of the order's carrier",
        ),
        with("order-type", "`DTC`, `DropShip` or `B2B`", "DTC"),
        optional(
            "retailer-program",
            "`retailer_program_type` of orders that are not DTC",
        ),
        with(
            "item-scheme",
            "Which number of an item is ShipBob's product `reference_id`",
            "sku",
        ),
        optional(
            "unit.*",
            "ShipBob's code (EA, INP, CS, PL) for one of our units",
        ),
        with(
            "currency",
            "Currency of prices, which ShipBob does not name",
            "USD",
        ),
        optional(
            "node.*",
            "ShipBob's location id of one of our nodes, for both ways",
        ),
        with(
            "ignore",
            "Wishes that are dropped because ShipBob has no field for them, with commas: \
             not-before, cancel-after, requested-ship, requested-delivery, lot-required",
            "requested-ship,requested-delivery",
        ),
        with(
            "change",
            "How an order is changed: `refuse`, or `cancel-and-create`",
            "refuse",
        ),
        with(
            "revision-separator",
            "What stands between order number and revision",
            "~r",
        ),
        optional(
            "cancel-path",
            "`colon` for /order/ID:cancel and /return/ID:cancel, `slash` for /cancel",
        ),
    ]
}

/// What is needed to read and to poll.
fn receiving() -> Vec<Setting> {
    let with = Setting::with_default;
    let optional = Setting::optional;
    vec![
        optional(
            "milestone.*",
            "Milestone code for one of ShipBob's statuses",
        ),
        optional(
            "stock-kind.*",
            "Stock kind, or `ignore`, for a figure such as `sellable`",
        ),
        with(
            "poll",
            "What is polled, with commas: inventory, inventory-locations, orders, returns",
            "inventory",
        ),
        with("page-size", "Records in one page of what is polled", "250"),
        with(
            "pages-max",
            "Pages of one stock snapshot; more are an error",
            "40",
        ),
        optional(
            "since",
            "RFC 3339: where the first poll of orders and returns begins",
        ),
    ]
}

/// The settings of one merchant, checked as far as they are needed.
#[derive(Clone, Copy)]
pub(crate) struct Config<'s> {
    settings: Settings<'s>,
    version: &'s str,
}

/// What can be polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feed {
    /// Stock of the whole network.
    Inventory,
    /// Stock of each location.
    Locations,
    /// Orders with news about their shipments, should a webhook have been lost.
    Orders,
    /// Returns that were completed, likewise.
    Returns,
}

// === impl Feed ===

impl Feed {
    pub(crate) const ALL: [Feed; 4] = [
        Feed::Inventory,
        Feed::Locations,
        Feed::Orders,
        Feed::Returns,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Feed::Inventory => "inventory",
            Feed::Locations => "inventory-locations",
            Feed::Orders => "orders",
            Feed::Returns => "returns",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Feed> {
        Feed::ALL.into_iter().find(|feed| feed.name() == name)
    }
}

// === impl Config ===

impl<'s> Config<'s> {
    /// # Errors
    /// When a setting is unknown, or the version can't be part of a path.
    pub(crate) fn new(entries: &'s [(String, String)]) -> Result<Config<'s>, Problem> {
        let settings = Settings::new(entries);
        settings.check(&described())?;
        let version = settings.get_or("api-version", VERSION);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        if !version.bytes().all(plain) {
            return Err(invalid("api-version", version, "a version such as 2026-01"));
        }
        Ok(Config { settings, version })
    }

    /// A path of the API.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/{}{rest}", self.version)
    }

    /// The path that cancels an order. Versions 1.0 and 2.0 have `/cancel`, 2026-01 and
    /// 2026-07 `:cancel`; of 2025-07 nothing was found, hence the setting.
    ///
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn cancel_path(&self, id: &str) -> Result<String, Problem> {
        self.cancelling("order", id)
    }

    /// The same of a return that is awaited.
    ///
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn cancel_return_path(&self, id: &str) -> Result<String, Problem> {
        self.cancelling("return", id)
    }

    fn cancelling(&self, what: &str, id: &str) -> Result<String, Problem> {
        let dated = self.version.starts_with("20");
        let default = if dated { "colon" } else { "slash" };
        let separator = match self
            .settings
            .choice("cancel-path", default, &["colon", "slash"])?
        {
            "colon" => ':',
            _ => '/',
        };
        Ok(self.path(&format!("/{what}/{}{separator}cancel", escape(id))))
    }

    /// # Errors
    /// `setting-missing`.
    pub(crate) fn channel(&self) -> Result<&'s str, Problem> {
        self.settings.required("channel-id")
    }

    pub(crate) fn shipping_method(&self, order: &Order) -> &'s str {
        let service = order
            .carrier
            .as_ref()
            .and_then(|carrier| carrier.service.as_deref());
        service
            .and_then(|service| self.settings.table("shipping-method").get(service))
            .unwrap_or_else(|| self.settings.get_or("shipping-method", "Standard"))
    }

    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn order_type(&self) -> Result<&'static str, Problem> {
        self.settings
            .choice("order-type", "DTC", &["DTC", "DropShip", "B2B"])
    }

    /// # Errors
    /// `setting-missing`.
    pub(crate) fn retailer_program(&self) -> Result<&'s str, Problem> {
        self.settings.required("retailer-program")
    }

    /// Which number of an item is ShipBob's `reference_id` of the product.
    ///
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn item_scheme(&self) -> Result<ItemScheme, Problem> {
        let name = self.settings.get_or("item-scheme", "sku");
        json::code(name).ok_or_else(|| invalid("item-scheme", name, "an item scheme such as sku"))
    }

    /// A product's `reference_id` as a number of the item.
    ///
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn item(&self, reference: &str) -> Result<ItemId, Problem> {
        Ok(ItemId::new(self.item_scheme()?, reference))
    }

    /// ShipBob's code for a unit.
    ///
    /// # Errors
    /// `unit-unmapped`.
    pub(crate) fn unit(&self, unit: &str) -> Result<&'s str, Problem> {
        let known = || {
            UNITS
                .iter()
                .find(|(ours, _)| *ours == unit)
                .map(|(_, theirs)| *theirs)
        };
        self.settings
            .table("unit")
            .get(unit)
            .or_else(known)
            .ok_or_else(|| {
                let text = format!("the setting `unit.{unit}` is missing");
                Problem::settings("unit-unmapped", text)
                    .with_value(unit)
                    .with_remedy(format!("set `unit.{unit}` to EA, INP, CS or PL"))
            })
    }

    pub(crate) fn currency(&self) -> &'s str {
        self.settings.get_or("currency", "USD")
    }

    /// Whether a wish that ShipBob has no field for may be dropped.
    ///
    /// # Errors
    /// `setting-invalid` when the list names something else.
    pub(crate) fn ignores(&self, wish: &str) -> Result<bool, Problem> {
        let list = self
            .settings
            .get_or("ignore", "requested-ship,requested-delivery");
        let names = || {
            list.split(',')
                .map(str::trim)
                .filter(|name| *name != "none")
        };
        match names().find(|name| !WISHES.contains(name)) {
            Some(name) => Err(invalid(
                "ignore",
                name,
                &format!("some of {}", WISHES.join(", ")),
            )),
            None => Ok(names().any(|name| name == wish)),
        }
    }

    /// ShipBob's location for a node of ours.
    ///
    /// # Errors
    /// `node-unmapped`.
    pub(crate) fn location(&self, node: &str) -> Result<i64, Problem> {
        let id = self.settings.table("node").get(node).unwrap_or(node);
        id.parse().map_err(|_| {
            let text = format!("the setting `node.{node}` is missing or not a location id");
            Problem::settings("node-unmapped", text)
                .with_value(id)
                .with_remedy(format!("set `node.{node}` to the id of the location"))
        })
    }

    /// Our node for a location of ShipBob; the id itself where we have no name.
    pub(crate) fn node(&self, location: &str) -> String {
        let node = self.settings.table("node").key_of(location);
        node.unwrap_or(location).to_owned()
    }

    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn charges(&self) -> Result<bool, Problem> {
        self.settings.flag("charges", false)
    }

    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn recreates(&self) -> Result<bool, Problem> {
        let word = self
            .settings
            .choice("change", "refuse", &["refuse", "cancel-and-create"])?;
        Ok(word == "cancel-and-create")
    }

    fn separator(&self) -> &'s str {
        self.settings.get_or("revision-separator", "~r")
    }

    /// ShipBob's reference for a revision of an order: it takes each only once.
    pub(crate) fn reference(&self, order_no: &str, revision: Option<&str>) -> String {
        match revision {
            Some(revision) => format!("{order_no}{}{revision}", self.separator()),
            None => order_no.to_owned(),
        }
    }

    /// The order's number in a reference that may name a revision.
    ///
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn order_no<'r>(&self, reference: &'r str) -> Result<&'r str, Problem> {
        if !self.recreates()? {
            return Ok(reference);
        }
        Ok(match reference.rsplit_once(self.separator()) {
            Some((order_no, _)) if !order_no.is_empty() => order_no,
            _ => reference,
        })
    }

    /// What a status of ShipBob's means; an unknown one travels as it is.
    ///
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn milestone(&self, status: &str) -> Result<MilestoneCode, Problem> {
        if let Some(name) = self.settings.table("milestone").get(status) {
            let setting = format!("milestone.{status}");
            return json::code(name).ok_or_else(|| invalid(&setting, name, "a milestone code"));
        }
        let plain: String = status
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        let known = MILESTONES.into_iter().find(|(name, _)| *name == plain);
        Ok(known.map_or_else(|| MilestoneCode::Other(status.to_owned()), |(_, code)| code))
    }

    /// What a stock figure counts; absent when it is to be ignored.
    ///
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn stock_kind(&self, figure: &str) -> Result<Option<StockKind>, Problem> {
        match self.settings.table("stock-kind").get(figure) {
            Some("ignore") => Ok(None),
            Some(name) => {
                let setting = format!("stock-kind.{figure}");
                let kind = json::code(name);
                Ok(Some(kind.ok_or_else(|| {
                    invalid(&setting, name, "a stock kind or `ignore`")
                })?))
            }
            None => {
                let known = STOCK_KINDS.into_iter().find(|(name, _)| *name == figure);
                Ok(Some(known.map_or_else(
                    || StockKind::Other(figure.to_owned()),
                    |(_, kind)| kind,
                )))
            }
        }
    }

    /// What is polled, in order.
    ///
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn feeds(&self) -> Result<Vec<Feed>, Problem> {
        let list = self.settings.get_or("poll", "inventory");
        let feed = |name: &str| {
            let name = name.trim();
            let known = Feed::ALL.map(Feed::name).join(", ");
            Feed::named(name).ok_or_else(|| invalid("poll", name, &format!("some of {known}")))
        };
        list.split(',').map(feed).collect()
    }

    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn page_size(&self) -> Result<u32, Problem> {
        self.settings.integer("page-size", PAGE_SIZE, 1..=PAGE_SIZE)
    }

    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn pages_max(&self) -> Result<u32, Problem> {
        self.settings.integer("pages-max", PAGES_MAX, 1..=1000)
    }

    pub(crate) fn since(&self) -> Option<&'s str> {
        self.settings.get("since")
    }
}

fn invalid(name: &str, value: &str, expected: &str) -> Problem {
    let text = format!("the setting `{name}` is \"{value}\", expected {expected}");
    Problem::settings("setting-invalid", text).with_value(value)
}
