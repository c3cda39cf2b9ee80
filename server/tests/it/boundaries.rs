//! Boundary tests made from the registry: every operation, every field, every limit.

use contract::{Entry, Field, Kind, Need};
use platen::ops::prepaid_card::{issue, renew};
use platen::sandbox::world::World;
use serde_json::{Value, json};

use crate::bodies::{idle_state, on_card, refused_reissue, with, without};
use crate::raw::Raw;
use crate::support::{TestServer, on_sqlite, quick};

/// A valid body of each operation.
fn valid(operation: &str) -> Value {
    match operation {
        "prepaid-card.issue" => issue::with_plastic(&World::new(406)),
        "prepaid-card.reissue" => refused_reissue(),
        "prepaid-card.renew" => renew::renewal(&World::new(440)),
        "prepaid-card.state" => idle_state(),
        "prepaid-card.unregistered-info" => on_card(),
        other => panic!("add a valid body of {other}"),
    }
}

fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

/// Values within and beyond the limits of a kind.
fn values(kind: Kind) -> (Vec<Value>, Vec<Value>) {
    let mut wrong = vec![json!([]), json!([{}]), json!(-1), json!(0.5), json!(1e300)];
    let mut right = Vec::new();
    let text = |unit: &str, count: usize| json!(unit.repeat(count));
    match kind {
        Kind::Text { min, max } => {
            for unit in ["a", "가", "😀"] {
                let counts = [min, min + 1, max - 1, max].into_iter();
                let counts = counts.filter(|count| (min..=max).contains(count));
                right.extend(counts.map(|count| text(unit, count)));
                wrong.extend([text(unit, min - 1), text(unit, max + 1)]);
            }
            wrong.extend([json!(1), json!(true), json!({})]);
        }
        Kind::Digits { len } => {
            right.extend([text("0", len), text("9", len)]);
            wrong.extend([text("1", len - 1), text("1", len + 1), text("a", len), text("１", len)]);
            wrong.extend([json!(1), json!(true), json!({}), json!("")]);
        }
        Kind::Integer { min, max } => {
            right.extend([json!(min), json!(min + 1), json!(max - 1), json!(max)]);
            wrong.extend([json!(min - 1), json!(max + 1), json!(min.to_string())]);
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
    }
    (right, wrong)
}

/// Whether the field must be there in a body that is otherwise valid.
fn is_missed(field: &Field, body: &Value) -> bool {
    let given = |path: &str| body.pointer(&pointer(path)).is_some_and(|value| !value.is_null());
    match field.need {
        Need::Required => true,
        Need::Optional | Need::Either(_) => false,
        Need::When(flag) => body.pointer(&pointer(flag)) == Some(&json!(true)),
        Need::Unless(other) => !given(other),
    }
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
        assert!(said.1 != "000_002" && !said.1.starts_with("000_9"), "{what}: {said:?}");
    }
}

async fn check_field(server: &TestServer, entry: &Entry, field: &Field) {
    let good = valid(entry.spec.id);
    let (right, wrong) = values(field.kind);
    let places = [Some(&field.path), field.also_at.as_ref()];
    for place in places.into_iter().flatten() {
        let place = pointer(place);
        // The other place would contradict.
        let clean = without(&good, &pointer(&field.path));
        for value in &right {
            check(server, entry, field, &with(&clean, &place, value.clone()), false).await;
        }
        for value in &wrong {
            check(server, entry, field, &with(&clean, &place, value.clone()), true).await;
        }
        let missed = is_missed(field, &clean);
        check(server, entry, field, &clean, missed).await;
        check(server, entry, field, &with(&clean, &place, Value::Null), missed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_every_operation_has_its_limits() {
    on_sqlite(quick(), async |server| {
        for entry in server.app.operations.registry().entries() {
            let good = valid(entry.spec.id);
            for field in &entry.request {
                check(server, entry, field, &good, false).await;
                check_field(server, entry, field).await;
            }
        }
    })
    .await;
}
