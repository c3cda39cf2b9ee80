//! `platen card find`.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use clap::Args;
use crypto::pan::Pan;
use crypto::par::Par;
use crypto::secret::Secret;
use domain::{ApplyNo, UserId};
use serde_json::json;

use super::{Opened, no_partner, opened, print};
use crate::cli::delivery::Common;
use crate::cli::why::Acting;
use crate::cli::{Failure, Outcome, misused, say};
use crate::customer::lookup::{Key, lookup};

/// The command's name.
const NAME: [&str; 2] = ["card", "find"];
/// Digits of an application's number.
const APPLY_NO_DIGITS: usize = 22;
/// Bytes that are read of standard input at the most.
const LINE_BYTES_MAX: u64 = 64;

/// Find a member's cards, and tell what has happened to them.
///
/// Tells account, balance, product and both twins of each card, with masked numbers, its
/// applications, and in the order of time what has happened to it, with its journals. Give one of
/// --user, --par, --apply-no and --number-stdin. Every search is a row of the operation log, one
/// that finds nothing too; it ends with 1 then.
///
/// --last4 goes with --user alone: among all cards, one in ten thousand ends in the same digits,
/// and other members' cards would be shown.
///
/// Examples:
///   platen card find --user 20000123 --by kim --reason "asks for the delivery"
///   platen card find --user 20000123 --last4 0765 --by kim --reason "which of the cards"
///   platen card find --number-stdin --by kim --reason "a found card" < number.txt
///   platen card find --apply-no 2026112900000000000001 --by kim --reason "fee" --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Find {
    /// All cards of this member.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// The card of this payment account reference.
    #[arg(long, value_name = "PAR")]
    par: Option<String>,
    /// The card that this application is about.
    #[arg(long, value_name = "N")]
    apply_no: Option<String>,
    /// The card whose number is the one line of standard input.
    #[arg(long)]
    number_stdin: bool,
    /// With --user: the cards whose numbers end in these four digits.
    #[arg(long, value_name = "DIGITS")]
    last4: Option<String>,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    common: Common,
}

impl Find {
    pub(super) fn run(self) -> Outcome {
        let asked = match (self.key(), self.acting.change()) {
            (Ok(key), Ok(change)) => Ok((key, change)),
            (Err(sentence), _) | (_, Err(sentence)) => Err(sentence),
        };
        let (key, change) = match asked {
            Ok(asked) => asked,
            Err(sentence) => return Ok(misused(&NAME, &sentence)),
        };
        let key = match key {
            Some(key) => key,
            None => Key::Number(number()?),
        };
        let Opened { store, core, desk, runtime } = opened(&self.common, change)?;
        let found = runtime.block_on(lookup(&store, &core, &desk, &key));
        store.close();
        let found = found?.map_err(|_| no_partner(&desk.asp))?;
        if self.common.json {
            say(format_args!("{:#}", json!(found)));
        } else if found.cards.is_empty() {
            let asp = &desk.asp;
            return Err(Failure(format!(
                "partner {asp} has no such card; that it was looked for is written down"
            )));
        } else {
            print::lookup(&found);
        }
        Ok(if found.cards.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// What is looked for; `None`: a number that is still to be read.
    fn key(&self) -> Result<Option<Key>, String> {
        let given = [&self.user, &self.par, &self.apply_no];
        let given = given.iter().filter(|text| text.is_some()).count();
        if self.last4.is_some() && self.user.is_none() {
            return Err("--last4 needs --user: among all cards, one in ten thousand ends in the \
                        same digits, and other members' cards would be shown"
                .to_owned());
        }
        if given + usize::from(self.number_stdin) != 1 {
            return Err("give one of --user, --par, --apply-no and --number-stdin".to_owned());
        }
        if let Some(user) = &self.user {
            let id = user.parse().ok().filter(|id| *id > 0);
            let id = UserId(id.ok_or("--user takes a member's id, a number from 1 on")?);
            let Some(last4) = &self.last4 else { return Ok(Some(Key::User(id))) };
            if last4.len() != 4 || !is_digits(last4) {
                return Err("--last4 takes four digits".to_owned());
            }
            return Ok(Some(Key::Last4(id, last4.clone())));
        }
        if let Some(par) = &self.par {
            let par = Par::parse(par).map_err(|error| format!("--par: {error}"))?;
            return Ok(Some(Key::Par(par)));
        }
        match &self.apply_no {
            Some(no) if no.len() == APPLY_NO_DIGITS && is_digits(no) => {
                Ok(Some(Key::ApplyNo(ApplyNo::new(no))))
            }
            Some(_) => Err(format!("--apply-no takes {APPLY_NO_DIGITS} digits")),
            None => Ok(None),
        }
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The card number on standard input. What is wrong with it is told without it.
fn number() -> Result<Pan, Failure> {
    let input = std::io::stdin();
    if input.is_terminal() {
        return Err(Failure(
            "--number-stdin reads one line from a pipe or a file, as a terminal would show the \
             number: read -rs N && printf %s \"$N\" | platen card find --number-stdin ..."
                .to_owned(),
        ));
    }
    let mut bytes = Vec::new();
    let read = input.lock().take(LINE_BYTES_MAX + 1).read_to_end(&mut bytes);
    let bytes = Secret::new(bytes);
    read.map_err(|error| Failure(format!("standard input cannot be read: {error}")))?;
    let text = std::str::from_utf8(bytes.expose()).unwrap_or_default().trim();
    if bytes.expose().len() as u64 > LINE_BYTES_MAX || text.contains('\n') {
        return Err(Failure("give one line with one card number on standard input".to_owned()));
    }
    let digits = Secret::new(text.replace([' ', '-'], ""));
    Pan::parse(digits.expose()).map_err(|_| {
        Failure(
            "what is on standard input is no card number: 16 digits with a right check digit"
                .to_owned(),
        )
    })
}
