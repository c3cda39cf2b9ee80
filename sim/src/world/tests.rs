//! That a world is the same for a seed, and that each rule speaks up when rows are broken by hand.

use tempfile::TempDir;

use super::*;
use crate::invariants::{bank_agrees, on_everything, posting_moves};
use crate::model::Fee;
use crate::world::story::Issuance;
use crypto::keyring::generate_all;
use store::Image;

/// Steps after which the world of [`SEED`] has every kind of row that is broken here.
const STEPS: u64 = 2_500;
const SEED: u64 = 3;

fn keys() -> Arc<Keyring> {
    Arc::new(Keyring::from_keys(&generate_all(), 0).unwrap())
}

fn run(seed: u64, steps: u64) -> Tally {
    let folder = TempDir::new().unwrap();
    World::run(seed, steps, &folder.path().join("world.db"), &keys()).unwrap()
}

#[test]
fn a_seed_is_one_history_whatever_the_keys_are() {
    let (first, again, other) = (run(11, 400), run(11, 400), run(12, 400));
    assert_eq!(first, again);
    assert_ne!(first.trace, other.trace);
}

/// The life of a card, in the worlds of some seeds: whatever goes wrong meanwhile, it is lived.
#[test]
fn a_card_lives_from_its_issue_to_its_discard() {
    let keys = keys();
    for (issuance, effects) in [
        (Issuance::First, ["card.issued", "card.reissued", "card.renewed"]),
        (
            Issuance::WithPlastic,
            ["card.issue_applied", "card.reissue_applied", "card.renewal_applied"],
        ),
    ] {
        let mut deaths = 0;
        for seed in 1..=5 {
            let folder = TempDir::new().unwrap();
            let lived = World::story(seed, issuance, &folder.path().join("world.db"), &keys);
            let tally = lived.unwrap();
            for (chapter, often) in [
                ("applied for", 3),
                ("delivered", 3),
                ("registered", 3),
                ("lost", 1),
                ("told of", 1),
                ("discarded", 1),
            ] {
                assert_eq!(tally.of("chapters", chapter), often, "{seed}: {chapter}");
            }
            assert_eq!(tally.of("effects", "card.registered"), 3, "{seed}");
            for effect in effects {
                assert_eq!(tally.of("effects", effect), 0, "{seed}: all were paid for: {effect}");
            }
            deaths += tally.of_kind("deaths");
        }
        assert!(deaths > 0, "{issuance:?}: no process ever died");
    }
}

/// A world after its steps, still there to be broken.
fn lived(folder: &TempDir) -> World {
    let mut world = World::new(SEED, &folder.path().join("world.db"), &keys());
    assert!(world.run_steps(STEPS).is_ok(), "{:?}", world.trace.lines());
    world
}

/// What is said once a row that `fits` is changed behind the platform's back.
fn broken_by(
    world: &mut World,
    table: &str,
    fits: impl Fn(&World, &Image) -> bool,
    change: impl FnOnce(Image) -> Option<Image>,
) -> (&'static str, &'static str) {
    let row = world.mirror.rows(table).find(|row| fits(world, row)).cloned();
    let before = row.unwrap_or_else(|| panic!("the world has no such row of {table}"));
    let there = Change { before: Some(before.clone()), after: change(before) };
    let back = Change { before: there.after.clone(), after: there.before.clone() };
    world.mirror.apply(std::slice::from_ref(&there)).unwrap();
    let rule = |check: Check| check.map_or_else(|broken| broken.rule, |()| "nothing");
    let touched = rule(on_touched(&world.mirror, &world.bank, &[there]));
    let all = rule(on_everything(&world.mirror, &world.bank, &world.model));
    world.mirror.apply(&[back]).unwrap();
    assert_eq!(on_everything(&world.mirror, &world.bank, &world.model), Ok(()));
    (touched, all)
}

fn is(column: &'static str, text: &'static str) -> impl Fn(&World, &Image) -> bool {
    move |_, row| row.text(column) == Some(text)
}

