//! `platen report float`.

use std::process::ExitCode;

use clap::Args;
use domain::{AspId, BusinessDay};
use serde_json::{Value, json};

use crate::cli::{Failure, Outcome, Platform, runtime, say, won};
use crate::operator::partners_of;
use crate::report::float::{self, Line, Sums};
use crate::sandbox::clock;

/// Report what is owed to card holders at the end of a day, by product.
///
/// The law on prepaid money asks for the sum that is owed to holders at the end of each day. It is
/// made of all postings up to midnight in Korea; of today, up to now. Beside it stand the card
/// accounts that were open, the fees taken and the tax within them (what goes back left out), fees
/// to be given back, and what payment gateways hold for us. Ends with 1 where the stored balances
/// are not what all postings make.
///
/// Examples:
///   platen report float --day 2026-11-30
///   platen report float --day 2026-11-30 --csv > float.csv
///   platen report float --day 2026-11-30 --partner 000170000000000 --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Float {
    /// The day, in Korea.
    #[arg(long, value_name = "yyyy-MM-dd", value_parser = day)]
    day: BusinessDay,
    /// This partner alone.
    #[arg(long, value_name = "ASP")]
    partner: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// As CSV, amounts in won.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    platform: Platform,
}

fn day(text: &str) -> Result<BusinessDay, String> {
    BusinessDay::parse(text).ok_or_else(|| "a day is written like 2026-11-30".to_owned())
}

impl Float {
    pub(super) fn run(self) -> Outcome {
        let (store, _) = self.platform.open()?;
        let runtime = runtime()?;
        let today = runtime.block_on(clock::moment(&store))?.business.business_day();
        if self.day > today {
            let (day, today) = (self.day.hyphenated(), today.hyphenated());
            return Err(Failure(format!(
                "{day} has not come yet, today is {today} in Korea: give a day up to today"
            )));
        }
        let mut all = Vec::new();
        let only = self.partner.as_deref().map(AspId::new);
        for asp in runtime.block_on(partners_of(&store, only.as_ref()))? {
            all.push(float::at_end_of(&store, &asp, self.day)?);
        }
        store.close();
        let is_over = self.day < today;
        match (self.json, self.csv) {
            (true, _) => say(format_args!("{:#}", self.as_json(&all, is_over))),
            (false, true) => self.print_csv(&all),
            (false, false) => all.iter().for_each(|report| self.print(report, is_over)),
        }
        if all.iter().all(float::Float::is_sound) {
            return Ok(ExitCode::SUCCESS);
        }
        if self.csv {
            return Err(Failure(
                "the books do not agree with the stored balances: run it without --csv to see \
                 where"
                    .to_owned(),
            ));
        }
        Ok(ExitCode::FAILURE)
    }

    fn print(&self, report: &float::Float, is_over: bool) {
        let (asp, day) = (&report.asp, self.day.hyphenated());
        let until = if is_over { "" } else { " (not over: up to now)" };
        say(format_args!("partner {asp}, end of {day} in Korea{until}, won"));
        say(format_args!(
            "{:<15} {:>9} {:>17} {:>13} {:>11} {:>12} {:>13}  NAME",
            "PRODUCT", "ACCOUNTS", "OWED TO HOLDERS", "FEES", "VAT", "TO GIVE BACK", "PG CLEARING"
        ));
        for line in &report.lines {
            row(if line.service_id.is_empty() { "-" } else { &line.service_id }, line);
        }
        row("TOTAL", &report.total);
        let (posted, stored) = (report.total.posted_now, report.total.stored_now);
        if report.is_sound() {
            let (posted, stored) = (won(posted), won(stored));
            say(format_args!("now: {posted} won by all postings, {stored} stored: they agree"));
        }
        for line in report.lines.iter().filter(|line| line.posted_now != line.stored_now) {
            let (posted, stored) = (won(line.posted_now), won(line.stored_now));
            let product = if line.service_id.is_empty() { "no product" } else { &line.service_id };
            say(format_args!("BROKEN: {product}: {posted} won by all postings, {stored} stored"));
        }
        if report.undated > 0 {
            let undated = report.undated;
            say(format_args!(
                "BROKEN: {undated} postings have no row of the operation log: run `platen audit \
                 verify`"
            ));
        }
    }

    fn as_json(&self, all: &[float::Float], is_over: bool) -> Value {
        let of_line = |line: &Line| {
            json!({
                "serviceId": line.service_id,
                "name": line.name,
                "accounts": line.sums.accounts,
                "liability": line.sums.liability,
                "feeIncome": line.sums.fee_income,
                "vatPayable": line.sums.vat_payable,
                "returnPayable": line.sums.return_payable,
                "pgClearing": line.sums.pg_clearing,
                "postedNow": line.posted_now,
                "storedNow": line.stored_now,
            })
        };
        let partners = all.iter().map(|report| {
            let products: Vec<Value> = report.lines.iter().map(of_line).collect();
            let mut total = of_line(&report.total);
            if let Some(total) = total.as_object_mut() {
                total.retain(|name, _| name != "serviceId" && name != "name");
            }
            json!({
                "partner": report.asp.as_str(),
                "products": products,
                "total": total,
                "undatedPostings": report.undated,
                "isSound": report.is_sound(),
            })
        });
        json!({
            "day": self.day.hyphenated(),
            "isOver": is_over,
            "partners": partners.collect::<Vec<_>>(),
        })
    }

    fn print_csv(&self, all: &[float::Float]) {
        say("day,partner,product,name,accounts,liability,fee_income,vat_payable,return_payable,\
             pg_clearing");
        let day = self.day.hyphenated();
        for report in all {
            let total = [("TOTAL", &report.total)];
            let lines = report.lines.iter().map(|line| (line.service_id.as_str(), line));
            for (product, line) in lines.chain(total) {
                let (asp, name) = (&report.asp, quoted(&line.name));
                let amounts = amounts(&line.sums).map(|amount| amount.to_string()).join(",");
                say(format_args!("{day},{asp},{product},{name},{amounts}"));
            }
        }
    }
}

/// All that a line counts, in the order of its columns.
const fn amounts(sums: &Sums) -> [i64; 6] {
    [
        sums.accounts,
        sums.liability,
        sums.fee_income,
        sums.vat_payable,
        sums.return_payable,
        sums.pg_clearing,
    ]
}

fn row(product: &str, line: &Line) {
    let [accounts, owed, fees, vat, back, clearing] = amounts(&line.sums).map(won);
    let text = format!(
        "{product:<15} {accounts:>9} {owed:>17} {fees:>13} {vat:>11} {back:>12} {clearing:>13}  {}",
        line.name
    );
    say(text.trim_end());
}

/// A text as a field of CSV.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
