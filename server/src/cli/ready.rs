//! `platen ready`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use reqwest::redirect::Policy;
use serde_json::json;

use super::{Failure, Outcome, runtime, say};
use crate::production::config::Config;
use crate::settings::SettingFlags;

/// The longest text of an answer that is told, bytes: a server's is a word or two.
const ANSWER_BYTES_MAX: usize = 1_024;

/// Ask a server whether it is ready.
///
/// It is where `/readyz` answers 200: it takes calls and its database answers. For health checks
/// where there is nothing else to ask with, as in a container. Ends with 1 where the server is not
/// ready, says nothing in time, or is not there.
///
/// Examples:
///   platen ready --config /etc/platen/platen.toml
///   platen ready --url http://127.0.0.1:8081 --timeout-ms 1000 --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Ready {
    /// The configuration that the server was started with: its `admin_listen` is asked.
    #[arg(long, value_name = "FILE", required_unless_present = "url", conflicts_with = "url")]
    config: Option<PathBuf>,
    /// The address to ask, without a path.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// How long the answer may take, milliseconds.
    #[arg(long, value_name = "N", default_value_t = 3_000,
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    timeout_ms: u64,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Ready {
    pub(super) fn run(self) -> Outcome {
        let url = self.url()?;
        let limit = Duration::from_millis(self.timeout_ms);
        let said = runtime()?.block_on(async {
            let asked = tokio::time::timeout(limit, ask(&url)).await;
            asked.unwrap_or_else(|_| Err(format!("no answer within {} ms", self.timeout_ms)))
        });
        let is_ready = said.is_ok();
        if self.json {
            let reason = said.as_ref().err();
            say(json!({ "url": url, "ready": is_ready, "reason": reason }));
        }
        match said {
            Ok(()) if !self.json => say(format_args!("{url} is ready")),
            Ok(()) => {}
            Err(reason) => return Err(Failure(format!("{url} is not ready: {reason}"))),
        }
        Ok(ExitCode::SUCCESS)
    }

    fn url(&self) -> Result<String, Failure> {
        match (&self.url, &self.config) {
            (Some(url), _) => Ok(url.trim_end_matches('/').to_owned()),
            (None, Some(file)) => {
                let config = Config::read(file, &SettingFlags::default())?;
                Ok(format!("http://{}", reached(config.admin_listen)))
            }
            // The command line has one of them.
            (None, None) => Err(Failure("give --config or --url".to_owned())),
        }
    }
}

/// Where one that listens on every address is reached from its own machine.
fn reached(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listens.port())
}

/// The reason why it is not ready. Operators' addresses are in clear, and where this runs there may
/// be no certificates of authorities, which a client would look for.
async fn ask(url: &str) -> Result<(), String> {
    let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).tls_certs_only([]);
    let http = http.build().map_err(|error| error.to_string())?;
    let answer = http.get(format!("{url}/readyz")).send().await;
    let mut answer = answer.map_err(|error| match error.is_connect() {
        true => "nobody listens there".to_owned(),
        false => error.without_url().to_string(),
    })?;
    let status = answer.status().as_u16();
    if status == 200 {
        return Ok(());
    }
    let mut text = Vec::new();
    while let Ok(Some(part)) = answer.chunk().await {
        text.extend_from_slice(&part);
        if text.len() > ANSWER_BYTES_MAX {
            return Err(format!("HTTP {status}"));
        }
    }
    let text = String::from_utf8_lossy(&text);
    let text: String = text.trim().chars().filter(|letter| !letter.is_control()).collect();
    Err(format!("HTTP {status} {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_asked_here() {
        for (listens, asked) in [
            ("0.0.0.0:8081", "127.0.0.1:8081"),
            ("[::]:8081", "[::1]:8081"),
            ("10.0.0.7:1", "10.0.0.7:1"),
        ] {
            assert_eq!(reached(listens.parse().unwrap()).to_string(), asked);
        }
    }
}