#[test]
fn what_disagrees_with_its_card_its_twin_or_its_delivery_is_noticed() {
    let folder = TempDir::new().unwrap();
    let mut world = lived(&folder);
    let w = &mut world;
    let both = ("all-say-the-same", "all-say-the-same");
    let to = |column: &'static str, text: &'static str| {
        move |row: Image| Some(row.with_text(column, text))
    };
    let gone = |_: Image| None;
    for way in ["LOST", "CANCEL", "SHIPPING"] {
        let fits = is("state", "ARRIVAL");
        assert_eq!(broken_by(w, "delivery", fits, to("state", way)), both, "{way}");
    }
    let called_off = is("state", "CANCEL");
    assert_eq!(broken_by(w, "delivery", called_off, to("state", "ARRIVAL")), both);
    let given = is("state", "RETURNED");
    assert_eq!(broken_by(w, "fee_return", given, |row| Some(row.with_int("amount", 7))), both);
    let registered = |_: &World, row: &Image| {
        row.int("registered_at").is_some() && row.text("apply_no").is_some()
    };
    let ended = |row: Image| Some(row.with_int("ended_at", 1));
    assert_eq!(broken_by(w, "card", registered, ended), both);
    assert_eq!(broken_by(w, "card", registered, |row| Some(row.with_int("account_id", 1))), both);
    let revived = to("state", "DIGITAL_ISSUED");
    assert_eq!(broken_by(w, "application", is("state", "PHYSICAL_ISSUED"), revived), both);
    let cancelled = is("state", "CANCELLED");
    assert_eq!(broken_by(w, "application", cancelled, to("state", "READY")).1, both.1);
    let with_card = |_: &World, row: &Image| row.text("state") == Some("DIGITAL_ISSUED");
    assert_eq!(broken_by(w, "application", with_card, to("state", "CANCELLED")).1, both.1);
    let of_two = |_: &World, row: &Image| row.text("form") == Some("MOBILE");
    assert_eq!(broken_by(w, "card", of_two, to("expiry_yymm", "0001")).1, both.1);
    let waiting = |_: &World, row: &Image| row.text("state") == Some("DUE");
    if w.mirror.rows("fee_return").any(|row| waiting(w, row)) {
        assert_eq!(broken_by(w, "fee_return", waiting, gone).1, both.1);
    }
}

#[test]
fn a_fee_that_is_given_back_twice_is_noticed() {
    let folder = TempDir::new().unwrap();
    let mut world = lived(&folder);
    let partners = world.model.values_mut();
    let given = partners.flat_map(|it| it.applications.values_mut());
    let mut given = given.filter(|it| it.money == Fee::GivenBack);
    let application = given.next().unwrap();
    let again = application.deposits.clone();
    application.deposits.extend(again);
    let rule = on_everything(&world.mirror, &world.bank, &world.model).unwrap_err().rule;
    assert_eq!(rule, "one-deposit");
}

fn paid(world: &World, row: &Image, state: &str) -> bool {
    let id = crate::mirror::order_of(row);
    row.text("state") == Some(state) && id.is_some_and(|id| world.bank.order(&id).is_some())
}

#[test]
fn each_rule_speaks_up_for_what_it_is_there_for() {
    let folder = TempDir::new().unwrap();
    let mut world = lived(&folder);
    let w = &mut world;
    let both = |rule| (rule, rule);
    let richer = |row: Image| {
        let balance = row.int("balance").unwrap();
        Some(row.with_int("balance", balance + 1))
    };
    let any = |_: &World, _: &Image| true;
    assert_eq!(broken_by(w, "card_account", any, richer), both("balance-is-derived"));
    // By one that lives, or there would be no second.
    let replaced = |world: &World, row: &Image| {
        let asp = row.text("asp_id").unwrap_or_default();
        let heir = row.int("successor_id").map(|id| format!("{asp}/{id}"));
        let heir = heir.and_then(|key| world.mirror.row("card_account", &key));
        heir.is_some_and(|heir| heir.text("state") != Some("TERMINATED"))
    };
    let revived = |row: Image| Some(row.with_text("state", "SUSPENDED"));
    assert_eq!(broken_by(w, "card_account", replaced, revived), both("one-live-pair"));
    let heir = |_: &World, row: &Image| row.int("predecessor_id").is_some();
    let stray = |row: Image| Some(row.with_int("predecessor_id", 999_999_999));
    assert_eq!(broken_by(w, "card_account", heir, stray).1, "links-go-both-ways");
    let refused = |world: &World, row: &Image| paid(world, row, "COST_PAY_FAILED");
    let settled = |row: Image| Some(row.with_text("state", "COST_PAID"));
    assert_eq!(broken_by(w, "application", refused, settled), both("no-card-without-its-fee"));
    let owed = |row: Image| Some(row.with_text("state", "RETURN_DUE"));
    assert_eq!(broken_by(w, "application", refused, owed), both("no-return-without-a-fee"));
    let issued = |world: &World, row: &Image| paid(world, row, "DIGITAL_ISSUED");
    let failed = |row: Image| Some(row.with_text("state", "COST_PAY_FAILED"));
    assert_eq!(broken_by(w, "application", issued, failed), both("no-card-without-its-fee"));
    let dearer = |row: Image| Some(row.with_int("fee", 1_000_000));
    let (touched, all) = broken_by(w, "application", issued, dearer);
    assert_eq!((touched, all), ("what-was-promised-stays", "one-withdrawal"));
}

