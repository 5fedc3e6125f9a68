//! Invoices and credit memos.

use crate::{
    Adjustment, Decimal, Invoice, InvoiceLine, InvoiceType, ItemId, Money, Purpose, Quantity, Tax,
};

impl Tax {
    /// A tax of so much; the rate in per cent where it is known.
    pub fn new(code: impl Into<String>, amount: Money, rate: Option<Decimal>) -> Tax {
        Tax {
            code: code.into(),
            amount,
            rate,
        }
    }
}

impl Adjustment {
    /// Something added.
    pub fn charge(code: impl Into<String>, amount: Money) -> Adjustment {
        Adjustment {
            charge: true,
            code: code.into(),
            amount,
            text: None,
        }
    }

    /// Something taken off; the amount is positive all the same.
    pub fn allowance(code: impl Into<String>, amount: Money) -> Adjustment {
        Adjustment {
            charge: false,
            code: code.into(),
            amount,
            text: None,
        }
    }
}

impl InvoiceLine {
    /// One invoiced item.
    pub fn new(
        line_no: impl Into<String>,
        quantity: Quantity,
        unit_price: Money,
        items: Vec<ItemId>,
    ) -> InvoiceLine {
        InvoiceLine {
            line_no: line_no.into(),
            quantity,
            unit_price,
            items,
            amount: None,
            description: None,
            adjustments: Vec::new(),
            taxes: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl Invoice {
    /// A first invoice without lines; `invoice_date` is `YYYY-MM-DD`.
    pub fn new(
        invoice_no: impl Into<String>,
        invoice_date: impl Into<String>,
        invoice_type: InvoiceType,
        total: Money,
    ) -> Invoice {
        Invoice {
            invoice_no: invoice_no.into(),
            invoice_date: invoice_date.into(),
            invoice_type,
            purpose: Purpose::Original,
            order_no: None,
            customer_po: None,
            rma_no: None,
            shipment_id: None,
            terms: None,
            due: None,
            parties: Vec::new(),
            references: Vec::new(),
            lines: Vec::new(),
            adjustments: Vec::new(),
            taxes: Vec::new(),
            total,
            extras: Vec::new(),
        }
    }
}
