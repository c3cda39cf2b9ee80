//! Double entry. A posting moves an amount from one account's credit to another's debit, so a
//! journal of postings balances by construction.

use crate::ids::CardAccountId;
use crate::money::Money;

/// An account of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// What is owed to the holder of a card account (liability).
    Card(CardAccountId),
    /// What a payment gateway has taken for us and not yet paid out (asset).
    PgClearing(String),
    /// Fees earned (income).
    FeeIncome,
    /// Tax within the fees (liability).
    VatPayable,
    /// Fees to be given back (liability).
    ReturnPayable,
    /// The other side of balances that came with seeded and populated cards.
    Opening,
}

impl Account {
    /// The account's key in the database.
    pub fn key(&self) -> String {
        match self {
            Account::Card(id) => format!("card:{id}"),
            Account::PgClearing(gateway) => format!("pg-clearing:{gateway}"),
            Account::FeeIncome => "fee-income".to_owned(),
            Account::VatPayable => "vat-payable".to_owned(),
            Account::ReturnPayable => "return-payable".to_owned(),
            Account::Opening => "opening".to_owned(),
        }
    }

    /// The account of a key; `None` of what is no account of ours.
    pub fn of_key(key: &str) -> Option<Self> {
        let account = match key.split_once(':') {
            Some(("card", id)) => Account::Card(CardAccountId(id.parse().ok()?)),
            Some(("pg-clearing", gateway)) => Account::PgClearing(gateway.to_owned()),
            Some(_) => return None,
            None => match key {
                "fee-income" => Account::FeeIncome,
                "vat-payable" => Account::VatPayable,
                "return-payable" => Account::ReturnPayable,
                "opening" => Account::Opening,
                _ => return None,
            },
        };
        (account.key() == key).then_some(account)
    }
}

/// One posting: `amount`, which is more than nothing, is debited to one account and credited to
/// another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The account debited.
    pub debit: Account,
    /// The account credited.
    pub credit: Account,
    /// How much.
    pub amount: Money,
}

/// The postings of one event. Amounts of nothing are not posted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Journal(Vec<Posting>);

impl Journal {
    /// A fee was taken: Dr PG clearing / Cr fee income + VAT payable.
    pub fn fee_taken(gateway: &str, fee: Money, vat_basis_points: u32) -> Self {
        let (income, vat) = split_vat(fee, vat_basis_points);
        let clearing = || Account::PgClearing(gateway.to_owned());
        let mut journal = Journal::default();
        journal.post(clearing(), Account::FeeIncome, income);
        journal.post(clearing(), Account::VatPayable, vat);
        journal
    }

    /// A fee has to be given back: Dr fee income + VAT payable / Cr return payable.
    pub fn fee_owed_back(fee: Money, vat_basis_points: u32) -> Self {
        let (income, vat) = split_vat(fee, vat_basis_points);
        let mut journal = Journal::default();
        journal.post(Account::FeeIncome, Account::ReturnPayable, income);
        journal.post(Account::VatPayable, Account::ReturnPayable, vat);
        journal
    }

    /// What was owed back has been given: Dr return payable / Cr PG clearing.
    pub fn fee_returned(gateway: &str, fee: Money) -> Self {
        let mut journal = Journal::default();
        journal.post(Account::ReturnPayable, Account::PgClearing(gateway.to_owned()), fee);
        journal
    }

    /// A balance moves to a successor: Dr old card account / Cr new card account.
    pub fn balance_moved(old: CardAccountId, new: CardAccountId, balance: Money) -> Self {
        let mut journal = Journal::default();
        journal.post(Account::Card(old), Account::Card(new), balance);
        journal
    }

    /// A seeded or populated balance: Dr opening / Cr card account.
    pub fn opening(account: CardAccountId, balance: Money) -> Self {
        let mut journal = Journal::default();
        journal.post(Account::Opening, Account::Card(account), balance);
        journal
    }

    /// Both journals' postings as one.
    pub fn and(mut self, other: Journal) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The postings.
    pub fn postings(&self) -> &[Posting] {
        &self.0
    }

    fn post(&mut self, debit: Account, credit: Account, amount: Money) {
        if !amount.is_zero() {
            self.0.push(Posting { debit, credit, amount });
        }
    }
}

fn split_vat(fee: Money, vat_basis_points: u32) -> (Money, Money) {
    let vat = fee.tax_within(vat_basis_points);
    (fee.minus(vat).unwrap_or(Money::ZERO), vat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_split_without_losing_a_won() {
        for rate in [0, 1, 1_000, 9_999, 10_000] {
            for amount in [0, 1, 10, 11, 2_999, 3_000, i64::MAX] {
                let fee = Money::won(amount).unwrap();
                let journal = Journal::fee_taken("pg", fee, rate);
                let sum: i64 = journal.postings().iter().map(|each| each.amount.minor()).sum();
                assert_eq!(sum, amount, "{amount} at {rate}");
                assert!(journal.postings().iter().all(|each| !each.amount.is_zero()));
            }
        }
    }

    #[test]
    fn an_account_is_found_by_its_key_and_by_no_other_text() {
        for account in [
            Account::Card(CardAccountId(7)),
            Account::PgClearing("open-banking".to_owned()),
            Account::FeeIncome,
            Account::VatPayable,
            Account::ReturnPayable,
            Account::Opening,
        ] {
            assert_eq!(Account::of_key(&account.key()), Some(account));
        }
        for key in ["", "card", "card:", "card:07", "card:x", "fees", "opening:", "bank:1"] {
            assert_eq!(Account::of_key(key), None, "{key}");
        }
    }

    #[test]
    fn giving_back_undoes_the_income() {
        let fee = Money::won(3_000).unwrap();
        let taken = Journal::fee_taken("pg", fee, 1_000);
        let owed = Journal::fee_owed_back(fee, 1_000);
        for (credit, debit) in taken.postings().iter().zip(owed.postings()) {
            assert_eq!((&credit.credit, credit.amount), (&debit.debit, debit.amount));
        }
    }
}
