//! Boundary tests made from the registry: every operation, every field, every limit.

use contract::{Entry, Field, Json, Kind, Need};
use platen::applying::example_address;
use platen::op::Handler;
use platen::ops::admin::{issued_cards, product_create};
use platen::ops::bank_account::named_card;
use platen::ops::platen::product_policy;
use platen::ops::prepaid_card::list;
use platen::sandbox::world::World;
use serde_json::{Value, json};

use crate::bodies::{idle_state, on_card, with, without};
use crate::raw::Raw;
use crate::shapes;
use crate::support::{TestServer, on_sqlite, quick};

/// Levels of objects and lists in each other that a body may have.
const DEPTH_MAX: usize = 16;

/// A valid body of each operation, in which every object is there and every list of objects has
/// an item, and which changes nothing. Where a scenario has one, it need not be said here.
fn valid(entry: &Entry) -> Value {
    match entry.spec.id {
        "bank-account.named-card" => named_card::by_par(&World::new(584)),
        "prepaid-card.list" => {
            let world = World::new(521);
            with(&list::by_par(&world), "/physicalCardNo", world.card_no().into())
        }
        "prepaid-card.state" => idle_state(),
        "prepaid-card.unregistered-info" => on_card(),
        "admin.issued-cards" => issued_cards::one(&World::new(606)),
        "admin.product-create" => {
            with(&product_create::with_prefix("949140"), "/status", "VOID".into())
        }
        "platen.product-policy" => product_policy::other_fees(&World::new(621)),
        "platen.delivery-resend" => with(&refused(entry), "/addressInfo", example_address()),
        "platen.events" => json!({ "limit": 10 }),
        "platen.card-timeline" => with(&refused(entry), "/limit", 10.into()),
        _ => refused(entry),
    }
}

/// The request of a scenario that is refused for what is given and not for its form; of an
/// operation without one, the first.
fn refused(entry: &Entry) -> Value {
    let scenarios = entry.scenarios_json();
    let is_refused = |scenario: &&Value| {
        let code = &scenario["expect"]["code"];
        *code != "000_000" && *code != "000_002"
    };
    let chosen = scenarios.iter().find(is_refused).or(scenarios.first());
    chosen.expect("an operation has scenarios")["request"].clone()
}

fn pointer(path: &str) -> String {
    format!("/{}", path.replace("[]", ".0").replace('.', "/"))
}

/// Lists within and beyond their limits, of an item that is right and others that are wrong.
fn lists(kind: Kind, item: Value, wrong_items: Vec<Value>) -> (Vec<Value>, Vec<Value>) {
    let Kind::List { min, max: Some(max), .. } = kind else { panic!("{kind:?} has no most") };
    let list = |count: usize| Value::from(vec![item.clone(); count]);
    let counts = [min, min + 1, max - 1, max].into_iter();
    let right = counts.filter(|count| (min..=max).contains(count)).map(list).collect();
    let mut wrong = vec![json!({}), json!(""), json!("[]"), json!(0), json!(true), list(max + 1)];
    wrong.extend(min.checked_sub(1).map(list));
    // The last item alone is wrong.
    wrong.extend(wrong_items.into_iter().chain([Value::Null]).map(|wrong| {
        let mut items = vec![item.clone(); max];
        items[max - 1] = wrong;
        Value::from(items)
    }));
    (right, wrong)
}

/// Values within and beyond the limits of a kind; `good` is one within them, if one is known.
fn values(kind: Kind, good: Option<&Value>) -> (Vec<Value>, Vec<Value>) {
    if let Kind::List { item, .. } = kind {
        let good = good.and_then(|list| list.get(0));
        let (right, wrong) = values(*item, good);
        let item = good.or(right.first()).expect("a list of objects has an item").clone();
        return lists(kind, item, wrong);
    }
    let mut wrong = vec![json!([]), json!([{}]), json!(-1), json!(0.5), json!(1e300)];
    let mut right = Vec::new();
    let text = |unit: &str, count: usize| json!(unit.repeat(count));
    match kind {
        Kind::Text { min, max } => {
            for unit in ["a", "가", "😀"] {
                let counts = [min, min + 1, max.saturating_sub(1), max].into_iter();
                let counts = counts.filter(|count| (min..=max).contains(count));
                right.extend(counts.map(|count| text(unit, count)));
                wrong.push(text(unit, max + 1));
                wrong.extend(min.checked_sub(1).map(|count| text(unit, count)));
            }
            wrong.extend([json!(1), json!(true), json!({})]);
        }
        Kind::Digits { len } => {
            right.extend([text("0", len), text("9", len)]);
            wrong.extend([text("1", len - 1), text("1", len + 1), text("a", len), text("１", len)]);
            wrong.extend([json!(1), json!(true), json!({}), json!("")]);
        }
        Kind::Integer { min, max } => {
            let near = [min, min.saturating_add(1), max.saturating_sub(1), max].into_iter();
            right.extend(near.filter(|near| (min..=max).contains(near)).map(Value::from));
            wrong.extend(min.checked_sub(1).into_iter().chain(max.checked_add(1)).map(Value::from));
            wrong.push(json!(min.to_string()));
            wrong.extend([json!(""), json!(false), json!({}), json!(1.0)]);
        }
        Kind::Boolean => {
            right.extend([json!(true)]);
            wrong.extend([json!("true"), json!(1), json!(0), json!(""), json!({})]);
        }
        Kind::Choice(names) => {
            right.extend(names.iter().map(|name| json!(name)));
            wrong.extend(names.iter().map(|name| json!(name.to_lowercase())));
            wrong.extend(names.iter().map(|name| json!(format!("{name} "))));
            wrong.extend([json!(""), json!(0), json!(true), json!({})]);
        }
        Kind::Object => wrong.extend([json!("{}"), json!(1), json!(true), json!("")]),
        Kind::List { .. } => unreachable!("answered above"),
    }
    (right, wrong)
}

