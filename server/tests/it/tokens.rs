//! A production platform whose keys are in a token: SoftHSM's module, which
//! `PLATEN_TEST_PKCS11_MODULE` names, and a token in the test's own folder.

mod away;
mod cost;
mod holding;
mod refused;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use store::Target;
use store::testing::{engines, variable};

use crate::process::arg;
use crate::serve::Stage;

const PIN: &str = "271828";
/// What the token is called.
const TOKEN: &str = "platen";

/// The module; none where the tests are to do without.
fn module() -> Option<String> {
    let named = variable("PLATEN_TEST_PKCS11_MODULE");
    if named.is_none() {
        let required = variable("PLATEN_TEST_PKCS11_MODULE_REQUIRED");
        assert_ne!(required.as_deref(), Some("1"), "PLATEN_TEST_PKCS11_MODULE names no module");
        eprintln!("skipped with a token: PLATEN_TEST_PKCS11_MODULE is not set");
    }
    named
}

/// A stage with a token, on each engine.
fn on_each_engine(test: impl Fn(&Stage, &Target)) {
    let Some(module) = module() else { return };
    for database in engines() {
        test(&staged(database.target(), &module), database.target());
    }
}

/// A stage with a token, whose master key is in a file as yet.
fn staged(target: &Target, module: &str) -> Stage {
    let mut stage = Stage::set(target);
    let conf = stage.path("softhsm2.conf");
    let tokens = stage.path("tokens");
    fs::create_dir(&tokens).unwrap();
    fs::write(&conf, format!("directories.tokendir = {}\n", tokens.display())).unwrap();
    stage.variables.push(("SOFTHSM2_CONF", conf.clone()));
    let init = ["--init-token", "--free", "--label", TOKEN, "--so-pin", "314159", "--pin", PIN];
    let made = Command::new("softhsm2-util").args(init).env("SOFTHSM2_CONF", &conf).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    stage.secret("token-pin", PIN);
    stage.secret("module", module);
    stage
}

/// Configures the token beside these sources of the master key.
fn with_token(stage: &Stage, master_key: &str) {
    let module = fs::read_to_string(stage.path("module")).unwrap();
    stage.configure(
        "directory_ttl_ms = 1",
        &format!(
            "{master_key}\n[pkcs11]\nmodule = \"{module}\"\ntoken = \"{TOKEN}\"\n\
             pin_file = \"token-pin\""
        ),
    );
}

/// Where the token's objects lie.
fn token_folder(stage: &Stage) -> PathBuf {
    let mut found = fs::read_dir(stage.path("tokens")).unwrap();
    found.next().unwrap().unwrap().path()
}

/// Makes the master key in the token.
fn make_master(stage: &Stage, label: &str) {
    let config = arg(&stage.config);
    let told = stage.done(&["keys", "master", "--pkcs11", label, "--config", config]);
    assert!(told.starts_with(&format!("master key {label} is in the token `{TOKEN}`")), "{told}");
}