#[test]
fn what_is_made_up_or_gone_is_noticed() {
    let folder = TempDir::new().unwrap();
    let mut world = lived(&folder);
    let index = world.running().unwrap_or(0);
    let rows = world.server(index).unwrap().rows().unwrap();
    assert_eq!(world.mirror.compare(&rows), Ok(()));
    assert!(world.mirror.compare(&rows[1..]).is_err_and(|it| it.rule == "mirror-agrees"));
    let asps: Vec<String> = world.partners.iter().map(|partner| partner.asp.clone()).collect();
    assert_eq!(bank_agrees(&world.mirror, &world.bank, &asps), Ok(()));
    let posting = world
        .mirror
        .rows("posting")
        .find(|row| row.text("debit").is_some_and(|debit| debit.starts_with("pg-clearing")));
    let booked_twice = posting.unwrap().clone().with_int("line", 99);
    let there = Change { before: None, after: Some(booked_twice) };
    world.mirror.apply(std::slice::from_ref(&there)).unwrap();
    let rule = bank_agrees(&world.mirror, &world.bank, &asps).unwrap_err().rule;
    assert_eq!(rule, "the-bank-agrees");
    let changed = world.mirror.apply(&[Change { before: there.after, after: None }]);
    assert_eq!(changed.unwrap_err().rule, "a-posting-stays");
    let job = Ran { ended: Ended::Refused, changes: vec![there_again(&world)] };
    let rule = refused_changed_nothing(&job).unwrap_err().rule;
    assert_eq!(rule, "a-refused-call-changed-no-row");
}

fn there_again(world: &World) -> Change {
    Change { before: None, after: world.mirror.rows("member").next().cloned() }
}

#[test]
fn books_that_the_model_would_not_keep_are_noticed() {
    let folder = TempDir::new().unwrap();
    let mut world = lived(&folder);
    let fee = world.mirror.rows("posting").find(|row| row.text("credit") == Some("fee-income"));
    let booked = fee.unwrap().clone();
    // A tax that is none, an account of nobody's: every posting for itself is a good one.
    for column in ["debit", "credit"] {
        let strayed = booked.clone().with_text(column, "nobodys").with_int("line", 99);
        let mut mirror = world.mirror.clone();
        mirror.apply(&[Change { before: None, after: Some(strayed) }]).unwrap();
        let rule = on_everything(&mirror, &world.bank, &world.model).unwrap_err().rule;
        assert_eq!(rule, "the-ledger-is-the-models", "{column}");
    }
    // A fee that the model says was owed back, and the books do not.
    let paid = world.model.values_mut().flat_map(|partner| partner.applications.values_mut());
    let mut paid = paid.filter(|it| it.money == Fee::Taken);
    paid.next().unwrap().money = Fee::Owed;
    let rule = on_everything(&world.mirror, &world.bank, &world.model).unwrap_err().rule;
    assert_eq!(rule, "the-ledger-is-the-models");
}

#[test]
fn a_posting_that_moves_nothing_is_noticed() {
    let folder = TempDir::new().unwrap();
    let world = lived(&folder);
    let good = world.mirror.rows("posting").next().unwrap();
    assert_eq!(posting_moves(good), Ok(()));
    let debit = good.text("debit").unwrap();
    for bad in [good.clone().with_text("credit", debit), good.clone().with_int("amount", 0)] {
        assert_eq!(posting_moves(&bad).unwrap_err().rule, "a-posting-moves-an-amount");
    }
}

#[test]
fn two_open_applications_for_a_card_are_noticed() {
    let folder = TempDir::new().unwrap();
    let mut world = lived(&folder);
    let held = |row: &&Image| row.int("holds_old_card") == Some(1);
    let found = world.mirror.rows("application").find(held).cloned();
    let second = found.unwrap().with_text("apply_no", "0000000000000000000000");
    world.mirror.apply(&[Change { before: None, after: Some(second.clone()) }]).unwrap();
    let rule = crate::invariants::one_open_application(&world.mirror, &second).unwrap_err().rule;
    assert_eq!(rule, "one-open-application");
    let everything = on_everything(&world.mirror, &world.bank, &world.model).unwrap_err().rule;
    assert!(["one-open-application", "one-withdrawal"].contains(&everything), "{everything}");
}