/// Whether the field must be there in a body that is otherwise valid.
fn is_missed(field: &Field, body: &Value) -> bool {
    let given = |path: &str| body.pointer(&pointer(path)).is_some_and(|value| !value.is_null());
    let other = field.depends_on.as_deref().unwrap_or_default();
    match field.need {
        Need::Required => true,
        Need::Optional | Need::Either(_) => false,
        Need::When(_) => body.pointer(&pointer(other)) == Some(&json!(true)),
        Need::Unless(_) => !given(other),
    }
}

/// What the operation's parser says of a body: the wire name of the field at fault.
fn read(handler: &Handler, body: &Value) -> Result<(), String> {
    let json = Json::parse_object(body.to_string().as_bytes(), DEPTH_MAX).unwrap();
    handler.check(&json).map_err(|invalid| invalid.field)
}

async fn check(server: &TestServer, entry: &Entry, field: &Field, body: &Value, is_wrong: bool) {
    let answer = Raw::plain(server, entry.spec.path, body.to_string()).send(server).await;
    let said = (answer.status, answer.code());
    let what = format!("{} {} {body}", entry.spec.id, field.path);
    if is_wrong {
        assert_eq!(said, (400, "000_002".to_owned()), "{what}");
        let expected = format!("Invalid input parameter. {}", field.wire_name);
        assert_eq!(answer.description(), expected, "{what}");
    } else {
        assert!([200, 400].contains(&said.0), "{what}: {said:?}");
        assert!(!said.1.starts_with("000_9"), "{what}: {said:?}");
        // Where it is refused all the same, then for what it names and not for its form.
        assert_eq!(
            read(server.app.operations.by_id(entry.spec.id).unwrap(), body),
            Ok(()),
            "{what}"
        );
    }
}

/// Bodies with the field within its limits, and beyond them or missing.
fn bodies(field: &Field, good: &Value) -> (Vec<Value>, Vec<Value>) {
    let (values_right, values_wrong) = values(field.kind, good.pointer(&pointer(&field.path)));
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    let places = [Some(&field.path), field.also_at.as_ref()];
    for place in places.into_iter().flatten() {
        let place = pointer(place);
        // The other place would contradict.
        let clean = without(good, &pointer(&field.path));
        right.extend(values_right.iter().map(|value| with(&clean, &place, value.clone())));
        wrong.extend(values_wrong.iter().map(|value| with(&clean, &place, value.clone())));
        let missing = [with(&clean, &place, Value::Null), clean.clone()];
        if is_missed(field, &clean) { wrong.extend(missing) } else { right.extend(missing) }
    }
    (right, wrong)
}

async fn check_field(server: &TestServer, entry: &Entry, field: &Field) {
    let (right, wrong) = bodies(field, &valid(entry));
    for body in &right {
        check(server, entry, field, body, false).await;
    }
    for body in &wrong {
        check(server, entry, field, body, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_every_operation_has_its_limits() {
    on_sqlite(quick(), async |server| {
        for entry in server.app.operations.registry().entries() {
            let good = valid(entry);
            for field in &entry.request {
                check(server, entry, field, &good, false).await;
                check_field(server, entry, field).await;
            }
        }
    })
    .await;
}

/// No operation of this build may ask for lists: the cases of lists hold of one that does.
#[test]
fn lists_have_cases_too() {
    let handler = shapes::handler();
    let good = shapes::full_request();
    assert_eq!(read(&handler, &good), Ok(()));
    for field in &handler.entry.request {
        let (right, wrong) = bodies(field, &good);
        for body in right {
            assert_eq!(read(&handler, &body), Ok(()), "{} {body}", field.path);
        }
        for body in wrong {
            assert_eq!(read(&handler, &body), Err(field.wire_name.clone()), "{body}");
        }
    }
    let list = handler.entry.request.iter().find(|field| field.path == "serviceIdList").unwrap();
    let (_, wrong) = bodies(list, &good);
    let list = |items: Value| with(&good, "/serviceIdList", items);
    let one = shapes::SERVICE_ID;
    for case in [
        list(Value::Null),
        without(&good, "/serviceIdList"),
        list(json!([])),
        list(json!([one, one, one, one])),
        list(json!([one, one, null])),
        list(json!([one, one, "a".repeat(15)])),
        list(json!([one, one, "1".repeat(14)])),
        list(json!([one, one, 1])),
    ] {
        assert!(wrong.contains(&case), "{case}");
    }
}
