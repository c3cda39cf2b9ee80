//! Two drivers of one fee: every step is conditional on the state that it leaves.

use std::time::Duration;

use super::picture::difference;
use super::stage::soon;
use super::{Play, Reference, WITH_FEE};
use crate::support::{TestBank, aside};
use store::testing::engines;

/// The live call and recovery have both heard from the bank and write at the same time, or one
/// after the other.
#[tokio::test(flavor = "multi_thread")]
async fn two_drivers_of_one_fee_come_to_one_end() {
    for database in aside(engines).await {
        let bank = TestBank::start().await;
        let play = Play::of(&WITH_FEE[0], 200, &database, &bank).await;
        let (reference, _) = play.reference().await;
        for round in 0..12 {
            play.drive_twice(&reference, round % 3).await;
        }
        play.stage.strike().await;
        bank.stop().await;
        aside(move || drop(database)).await;
    }
}

impl Play {
    /// 0: both at once; 1: the live call writes first; 2: recovery does.
    async fn drive_twice(&self, reference: &Reference, order: u8) {
        let from = self.arm().await;
        let (live, other) = (&self.stage.victim, &self.stage.witness);
        let (live_keeper, other_keeper) = (live.injector.gate(), other.injector.gate());
        let drivers = async {
            tokio::join!(self.act(live), self.stage.recover_held(other, live_keeper.reached))
        };
        let keepers = async {
            soon("recovery's inquiry", other_keeper.reached).await.unwrap();
            let pause = || tokio::time::sleep(Duration::from_millis(100));
            if order == 2 {
                other_keeper.open.send(()).unwrap();
                pause().await;
                live_keeper.open.send(()).unwrap();
            } else {
                live_keeper.open.send(()).unwrap();
                if order == 1 {
                    pause().await;
                }
                other_keeper.open.send(()).unwrap();
            }
        };
        let ((first, ()), ()) = tokio::join!(drivers, keepers);
        assert_eq!(first.unwrap().code, "000_000");
        let end = self.picture(from).await;
        let differs = difference(&end.normal(), &reference.end.0);
        assert!(differs.is_empty(), "order {order}: {differs:#?}");
        assert_eq!(end.check_books("two drivers"), self.stage.taken(&self.world).await);
    }
}
