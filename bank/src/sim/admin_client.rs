//! A client of the endpoints for those who test.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::behaviour::Behaviour;
use super::model::{
    Account, Identity, LedgerPage, OrderRecord, Orders, Refusal, Scope, SetBehaviour, Totals,
};
use crate::BankTranId;

const TIMEOUT: Duration = Duration::from_secs(10);

/// A client of one simulator.
#[derive(Clone, Debug)]
pub struct Admin {
    http: Client,
    base_url: String,
}

/// Why a call came to nothing.
#[derive(Debug, Error)]
pub enum AdminError {
    /// The simulator was not reached, or answered something else.
    #[error("the bank simulator: {0}")]
    Http(#[from] reqwest::Error),
    /// It has no such account.
    #[error("the bank simulator has no such account")]
    NoAccount,
    /// It refused.
    #[error("the bank simulator refused ({status}): {reason}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its reason.
        reason: String,
    },
}

impl Admin {
    /// A client of the simulator at an address.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn new(address: SocketAddr) -> Result<Self, AdminError> {
        Self::of_url(format!("http://{address}"))
    }

    /// A client of the simulator at a URL without a path.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn of_url(base_url: impl Display) -> Result<Self, AdminError> {
        let http = Client::builder().http1_only().no_proxy().timeout(TIMEOUT);
        // A simulator speaks plain HTTP: no root certificates are needed.
        let http = http.tls_certs_only([]).build()?;
        Ok(Self { http, base_url: base_url.to_string().trim_end_matches('/').to_owned() })
    }

    /// Which simulator it is.
    ///
    /// # Errors
    /// The call came to nothing.
    pub async fn identity(&self) -> Result<Identity, AdminError> {
        read(self.request(Method::GET, "identity")).await
    }

    /// Creates an account or puts it back; its orders and its ledger are gone.
    ///
    /// # Errors
    /// The account is malformed, or the call came to nothing.
    pub async fn put_account(&self, account: &Account) -> Result<(), AdminError> {
        let path = format!("accounts/{}", account.fintech_use_num);
        send(self.request(Method::PUT, &path).json(account)).await.map(drop)
    }

    /// An account as it is now.
    ///
    /// # Errors
    /// There is none, or the call came to nothing.
    pub async fn account(&self, fintech_use_num: &str) -> Result<Account, AdminError> {
        read(self.request(Method::GET, &format!("accounts/{fintech_use_num}"))).await
    }

    /// Removes an account with its orders and its ledger.
    ///
    /// # Errors
    /// There is none, or the call came to nothing.
    pub async fn delete_account(&self, fintech_use_num: &str) -> Result<(), AdminError> {
        let path = format!("accounts/{fintech_use_num}");
        send(self.request(Method::DELETE, &path)).await.map(drop)
    }

    /// Sets how an account behaves.
    ///
    /// # Errors
    /// There is none, or the call came to nothing.
    pub async fn set_behaviour(
        &self,
        fintech_use_num: &str,
        behaviour: Behaviour,
        scope: Scope,
    ) -> Result<(), AdminError> {
        let path = format!("accounts/{fintech_use_num}/behaviour");
        let body = SetBehaviour { behaviour, scope };
        send(self.request(Method::POST, &path).json(&body)).await.map(drop)
    }

    /// The orders of an id, one a day at most.
    ///
    /// # Errors
    /// The call came to nothing.
    pub async fn orders(&self, id: &BankTranId) -> Result<Vec<OrderRecord>, AdminError> {
        let orders: Orders = read(self.request(Method::GET, &format!("orders/{id}"))).await?;
        Ok(orders.orders)
    }

    /// Up to 1,000 entries of the ledger after a place, of one account or of all.
    ///
    /// # Errors
    /// The call came to nothing.
    pub async fn ledger(
        &self,
        fintech_use_num: Option<&str>,
        after: i64,
    ) -> Result<LedgerPage, AdminError> {
        let account = fintech_use_num.map(|number| format!("&fintechUseNum={number}"));
        let path = format!("ledger?limit=1000&after={after}{}", account.unwrap_or_default());
        read(self.request(Method::GET, &path)).await
    }

    /// What the bank took and gave in all.
    ///
    /// # Errors
    /// The call came to nothing.
    pub async fn totals(&self) -> Result<Totals, AdminError> {
        read(self.request(Method::GET, "totals")).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/sim/v1/{path}", self.base_url))
    }
}

async fn read<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, AdminError> {
    Ok(send(request).await?.json().await?)
}

async fn send(request: RequestBuilder) -> Result<Response, AdminError> {
    let response = request.send().await?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if status == StatusCode::NOT_FOUND {
        return Err(AdminError::NoAccount);
    }
    let reason = response.json().await.map_or_else(|_| String::new(), |r: Refusal| r.error);
    Err(AdminError::Refused { status: status.as_u16(), reason })
}
