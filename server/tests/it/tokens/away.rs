//! A token that goes away while a server runs.

use std::fs;
use std::time::{Duration, Instant};

use super::holding::{Partner, keys_to_the_token};
use super::{make_master, on_each_engine, token_folder, with_token};
use crate::books::Books;
use crate::serve::{block_on, get};

#[test]
fn calls_fail_as_long_as_the_token_is_away() {
    on_each_engine(|stage, target| {
        stage.init();
        let mut partner = Partner::taken_on(stage);
        with_token(stage, "file = \"master.key\"");
        make_master(stage, "m-1");
        with_token(stage, "file = \"master.key\"\npkcs11 = \"m-1\"");
        stage.on(&["keys", "rotate", "master", "--to", "m-1", "--reason", "to the token"]);
        with_token(stage, "pkcs11 = \"m-1\"");
        let (server, admin) = stage.serve();
        partner.url.clone_from(&server.url);
        keys_to_the_token(stage);
        let readyz = format!("{admin}/readyz");
        let ready = || block_on(get(&readyz));
        assert_eq!(ready(), (200, "ready\n".to_owned()));
        assert_eq!(partner.issue().0, "000_000");
        let cards = "SELECT CAST((SELECT COUNT(*) FROM card) * 1000
             + (SELECT COUNT(*) FROM application) AS BIGINT) AS n FROM platform_fact LIMIT 1";
        let before = Books::open(target).number(cards);

        let (here, there) = (token_folder(stage), stage.path("elsewhere"));
        fs::rename(&here, &there).unwrap();
        assert_eq!(partner.issue().0, "000_999");
        assert_eq!(ready(), (503, "token away\n".to_owned()));
        let logged = server.logged();
        assert!(logged.contains("the token `platen` is gone: C_"), "{logged}");
        assert!(logged.contains(" returned CKR_"), "{logged}");
        assert_eq!(Books::open(target).number(cards), before, "something is half done");
        // The keys that it holds it keeps: nothing was read anew from the token.
        std::thread::sleep(Duration::from_secs(11));
        assert!(!server.logged().contains("could not be read"), "{}", server.logged());

        fs::rename(&there, &here).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while ready().0 != 200 {
            assert!(Instant::now() < deadline, "{}", server.logged());
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(partner.issue().0, "000_000");
        assert!(server.terminate().success());
    });
}
