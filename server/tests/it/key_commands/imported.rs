//! A card verification key that two people bring from another system.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use crypto::component::Component;
use crypto::cvc::CvcKey;
use crypto::pan::Pan;
use data_encoding::HEXLOWER;
use serde_json::Value;
use store::testing::engines;

use super::Stage;
use crate::books::Books;
use crate::process::{arg, run};

/// The key of the published vectors for card verification codes, and two components of it.
const KEY: &str = "0123456789abcdeffedcba9876543210";
const ONE: &str = "11112222333344445555666677778888";
const OTHER: &str = "10326745BA9889ABAB89DCFE0123BA98";

const KIM: [&str; 4] = ["--by", "a.kim", "--reason", "cards of the old system"];
const LEE: [&str; 4] = ["--by", "b.lee", "--reason", "cards of the old system"];

fn check_value(hex: &str) -> String {
    Component::parse(hex).unwrap().check_value().to_string()
}

/// What `keys import` is given: a file with a component, a check value and more.
fn import(stage: &Stage, component: &str, check: &str, more: &[&str]) -> Vec<String> {
    let file = stage.folder.path().join("component");
    fs::write(&file, component).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let own = ["keys", "import", "card_verification", "--component", arg(&file)];
    let all = [&own[..], &["--check-value", check, "--active-in", "3"], more].concat();
    all.into_iter().map(str::to_owned).collect()
}

fn words(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

#[test]
fn two_people_bring_a_key() {
    for database in engines() {
        let mut stage = Stage::set(database.target());
        let server = stage.server();
        one_is_not_enough(&mut stage);
        let (one, other, whole) = (check_value(ONE), check_value(OTHER), check_value(KEY));
        let key_check = ["--key-check-value", &whole];
        // The master key changes while the component waits.
        stage.done(&["keys", "rotate", "master", "--reason", "yearly"]);
        let second = [&key_check[..], &LEE].concat();
        let tried = import(&stage, OTHER, &other, &[&second[..], &["--dry-run"]].concat());
        let told = stage.done(&words(&tried));
        assert!(told.starts_with("dry run, nothing is kept: key 4 for card_verif"), "{told}");
        let args = import(&stage, OTHER, &other, &second);
        assert!(stage.done(&words(&args)).starts_with("key 4 for card_verification is whole"));
        // It is gone, and the next key waits for this one to begin.
        let again = import(&stage, ONE, &one, &KIM);
        assert!(stage.done(&words(&again)).contains("waits for another person's until"));
        let early = import(&stage, OTHER, &other, &second);
        assert!(stage.refused(&words(&early)).contains("begins in"));
        let withdraw = [&["keys", "import", "card_verification", "--withdraw"], &KIM[..]].concat();
        assert!(stage.done(&withdraw).contains("is taken away"));
        std::thread::sleep(Duration::from_millis(4_500));
        assert_eq!(stage.states("card_verification"), ["reads", "in use"]);
        makes_codes(&stage, &server.url, database.target());
        let logged = server.logged();
        assert!(server.terminate().success());
        for secret in [KEY, ONE, OTHER] {
            let part = &secret.to_lowercase()[4..16];
            assert!(!stage.said.to_lowercase().contains(part), "{}", stage.said);
            assert!(!logged.to_lowercase().contains(part));
        }
    }
}

/// What is refused until there are two.
fn one_is_not_enough(stage: &mut Stage) {
    let (one, other, whole) = (check_value(ONE), check_value(OTHER), check_value(KEY));
    let withdraw = [&["keys", "import", "card_verification", "--withdraw"], &KIM[..]].concat();
    assert!(stage.refused(&withdraw).contains("no component waits"));
    let wrong = import(stage, ONE, &other, &KIM);
    let told = stage.refused(&words(&wrong));
    assert!(told.contains(&format!("check value is {one}, and {other} was given")), "{told}");
    let short = import(stage, &ONE[1..], &one, &KIM);
    assert!(stage.refused(&words(&short)).contains("32 hexadecimal digits"));
    let tried = import(stage, ONE, &one, &[&KIM[..], &["--dry-run"]].concat());
    assert!(stage.done(&words(&tried)).starts_with("dry run, nothing is kept: the component"));
    let first = import(stage, ONE, &one, &KIM);
    assert!(stage.done(&words(&first)).contains("waits for another person's until 20"));
    let key_check = ["--key-check-value", &whole];
    let same = import(stage, OTHER, &other, &[&key_check[..], &KIM].concat());
    assert!(stage.refused(&words(&same)).contains("a.kim has entered a component at 20"));
    let bare = import(stage, OTHER, &other, &LEE);
    assert!(stage.refused(&words(&bare)).contains("--key-check-value"));
    let strange = import(stage, KEY, &whole, &[&key_check[..], &LEE].concat());
    assert!(stage.refused(&words(&strange)).contains("belongs to another key"));
    let twice = import(stage, ONE, &one, &[&key_check[..], &LEE].concat());
    assert!(stage.refused(&words(&twice)).contains("make no safe key"));
    assert_eq!(stage.states("card_verification"), ["in use"]);
    let file = stage.folder.path().join("component");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert!(stage.refused(&words(&first)).contains("has the mode 0644"));
}

/// A new card's code is the one that the imported key makes.
fn makes_codes(stage: &Stage, url: &str, target: &store::Target) {
    let call = ["call", "prepaid-card.reissue", "--scenario", "mobile-only", "--url", url];
    let output = run(&[&call[..], &["--database", &stage.database]].concat());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    let expiry = Books::open(target)
        .rows("SELECT expiry_yymm FROM card WHERE cvc_key_id = 4 ORDER BY card_id DESC LIMIT 1");
    let key = HEXLOWER.decode(KEY.as_bytes()).unwrap().try_into().unwrap();
    let pan = Pan::parse(&text("mobileCardNo")).unwrap();
    let code = CvcKey::new(&key).cvc2(&pan, expiry[0].text(0).unwrap()).unwrap();
    assert_eq!(code.reveal(), text("mobileCardCVC"));
}
