//! The way of a physical card to its member.

use crate::states;

states! {
    /// State of a delivery.
    pub enum DeliveryState {
        /// Ordered.
        Ready = "READY",
        /// The card maker has the order.
        Receipt = "RECEIPT",
        /// The card is being made ready.
        PreShipping = "PRE_SHIPPING",
        /// On its way.
        Shipping = "SHIPPING",
        /// Delivered.
        Arrival = "ARRIVAL",
        /// Lost in transit.
        Lost = "LOST",
        /// Came back.
        Return = "RETURN",
        /// Called off.
        Cancel = "CANCEL",
        /// Ended otherwise.
        Etc = "ETC",
    }
}

impl DeliveryState {
    /// The state that follows on the ordinary way; `None` at its end and after an exit.
    pub const fn following(self) -> Option<Self> {
        match self {
            DeliveryState::Ready => Some(DeliveryState::Receipt),
            DeliveryState::Receipt => Some(DeliveryState::PreShipping),
            DeliveryState::PreShipping => Some(DeliveryState::Shipping),
            DeliveryState::Shipping => Some(DeliveryState::Arrival),
            DeliveryState::Arrival
            | DeliveryState::Lost
            | DeliveryState::Return
            | DeliveryState::Cancel
            | DeliveryState::Etc => None,
        }
    }

    /// Whether a delivery may go from this state to `other`: forward on the ordinary way, steps
    /// may be skipped; to an exit until it has arrived, but not lost or returned before it left.
    pub fn may_become(self, other: DeliveryState) -> bool {
        use DeliveryState as D;
        let position = |state: D| D::ALL.iter().position(|each| *each == state);
        match (self, other) {
            (D::Arrival | D::Lost | D::Return | D::Cancel | D::Etc, _) => false,
            (_, D::Cancel | D::Etc) => true,
            (_, D::Lost | D::Return) => self == D::Shipping,
            (_, D::Ready | D::Receipt | D::PreShipping | D::Shipping | D::Arrival) => {
                position(self) < position(other)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_states() {
        use DeliveryState as D;
        // A mark for each of D::ALL: may this row's state become it?
        let table = [
            (D::Ready, ".xxxx..xx"),
            (D::Receipt, "..xxx..xx"),
            (D::PreShipping, "...xx..xx"),
            (D::Shipping, "....xxxxx"),
            (D::Arrival, "........."),
            (D::Lost, "........."),
            (D::Return, "........."),
            (D::Cancel, "........."),
            (D::Etc, "........."),
        ];
        assert_eq!(table.len(), D::ALL.len());
        for (from, row) in table {
            for (to, mark) in D::ALL.iter().zip(row.chars()) {
                assert_eq!(from.may_become(*to), mark == 'x', "{from:?} to {to:?}");
            }
            assert!(from.following().is_none_or(|next| from.may_become(next)));
        }
    }
}
