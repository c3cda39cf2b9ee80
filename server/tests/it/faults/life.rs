//! What happens to a card before and after its reissue.

use platen::op::Operation;
use platen::ops::platen::defect_report::{self, DefectReport};
use platen::ops::prepaid_card::application_cancel::{self, ApplicationCancel};
use platen::ops::prepaid_card::issue::{self, Issue};
use platen::ops::prepaid_card::physical_register::{self, PhysicalRegister};
use platen::ops::prepaid_card::reissue::{Reissue, with_plastic};
use platen::ops::prepaid_card::renew::{self, Renew};
use platen::ops::prepaid_card::terminate::{self, Terminate};
use platen::sandbox::world::{Also, Bank, Card, Expires, Step, World};
use serde_json::Value;

use super::{Case, Does, free, ordinary, play_all, reissue};

const CASES: [Case; 6] = [
    case::<Issue>("first card", without_card, issue::with_plastic),
    case::<PhysicalRegister>("registration", delivered, physical_register::request),
    case::<ApplicationCancel>("cancelled", applied, application_cancel::request),
    case::<DefectReport>("defect reported", with_plastic_in_hand, defect_report::request),
    case::<Renew>("renewal", expiring, renew::renewal),
    case::<Terminate>("discard", empty, terminate::request),
];

const fn case<O: Operation>(
    name: &'static str,
    given: fn(&mut World),
    body: fn(&World) -> Value,
) -> Case {
    Case { does: Does::Call, path: O::SPEC.path, ..reissue(name, given, body) }
}

fn without_card(world: &mut World) {
    free(world);
    world.card = Card::None;
}

fn applied(world: &mut World) {
    ordinary(world);
    world.before = vec![Step::Call(Reissue::SPEC.id, with_plastic)];
}

/// The registration issues the mobile card, and the balance moves.
fn delivered(world: &mut World) {
    applied(world);
    world.before.push(Step::GivePlastic);
}

fn with_plastic_in_hand(world: &mut World) {
    world.also = vec![Also::Plastic];
    world.bank = Bank::None;
}

fn expiring(world: &mut World) {
    free(world);
    world.card = Card::Active;
    world.expires = Expires::Within30Days;
}

fn empty(world: &mut World) {
    free(world);
    world.card = Card::Active;
    world.balance_won = 0;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_its_life_no_nth_failure_leaves_anything_half_done() {
    play_all(&CASES, 200).await;
}
