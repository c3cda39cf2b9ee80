//! Bodies that the scenarios' data answers without changing anything.

use platen::sandbox::world::{GIVEN_EXPIRY_YYMM, World};
use serde_json::{Value, json};

/// A reissue that is valid and is refused, because the card was not reported lost.
pub fn refused_reissue() -> Value {
    let world = World::new(110);
    json!({
        "userInfo": {
            "userId": world.user_id(),
            "addressInfo": { "address": "가", "addressDetail": "나", "zipCode": "06236" },
        },
        "cardInfo": { "oldCardNo": world.card_no() },
        "isDeliveryRequired": true,
    })
}

/// The code of [`refused_reissue`].
pub const REFUSED: &str = "003_901";

/// A change of state that succeeds and changes nothing.
pub fn idle_state() -> Value {
    let world = World::new(101);
    json!({ "userId": world.user_id(), "cardNo": world.card_no(), "status": "SUSPEND" })
}

/// An inquiry that succeeds and changes nothing.
pub fn on_card() -> Value {
    let world = World::new(301);
    json!({
        "cardNo": world.card_no(), "expiryDate": GIVEN_EXPIRY_YYMM, "cardCVC": world.given_cvc(),
    })
}

/// The same body with the member at a JSON pointer set.
pub fn with(body: &Value, pointer: &str, value: Value) -> Value {
    let mut body = body.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}"))[name] = value;
    body
}

/// The same body without the member at a JSON pointer.
pub fn without(body: &Value, pointer: &str) -> Value {
    let mut body = body.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap().as_object_mut().unwrap().shift_remove(name);
    body
}
