//! The connector: orders and inquiries in the shape of Korean Open Banking, over HTTP.
//!
//! The one rule is that an order is never sent twice by mistake and never called refused when it
//! may have been executed. What is neither a complete success nor a listed code is unknown.
//! Withdrawals and deposits have their own messages, and this rule in common.

mod answer;
mod config;
mod http;
mod request;
mod token;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(crate) use answer::is_success_code;
use answer::{Expected, Reply};
pub use config::{ClientSecret, Config, ConfigError, Gateway, Receiver};
use http::Outcome;
use serde_json::Value;
use token::Tokens;

use crate::port::{
    Bank, BoxFuture, DepositAnswer, DepositOrder, InquiryAnswer, InquiryOrder, WithdrawAnswer,
    WithdrawOrder,
};

const WITHDRAW_PATH: &str = "/v2.0/transfer/withdraw/fin_num";
const DEPOSIT_PATH: &str = "/v2.0/transfer/deposit/fin_num";
const RESULT_PATH: &str = "/v2.0/transfer/result";

/// A [`Bank`] behind an open-banking gateway.
#[derive(Debug)]
pub struct OpenBanking {
    config: Config,
    http: reqwest::Client,
    /// Longest prefix first; the last has none, so that there is a route for every account.
    routes: Vec<Route>,
}

/// A gateway and the token that it gave.
#[derive(Debug)]
struct Route {
    fintech_prefix: String,
    base_url: String,
    tokens: Tokens,
}

/// What one exchange came to.
enum Exchange {
    Reply(Reply),
    /// The bank surely executed nothing.
    NotSent,
    Lost(&'static str),
}

impl OpenBanking {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// A setting is malformed, or there are no root certificates for an `https` address.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let http = http::client(&config)?;
        let mut routes: Vec<Route> = config
            .gateways
            .iter()
            .map(|gateway| Route::new(&gateway.fintech_prefix, &gateway.base_url))
            .chain([Route::new("", &config.base_url)])
            .collect();
        routes.sort_by_key(|route| std::cmp::Reverse(route.fintech_prefix.len()));
        Ok(Self { config, http, routes })
    }

    /// The institution that the orders are made by: the first part of their ids.
    #[must_use]
    pub fn institution_code(&self) -> &str {
        &self.config.institution_code
    }

    fn route(&self, fintech_use_num: &str) -> Option<&Route> {
        self.routes.iter().find(|route| fintech_use_num.starts_with(&route.fintech_prefix))
    }

    async fn exchange(
        &self,
        fintech_use_num: &str,
        path: &str,
        body: &Value,
        deadline: Duration,
    ) -> Exchange {
        let Some(route) = self.route(fintech_use_num) else {
            return Exchange::NotSent;
        };
        let on_its_way = AtomicBool::new(false);
        let attempts = self.attempts(route, path, body, &on_its_way);
        match tokio::time::timeout(deadline, attempts).await {
            Ok(exchange) => exchange,
            Err(_) if on_its_way.load(Ordering::Relaxed) => Exchange::Lost("no answer in time"),
            Err(_) => Exchange::NotSent,
        }
    }

    /// Sends once; and once more, with a new token, when the bank says that it did not look at the
    /// order because of the token.
    async fn attempts(
        &self,
        route: &Route,
        path: &str,
        body: &Value,
        on_its_way: &AtomicBool,
    ) -> Exchange {
        let url = format!("{}{path}", route.base_url);
        let mut rejected = None;
        loop {
            let source = token::Source { http: &self.http, route, config: &self.config };
            let Some(bearer) = route.tokens.bearer(&source, rejected.as_ref()).await else {
                return Exchange::NotSent;
            };
            on_its_way.store(true, Ordering::Relaxed);
            let sent = http::post_json(&self.http, &url, &bearer, body).await;
            let reply = match sent {
                Outcome::Reply(reply) => reply,
                Outcome::NotSent => return Exchange::NotSent,
                Outcome::Lost(why) => return Exchange::Lost(why),
            };
            if !reply.rejects_token(&self.config.token_rejected_codes) {
                return Exchange::Reply(reply);
            }
            on_its_way.store(false, Ordering::Relaxed);
            if rejected.is_some() {
                tracing::error!("the bank rejects a bearer token that it has just issued");
                return Exchange::NotSent;
            }
            rejected = Some(bearer);
        }
    }
}

impl Route {
    fn new(fintech_prefix: &str, base_url: &str) -> Self {
        Self {
            fintech_prefix: fintech_prefix.to_owned(),
            base_url: base_url.trim_end_matches('/').to_owned(),
            tokens: Tokens::default(),
        }
    }
}

impl Bank for OpenBanking {
    fn withdraw(&self, order: &WithdrawOrder, deadline: Duration) -> BoxFuture<'_, WithdrawAnswer> {
        let fintech = order.fintech_use_num.clone();
        let expected = Expected::new(&order.bank_tran_id, order.amount);
        let body = request::withdraw(&self.config, order);
        let is_of_its_day = is_of_its_day(order.ordered_at_us, &order.tran_date);
        Box::pin(async move {
            if !is_of_its_day {
                tracing::error!(bank_tran_id = expected.tran_id(), "the order is of another day");
                return WithdrawAnswer::NotSent;
            }
            match self.exchange(&fintech, WITHDRAW_PATH, &body, deadline).await {
                Exchange::Reply(reply) => answer::withdraw(&reply, &expected, &self.config),
                Exchange::NotSent => WithdrawAnswer::NotSent,
                Exchange::Lost(why) => WithdrawAnswer::Unknown { why: why.to_owned() },
            }
        })
    }

    fn deposit(&self, order: &DepositOrder, deadline: Duration) -> BoxFuture<'_, DepositAnswer> {
        let fintech = order.fintech_use_num.clone();
        let expected = Expected::new(&order.bank_tran_id, order.amount);
        let body = request::deposit(&self.config, order);
        let is_of_its_day = is_of_its_day(order.ordered_at_us, &order.tran_date);
        Box::pin(async move {
            if !is_of_its_day {
                tracing::error!(bank_tran_id = expected.tran_id(), "the order is of another day");
                return DepositAnswer::NotSent;
            }
            match self.exchange(&fintech, DEPOSIT_PATH, &body, deadline).await {
                Exchange::Reply(reply) => answer::deposit(&reply, &expected, &self.config),
                Exchange::NotSent => DepositAnswer::NotSent,
                Exchange::Lost(why) => DepositAnswer::Unknown { why: why.to_owned() },
            }
        })
    }

    fn inquire(&self, order: &InquiryOrder, deadline: Duration) -> BoxFuture<'_, InquiryAnswer> {
        let fintech = order.fintech_use_num.clone();
        let expected = Expected::new(&order.bank_tran_id, order.amount);
        let body = request::inquiry(order);
        Box::pin(async move {
            match self.exchange(&fintech, RESULT_PATH, &body, deadline).await {
                Exchange::Reply(reply) => answer::inquiry(&reply, &expected, &self.config),
                Exchange::NotSent => InquiryAnswer::Unknown { why: "bank not reached".to_owned() },
                Exchange::Lost(why) => InquiryAnswer::Unknown { why: why.to_owned() },
            }
        })
    }
}

/// The bank files an order under the day of its time stamp: with another one than ours, no inquiry
/// would find it again.
fn is_of_its_day(ordered_at_us: i64, tran_date: &str) -> bool {
    crate::kst_date(ordered_at_us) == tran_date
}
