//! What may be applied for: a first card, a reissue, a renewal.

use super::Decided;
use crate::model::{
    AppState, BankAccount, CardState, FEE_IN_PROGRESS, Grant, Kind, Member, Partner, Product, Wish,
};

impl Partner {
    pub(super) fn issue(&self, user: u64, service: &str, plastic: Wish) -> Decided<Grant> {
        if !self.is_member(user) {
            return Err("001_006");
        }
        let product = self.products.get(service).filter(|product| product.is_active);
        let product = product.ok_or("000_002")?;
        if plastic == Wish::Unwanted && !product.comes_without_plastic() {
            return Err("003_024");
        }
        let member = self.may_pay(user, product)?;
        let (with_plastic, without) = product.fees.issue;
        let fee = if plastic == Wish::Wanted { with_plastic } else { without };
        let bank = if fee > 0 { Some(member.charged()?) } else { None };
        let (kind, service) = (Kind::Issue, service.to_owned());
        Ok(Grant { kind, account: None, service, plastic, fee, is_waived: false, bank })
    }

    pub(super) fn reissue(&self, user: u64, number: &str, plastic: Wish) -> Decided<Grant> {
        if !self.is_member(user) {
            return Err("001_006");
        }
        let id = self.account_of(user, self.by_number.get(number)).ok_or("003_001")?;
        let account = self.accounts.get(&id).ok_or("003_001")?;
        if account.successor.is_some() {
            return Err("003_018");
        }
        if account.state == CardState::Terminated {
            return Err("003_022");
        }
        match self.open_for(id).map(|open| open.state) {
            Some(AppState::Paying) => return Err(FEE_IN_PROGRESS),
            Some(_) => return Err("003_020"),
            None => {}
        }
        if account.state != CardState::Suspended {
            return Err("003_901");
        }
        let (service, next) = self.next_product(&account.service).ok_or("003_048")?;
        if plastic == Wish::Unwanted && !next.comes_without_plastic() {
            return Err("003_024");
        }
        if !next.is_active {
            return Err("003_048");
        }
        let member = self.may_pay(user, next)?;
        let (with_plastic, without) = next.fees.reissue;
        let fee = if plastic == Wish::Wanted { with_plastic } else { without };
        let is_waived = fee > 0 && next.is_first_free && account.reissues == 0;
        let fee = if is_waived { 0 } else { fee };
        let bank = if fee > 0 { Some(member.charged()?) } else { None };
        Ok(Grant { kind: Kind::Reissue, account: Some(id), service, plastic, fee, is_waived, bank })
    }

    /// It always comes with plastic, and has one code for whatever is wrong with its fee.
    pub(super) fn renew(&self, user: u64, number: &str, at_us: i64) -> Decided<Grant> {
        if !self.is_member(user) {
            return Err("001_006");
        }
        let id = self.account_of(user, self.by_number.get(number)).ok_or("003_008")?;
        let account = self.accounts.get(&id).ok_or("003_008")?;
        if account.successor.is_some() {
            return Err("003_004");
        }
        match self.open_for(id).map(|open| (open.state, open.kind)) {
            Some((AppState::Paying, _)) => return Err(FEE_IN_PROGRESS),
            Some((_, Kind::Renew)) => return Err("003_004"),
            Some(_) => return Err("003_020"),
            None => {}
        }
        let left = account.expiry.days_left(at_us);
        if account.state == CardState::Terminated || left < 0 {
            return Err("003_005");
        }
        if left > 30 {
            return Err("003_006");
        }
        let (service, next) = self.next_product(&account.service).ok_or("003_009")?;
        if !next.is_active {
            return Err("003_009");
        }
        let member = self.may_pay(user, next)?;
        let fee = next.fees.renewal;
        let bank = if fee > 0 { Some(member.charged().map_err(|_| "003_010")?) } else { None };
        let (kind, account, plastic) = (Kind::Renew, Some(id), Wish::Wanted);
        Ok(Grant { kind, account, service, plastic, fee, is_waived: false, bank })
    }

    /// What a product's cards are replaced by.
    fn next_product(&self, service: &str) -> Option<(String, &Product)> {
        let next = self.products.get(service).and_then(|product| product.next.clone());
        let service = next.unwrap_or_else(|| service.to_owned());
        let product = self.products.get(&service)?;
        Some((service, product))
    }

    /// The member, where the product may be theirs.
    fn may_pay(&self, user: u64, product: &Product) -> Decided<&Member> {
        let member = self.members.get(&user).ok_or("001_006")?;
        if product.is_abroad && !member.is_verified { Err("003_044") } else { Ok(member) }
    }
}

impl Product {
    const fn comes_without_plastic(&self) -> bool {
        self.is_pre_issuance && self.is_mobile_only_allowed
    }
}

impl Member {
    /// The account that a fee is drawn from: the primary one, else the one registered last.
    fn charged(&self) -> Decided<i64> {
        let there = self.banks.iter().filter(|bank| bank.state != "DELETED");
        let registered = there.clone().filter(|bank| bank.state == "REGISTERED");
        let order = |bank: &&BankAccount| (bank.is_primary, bank.registered_ms, bank.id);
        match registered.max_by_key(order) {
            Some(bank) => Ok(bank.id),
            None if there.count() == 0 => Err("007_001"),
            None => Err("003_019"),
        }
    }
}
