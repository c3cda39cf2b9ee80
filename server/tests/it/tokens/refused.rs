//! What cannot be used is said in one sentence.

use store::Target;
use tempfile::TempDir;

use super::{PIN, TOKEN, make_master, module, staged, token_folder, with_token};
use crate::books::Books;
use crate::process::arg;

#[test]
fn what_is_wrong_with_a_token_is_one_sentence() {
    let Some(module) = module() else { return };
    let folder = TempDir::new().unwrap();
    let stage = staged(&Target::Sqlite(folder.path().join("p.db")), &module);
    let check = || {
        let output = stage.tried(&["config", "check"]);
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(told.lines().count(), 1, "{told}");
        told
    };
    with_token(&stage, "pkcs11 = \"m-1\"");
    let none = check();
    assert!(none.contains("the token `platen` has no key with the label `m-1`"), "{none}");
    let init = ["keys", "init", "--by", "a.kim", "--reason", "x"];
    assert!(stage.refused(&init).contains("no key with the label `m-1`"));
    assert!(!folder.path().join("p.db").exists(), "nothing is made");
    make_master(&stage, "m-1");
    assert!(stage.on(&["config", "check"]).contains("is right"));
    let config = arg(&stage.config);
    stage.init();
    let list = stage.on(&["keys", "list"]);
    assert!(list.contains("token: m-1"), "{list}");
    let twice = stage.refused(&["keys", "master", "--pkcs11", "m-1"]);
    assert!(twice.contains("has a key with the label `m-1` already"), "{twice}");
    let label = stage.refused(&["keys", "master", "--pkcs11", "M_1"]);
    assert!(label.contains("1 to 32 of a-z, 0-9 and hyphens"), "{label}");

    stage.secret("token-pin", "000000");
    let pin = check();
    assert!(pin.contains("refuses the PIN (CKR_PIN_INCORRECT)"), "{pin}");
    assert!(pin.contains("counts the tries") && !pin.contains("000000"), "{pin}");
    stage.mode("token-pin", 0o644);
    assert!(check().contains("pkcs11.pin_file: ") && check().contains("has the mode 0644"));
    stage.secret("token-pin", PIN);

    let text = std::fs::read_to_string(config).unwrap();
    let with = |from: &str, to: &str| std::fs::write(config, text.replace(from, to)).unwrap();
    with(&format!("token = \"{TOKEN}\""), "token = \"other\"");
    assert!(check().contains("no token with the label `other`"));
    with(&module, "/no/such/module.so");
    let absent = check();
    assert!(absent.contains("module /no/such/module.so cannot be used"), "{absent}");
    with("pin_file = \"token-pin\"\n", "");
    let told = String::from_utf8(stage.tried(&["config", "check"]).stdout).unwrap();
    assert!(told.contains("pkcs11 needs all of module, token and pin_file"), "{told}");
    with("pkcs11 = \"m-1\"", "pkcs11 = \"M 1\"");
    assert!(check().contains("master_key.pkcs11 has 1 to 8 labels"));
    with("pkcs11 = \"m-1\"", "file = \"master.key\"\ndescriptor = 3");
    assert!(check().contains("master_key is given more than once"));
}

#[test]
fn a_key_of_a_token_is_retired_and_stays_there() {
    let Some(module) = module() else { return };
    let folder = TempDir::new().unwrap();
    let target = Target::Sqlite(folder.path().join("p.db"));
    let stage = staged(&target, &module);
    stage.init();
    let why = ["--reason", "yearly"];
    let rotate = |more: &[&str]| {
        let told = stage.on(&[&["keys", "rotate", "lookup"][..], more, &why].concat());
        // As if it had been in use for an hour.
        let aged = "UPDATE platform_key SET active_from = active_from - 3600000000
             WHERE active_from > 0 AND asp_id <> $1";
        assert!(Books::open(&target).execute(aged) > 0);
        told
    };
    let unnamed =
        stage.refused(&[&["keys", "rotate", "lookup", "--pkcs11", "l"][..], &why].concat());
    assert!(unnamed.contains("the configuration names no token: give [pkcs11]"), "{unnamed}");
    with_token(&stage, "file = \"master.key\"");
    assert!(rotate(&["--pkcs11", "lookup-a"]).contains("`lookup-a` was made in the token"));
    let same = ["keys", "rotate", "lookup", "--pkcs11", "lookup-a"];
    let same = stage.refused(&[&same[..], &why].concat());
    assert!(
        same.contains("has the label `lookup-a`: give the new one a label of its own"),
        "{same}"
    );
    rotate(&[]);
    let told = stage.on(&[&["keys", "retire", "lookup", "3"][..], &why].concat());
    assert!(told.contains("key 3 for lookup is retired"), "{told}");
    assert!(told.contains("its key `lookup-a` stays in the token"), "{told}");
    let list = stage.on(&["keys", "list"]);
    let line = list.lines().find(|line| line.contains("lookup-a")).unwrap();
    assert!(line.contains("retired"), "{line}");
    assert!(std::fs::read_dir(token_folder(&stage)).unwrap().count() > 1);
}
