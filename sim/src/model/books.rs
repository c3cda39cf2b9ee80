//! What the books must say.

use std::collections::BTreeMap;

use super::{CLEARING, Fee, Partner, tax_within};

impl Partner {
    /// What each account of the ledger must hold, credits less debits, for cards and fees to be as
    /// they are: from their states alone, and not from what was posted.
    #[must_use]
    pub fn books(&self) -> BTreeMap<String, i64> {
        let mut books = BTreeMap::new();
        let mut add = |account: &str, won: i64| {
            *books.entry(account.to_owned()).or_default() += won;
        };
        for (id, account) in &self.accounts {
            add(&format!("card:{id}"), account.balance);
            // All that is on cards was put there when the first of each chain was opened.
            add("opening", -account.balance);
        }
        for application in self.applications.values() {
            let (fee, vat) = (application.fee, tax_within(application.fee));
            match application.money {
                Fee::Taken => {
                    add(CLEARING, -fee);
                    add("fee-income", fee - vat);
                    add("vat-payable", vat);
                }
                Fee::Owed => {
                    add(CLEARING, -fee);
                    add("return-payable", fee);
                }
                // What came has gone again.
                Fee::NotTaken | Fee::GivenBack => {}
            }
        }
        books
    }
}
