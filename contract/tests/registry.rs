//! A registry that contradicts itself is refused, each contradiction by a sentence of its own.

pub mod sample;

use contract::catalogue::WALLET_USER_NOT_FOUND;
use contract::registry::Contradictions;
use contract::{Entry, ErrorSet, Registry, Spec};

use crate::sample::{PLAIN_SPEC, SPEC, entry};

const SAME_ID: Spec = Spec { id: SPEC.id, ..PLAIN_SPEC };
const SAME_PATH: Spec = Spec { path: SPEC.path, ..PLAIN_SPEC };
const OUTSIDE: Spec = Spec { path: "/v1/reissue", ..SPEC };

/// What is wrong with these entries.
fn wrong(entries: Vec<Entry>) -> Vec<String> {
    Registry::new(entries).err().map_or_else(Vec::new, |Contradictions(wrong)| wrong)
}

/// What is wrong with the sample after `change`.
fn wrong_after(change: impl FnOnce(&mut Entry)) -> Vec<String> {
    let mut changed = entry(&SPEC);
    change(&mut changed);
    wrong(vec![changed])
}

#[test]
fn what_contradicts_nothing_is_taken_and_found() {
    let registry = Registry::new(vec![entry(&SPEC), entry(&PLAIN_SPEC)]).unwrap();
    assert_eq!(registry.entries().len(), 2);
    assert_eq!(registry.by_id(PLAIN_SPEC.id).unwrap().spec.path, PLAIN_SPEC.path);
    assert!(registry.by_id("prepaidCard").is_none());
}

#[test]
fn ids_and_paths_are_unique_and_paths_below_api() {
    assert_eq!(
        wrong(vec![entry(&SPEC), entry(&SAME_ID)]),
        ["prepaidCard.reissue: the id is used twice"]
    );
    assert_eq!(
        wrong(vec![entry(&SPEC), entry(&SAME_PATH)]),
        ["prepaidCard.reissue-plain: the path /api/v1/reissue is used twice"]
    );
    assert_eq!(
        wrong(vec![entry(&OUTSIDE)]),
        ["prepaidCard.reissue: the path /v1/reissue is neither below /api/ nor /platen/"]
    );
}

#[test]
fn a_scenario_expects_what_the_operation_can_return() {
    assert_eq!(
        wrong_after(|entry| {
            let mut stranger = entry.scenarios[2].clone();
            (stranger.name, stranger.code) = ("stranger", "001_006");
            entry.scenarios.push(stranger);
        }),
        ["prepaidCard.reissue: scenario stranger expects 001_006, \
             which the operation cannot return"]
    );
}

#[test]
fn every_code_has_a_scenario_success_too() {
    assert_eq!(
        wrong_after(|entry| entry.errors.push(&WALLET_USER_NOT_FOUND)),
        ["prepaidCard.reissue: no scenario shows 001_006"]
    );
    assert_eq!(
        wrong_after(|entry| entry.scenarios.clear()),
        ["000_000", "000_002", "003_018"]
            .map(|code| format!("prepaidCard.reissue: no scenario shows {code}"))
    );
}

#[test]
fn codes_and_scenarios_are_listed_once() {
    assert_eq!(
        wrong_after(|entry| entry.errors.push(sample::Error::AlreadyReissued.code())),
        ["prepaidCard.reissue: 003_018 is listed twice"]
    );
    assert_eq!(
        wrong_after(|entry| entry.scenarios.push(entry.scenarios[0].clone())),
        ["prepaidCard.reissue: scenario success is defined twice"]
    );
}

#[test]
fn every_operation_refuses_an_invalid_field() {
    assert_eq!(
        wrong_after(|entry| {
            entry.errors.remove(0);
            entry.scenarios.remove(1);
        }),
        ["prepaidCard.reissue: 000_002 is not listed"]
    );
}

#[test]
fn every_field_has_a_doc_a_path_of_its_own_and_an_object() {
    assert_eq!(
        wrong_after(|entry| entry.request[1].doc.clear()),
        ["prepaidCard.reissue: request field user.id has no doc"]
    );
    assert_eq!(
        wrong_after(|entry| entry.response[0].doc.clear()),
        ["prepaidCard.reissue: response field cardApplyNo has no doc"]
    );
    assert_eq!(
        wrong_after(|entry| entry.request.push(entry.request[1].clone())),
        ["prepaidCard.reissue: request field user.id is defined twice"]
    );
    assert_eq!(
        wrong_after(|entry| entry.request[1].path = "owner.id".to_owned()),
        ["prepaidCard.reissue: request field owner.id has no object"]
    );
    assert_eq!(
        wrong_after(|entry| entry.request[1].path = "product.id".to_owned()),
        ["prepaidCard.reissue: request field product.id has no object"]
    );
}

#[test]
fn a_condition_names_a_field() {
    assert_eq!(
        wrong_after(|entry| entry.request[1].depends_on = Some("fast".to_owned())),
        ["prepaidCard.reissue: the condition of user.id names no field"]
    );
}

#[test]
fn all_contradictions_are_told_at_once() {
    let mut second = entry(&SAME_ID);
    second.request[0].doc.clear();
    let contradictions = Registry::new(vec![entry(&SPEC), second]).unwrap_err();
    assert_eq!(
        contradictions.to_string(),
        "prepaidCard.reissue: the id is used twice\n\
         prepaidCard.reissue: request field user has no doc"
    );
}

#[test]
fn a_scenario_agrees_with_its_code_and_response() {
    let wrong = wrong_after(|entry| {
        let last = entry.scenarios.len() - 1;
        entry.scenarios[last].status = 418;
        entry.scenarios[last].fields = &["made-up"];
    });
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].ends_with("expects another status"));
    assert!(wrong[1].ends_with("expects the unknown made-up"));
}
