//! The operations of this build, each in one file: `ops/<group>/<verb>.rs`.

use std::collections::HashMap;

use contract::Registry;
use contract::registry::Contradictions;

use crate::fee;
use crate::op::{self, Handler};

pub mod admin;
pub mod bank_account;
pub mod debit_card;
pub mod platen;
pub mod prepaid_card;

/// Paths are served bare and below this base.
pub const BASE: &str = "/open-api";

/// Every operation, in the order of the navigation: one line each.
fn all() -> Vec<Handler> {
    vec![
        op::write::<bank_account::named_card::NamedCard>(),
        fee::saga::<prepaid_card::issue::Issue>(),
        op::write::<prepaid_card::application_cancel::ApplicationCancel>(),
        fee::saga::<prepaid_card::reissue::Reissue>(),
        fee::saga::<prepaid_card::renew::Renew>(),
        op::inquiry::<prepaid_card::delivery_status::DeliveryStatus>(),
        op::inquiry::<prepaid_card::linkable_applications::LinkableApplications>(),
        op::write::<prepaid_card::physical_register::PhysicalRegister>(),
        op::inquiry::<prepaid_card::list::List>(),
        op::inquiry::<prepaid_card::unregistered_info::UnregisteredInfo>(),
        op::write::<prepaid_card::state::State>(),
        op::write::<prepaid_card::terminate::Terminate>(),
        op::inquiry::<prepaid_card::deduction_status::DeductionStatus>(),
        op::inquiry::<prepaid_card::user_mapping::UserMapping>(),
        op::inquiry::<prepaid_card::products::Products>(),
        op::inquiry::<prepaid_card::virtual_account::VirtualAccount>(),
        op::write::<debit_card::issue::Issue>(),
        op::write::<debit_card::limit::Limit>(),
        op::inquiry::<admin::product_detail::ProductDetail>(),
        op::inquiry::<admin::issued_cards::IssuedCards>(),
        op::write::<admin::product_create::ProductCreate>(),
        op::write::<platen::product_policy::ProductPolicy>(),
        op::write::<platen::product_range::ProductRange>(),
        op::write::<platen::delivery_resend::DeliveryResend>(),
        op::write::<platen::delivery_call_off::DeliveryCallOff>(),
        op::inquiry::<platen::events::Events>(),
        op::inquiry::<platen::reissue_quote::ReissueQuote>(),
        op::inquiry::<platen::card_timeline::CardTimeline>(),
        op::write::<platen::defect_report::DefectReport>(),
    ]
}

/// All operations, by path and by id.
pub struct Operations {
    handlers: Vec<Handler>,
    by_path: HashMap<&'static str, usize>,
    registry: Registry,
}

impl Operations {
    /// Those of this build.
    pub fn load() -> Result<Self, Contradictions> {
        Self::of(all())
    }

    /// Checks and indexes them; a registry that contradicts itself is refused.
    pub fn of(handlers: Vec<Handler>) -> Result<Self, Contradictions> {
        let entries = handlers.iter().map(|handler| handler.entry.clone()).collect();
        let registry = Registry::new(entries)?;
        let path = |(index, handler): (usize, &Handler)| (handler.entry.spec.path, index);
        let by_path = handlers.iter().enumerate().map(path).collect();
        Ok(Operations { handlers, by_path, registry })
    }

    /// The operation at a path, with or without the base.
    pub fn by_path(&self, path: &str) -> Option<&Handler> {
        let bare = path.strip_prefix(BASE).unwrap_or(path);
        self.by_path.get(bare).and_then(|index| self.handlers.get(*index))
    }

    /// The operation of this id.
    pub fn by_id(&self, id: &str) -> Option<&Handler> {
        self.handlers.iter().find(|handler| handler.entry.spec.id == id)
    }

    /// All of them.
    pub fn handlers(&self) -> &[Handler] {
        &self.handlers
    }

    /// Their definitions.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}
