//! Partners that are discarded, and ranges of card numbers that are suspended.

use platen::ops::prepaid_card::reissue::mobile_only;
use platen::sandbox::ASP_ID;
use platen::sandbox::world::products::FREE;
use serde_json::Value;

use super::{Desk, PARTNER};
use crate::given::given_of;
use crate::support::{REISSUE, TestServer, aside, code, on_each_database, quick};

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_range_gives_out_no_number() {
    on_each_database(async |target, bank| {
        let server = TestServer::start(&target, &bank, quick()).await;
        let of_free = {
            let (target, service) = (target.clone(), FREE.service_id().to_string());
            move |verb: &'static str| {
                let desk = Desk::at(&target);
                let own = ["--partner", ASP_ID];
                let listed = desk.json(&[&["bin", "list"], &own[..]].concat());
                let ranges = listed["ranges"].as_array().unwrap().clone();
                let ours = |one: &&Value| one["serviceId"] == service && one["kind"] == "ISSUE";
                let mut told = String::new();
                for range in ranges.iter().filter(ours) {
                    let prefix = range["tokenBinNo"].as_str().unwrap();
                    let args = [&["bin", verb, prefix], &own[..]].concat();
                    let tried = desk.change(&[&args[..], &["--dry-run"]].concat());
                    assert!(tried.starts_with("dry run, nothing is kept"), "{tried}");
                    told.push_str(&desk.change(&args));
                    assert!(desk.change(&args).contains("already"), "twice");
                    let shown = desk.json(&[&["bin", "show", prefix], &own[..]].concat());
                    assert_eq!(shown["isSuspended"], verb == "suspend");
                }
                told
            }
        };
        let suspend = of_free.clone();
        let told = aside(move || suspend("suspend")).await;
        assert!(told.contains("is SUSPENDED"), "{told}");
        let world = given_of(&server, &bank, FREE).await;
        assert_eq!(code(&server.call(REISSUE, &mobile_only(&world)).await), "000_996");
        let told = aside(move || of_free("resume")).await;
        assert!(told.contains("is ACTIVE"), "{told}");
        assert_eq!(code(&server.call(REISSUE, &mobile_only(&world)).await), "000_000");
        server.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_partner_stays_so() {
    on_each_database(async |target, bank| {
        let server = TestServer::start(&target, &bank, quick()).await;
        let at = target.clone();
        aside(move || {
            let desk = Desk::at(&at);
            desk.change(&["partner", "create", "--asp-id", PARTNER, "--name", "Seoul Pay"]);
            let told = desk.change(&["partner", "discard", PARTNER]);
            assert!(told.contains("is DISCARDED"), "{told}");
            assert!(desk.change(&["partner", "discard", PARTNER]).contains("already"));
            for verb in ["resume", "suspend"] {
                let told = desk.refused(&at, &["partner", verb, PARTNER]);
                assert!(told.contains("was discarded, which is for good"), "{told}");
            }
            assert_eq!(desk.json(&["partner", "show", PARTNER])["state"], "DISCARDED");
            let told = desk.refused(&at, &["bin", "suspend", "949999", "--partner", PARTNER]);
            assert!(told.contains("has no range of card numbers of the digits 949999"), "{told}");
        })
        .await;
        server.stop().await;
    })
    .await;
}
