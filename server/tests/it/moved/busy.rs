//! A platform is moved while servers work on it: what was acknowledged is in the copy, and what was
//! not is done there, once.

use std::sync::Arc;
use std::time::Duration;

use client::Exchange;
use platen::sandbox::world::World;
use platen::sandbox::world::products::FREE;
use store::Target;

use super::{args, other};
use crate::given::{given_of, mobile_only, new_id};
use crate::outage::status;
use crate::process::{database_arg, stdout_of};
use crate::support::{REISSUE, TestServer, aside, code, on_each_database, quick};

/// Members whose cards can be reissued, one call each: more than there is time for.
const MEMBERS: usize = 80;
/// Calls that were not done, after which the caller gives up.
const IN_VAIN_MAX: usize = 2;
/// Between two calls.
const PAUSE: Duration = Duration::from_millis(50);

/// A call and how it was answered; none where the connection was.
struct Call {
    world: World,
    id: String,
    answer: Option<Exchange>,
}

/// Reissues one card after another until some are not done.
async fn work(server: Arc<TestServer>, worlds: Vec<World>) -> Vec<Call> {
    let (mut calls, mut in_vain) = (Vec::new(), 0);
    for world in worlds {
        let id = new_id();
        let answer = server.call_as(REISSUE, &mobile_only(&world), Some(&id)).await;
        let is_done = code(&answer) == "000_000";
        assert!(is_done || (answer.status, code(&answer)) == (503, "000_997"), "{}", code(&answer));
        calls.push(Call { world, id, answer: is_done.then_some(answer) });
        in_vain += usize::from(!is_done);
        if in_vain == IN_VAIN_MAX {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_call_is_lost_and_none_is_done_twice() {
    on_each_database(async |target, bank| {
        let from = target.clone();
        let Some(moved) = aside(move || other(&from)).await else { return };
        let to = moved.target().clone();
        let server = Arc::new(TestServer::start(&target, &bank, quick()).await);
        let mut worlds = Vec::new();
        for _ in 0..MEMBERS {
            worlds.push(given_of(&server, &bank, FREE).await);
        }
        let late = worlds.pop().unwrap();
        let working = tokio::spawn(work(Arc::clone(&server), worlds));
        let command = {
            let (from, to) = (target.clone(), to.clone());
            aside(move || stdout_of(&args(&database_arg(&from), &database_arg(&to), &["--json"])))
        };
        let (calls, _) = tokio::join!(working, command);
        let calls = calls.unwrap();
        // The old server is there, and of no use any more.
        let answer = server.call_as(REISSUE, &mobile_only(&late), Some(&new_id())).await;
        assert_eq!((answer.status, code(&answer)), (503, "000_997"));
        assert_eq!(status(&server, "/readyz").await, 503);
        assert_eq!(status(&server, "/healthz").await, 200);

        goes_on(&to, &bank, &calls).await;
        let Ok(server) = Arc::try_unwrap(server) else { panic!("somebody holds the server") };
        server.stop().await;
        aside(move || drop(moved)).await;
    })
    .await;
}

async fn goes_on(to: &Target, bank: &crate::support::TestBank, calls: &[Call]) {
    let server = TestServer::start(to, bank, quick()).await;
    for Call { world, id, answer } in calls {
        let same = server.call_as(REISSUE, &mobile_only(world), Some(id)).await;
        match answer {
            Some(answer) => assert_eq!(same.body_clear, answer.body_clear),
            None => assert_eq!(code(&same), "000_000", "{id}"),
        }
        let sql = "SELECT COUNT(*) FROM application WHERE asp_id = $1 AND user_id = $2";
        assert_eq!(server.row(sql, &[world.user_id().into()]).await, "1");
    }
    let done = calls.iter().filter(|call| call.answer.is_some()).count();
    assert!(done > 0 && done < calls.len(), "{done} of {} were done before", calls.len());
    server.assert_balances_derive().await;
    server.stop().await;
}
