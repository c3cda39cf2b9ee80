//! A production platform, as its operators make and start it: real files, real processes.

mod callers;
mod configured;
mod encrypted;
mod gateways;
mod notified;
mod shared;
mod taken_on;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use platen::running::options;
use platen::sandbox::run::open;
use platen::settings::Settings;
use serde_json::Value;
use store::schema::MIGRATIONS;
use store::testing::engines;
use store::{OnEmpty, OpenError, Options, Store, Target};
use tempfile::TempDir;

use crate::process::{Server, arg, database_arg, run, run_with};

/// A folder with a configuration and what it names.
pub(crate) struct Stage {
    pub(crate) folder: TempDir,
    pub(crate) config: PathBuf,
    database: String,
    /// Of what it starts.
    pub(crate) variables: Vec<(&'static str, PathBuf)>,
}

const WHY: [&str; 4] = ["--by", "a.kim", "--reason", "first start"];

impl Stage {
    /// With a master key, for a database without one.
    pub(crate) fn set(target: &Target) -> Self {
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("platen.toml");
        let (database, variables) = (database_arg(target), Vec::new());
        let stage = Stage { folder, config, database, variables };
        stage.secret("bank-client", "s3cret-of-the-bank");
        let key = stage.path("master.key");
        let told = stage.done(&["keys", "master", "--out", arg(&key)]);
        assert!(told.starts_with("master key ") && told.contains("keep a copy"), "{told}");
        stage.configure("", "file = \"master.key\"");
        stage
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file that nobody else can read.
    pub(crate) fn secret(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        self.mode(name, 0o600);
    }

    /// As [`Self::secret`], in the place of a file that others are reading.
    pub(crate) fn exchange(&self, name: &str, text: &str) {
        self.secret("new", text);
        fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    pub(crate) fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    /// Writes the configuration, with these lines on top and this source of the master key.
    pub(crate) fn configure(&self, more: &str, master_key: &str) {
        let (bare, password) = without_password(&self.database);
        let mut text = format!(
            "listen = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n\
             audit_seal_interval_ms = 50\ndatabase = \"{bare}\"\n{more}\n"
        );
        if bare.contains("://") {
            // A server that asks for none passes over one.
            let password = password.unwrap_or_else(|| "any & all".to_owned());
            self.secret("database-password", &password);
            text.insert_str(0, "database_password_file = \"database-password\"\n");
        }
        text.push_str(&format!(
            "[master_key]\n{master_key}\n[bank]\nurl = \"http://127.0.0.1:1\"\nclient_id = \"c\"\n\
             client_secret_file = \"bank-client\"\ninstitution_code = \"M202600001\"\n\
             contract_account = \"9990000000001\"\n"
        ));
        fs::write(&self.config, text).unwrap();
    }

    /// Standard output of a command that must succeed.
    pub(crate) fn done(&self, args: &[&str]) -> String {
        let output = run_with(args, &self.variables);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// As [`Self::done`], with the configuration.
    pub(crate) fn on(&self, args: &[&str]) -> String {
        self.done(&[args, &["--config", arg(&self.config)]].concat())
    }

    /// The one sentence of a command that must fail.
    pub(crate) fn refused(&self, args: &[&str]) -> String {
        refusal(args, &self.tried(args))
    }

    /// The end of a command.
    pub(crate) fn tried(&self, args: &[&str]) -> std::process::Output {
        run_with(&[args, &["--config", arg(&self.config)]].concat(), &self.variables)
    }

    pub(crate) fn init(&self) {
        let told = self.on(&[&["keys", "init"], &WHY[..]].concat());
        assert!(told.contains("is a production platform's now, with 6 keys"), "{told}");
    }

    /// A running server, and the address of its operators.
    pub(crate) fn serve(&self) -> (Server, String) {
        let args = ["serve", "--config", arg(&self.config)];
        let server = Server::start_with(self.folder.path(), &args, &self.variables);
        let told = server.printed();
        let admin = told.lines().find_map(|line| line.strip_prefix("admin: ")).unwrap().to_owned();
        (server, admin)
    }
}

/// What a command that fails says.
fn refusal(args: &[&str], output: &std::process::Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {err}");
    let told = err.lines().find(|line| line.starts_with("platen: "));
    told.unwrap_or_else(|| panic!("{args:?}: {err}")).to_owned()
}

/// A database's address, and its password apart.
pub(crate) fn without_password(database: &str) -> (String, Option<String>) {
    let parts = || {
        let (scheme, rest) = database.split_once("://")?;
        let (user, host) = rest.rsplit_once('@')?;
        let (user, password) = user.split_once(':')?;
        Some((format!("{scheme}://{user}@{host}"), password.to_owned()))
    };
    match parts() {
        Some((bare, password)) => (bare, Some(password)),
        None => (database.to_owned(), None),
    }
}

/// Status and body of what is asked for.
pub(crate) async fn get(url: &str) -> (u16, String) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn a_platform_from_its_keys_to_its_end() {
    for database in engines() {
        let stage = Stage::set(database.target());
        before_it_is_made(&stage, database.target());
        stage.init();
        let again = stage.refused(&[&["keys", "init"], &WHY[..]].concat());
        assert!(again.contains("is initialised already"), "{again}");
        assert!(stage.on(&["config", "check"]).contains("is right"));
        let (server, admin) = stage.serve();
        block_on(answers(&server.url, &admin));
        commands(&stage);
        no_sandbox(&stage);
        another_master_key(&stage, &server, &admin);
        let logged = server.logged();
        assert!(server.terminate().success());
        for secret in ["s3cret-of-the-bank", fs::read_to_string(stage.path("k2")).unwrap().trim()] {
            assert!(!logged.contains(secret) && !logged.contains(&secret[secret.len() / 2..]));
        }
        let (server, admin) = stage.serve();
        assert_eq!(block_on(get(&format!("{admin}/readyz"))).0, 200);
        assert!(server.terminate().success());
        stage.done(&["keys", "master", "--out", arg(&stage.path("strange.key"))]);
        stage.configure("", "file = \"strange.key\"");
        for args in [&["serve"][..], &["keys", "list"], &["audit", "verify"]] {
            let told = stage.refused(args);
            assert!(told.contains("does not open this database's keys"), "{told}");
        }
    }
}

/// Nothing is made by a server, or by a command that is not for it.
fn before_it_is_made(stage: &Stage, target: &Target) {
    let key = stage.path("master.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o7777, 0o600);
    let twice = refusal(&["master"], &run(&["keys", "master", "--out", arg(&key)]));
    assert!(twice.contains("cannot write") && twice.contains("master.key"), "{twice}");
    for args in [&["serve"][..], &["keys", "list"], &["jobs", "run"]] {
        let told = stage.refused(args);
        assert!(told.contains("`platen keys init`"), "{told}");
    }
    match target {
        Target::Sqlite(path) => assert!(!path.exists()),
        Target::Postgres(_) => {
            let settings = options(&Settings::default());
            let refuse = Options { on_empty: OnEmpty::Refuse, ..settings };
            let opened = Store::open(target, MIGRATIONS, refuse);
            assert!(matches!(opened, Err(OpenError::Empty)));
        }
    }
}

/// What callers and operators reach, and what they do not.
async fn answers(url: &str, admin: &str) {
    assert_eq!(get(&format!("{admin}/readyz")).await, (200, "ready\n".to_owned()));
    let (status, metrics) = get(&format!("{admin}/metrics")).await;
    assert!(status == 200 && metrics.contains("platen_database_queue"), "{metrics}");
    assert!(!metrics.contains("platen_certificate_expiry_seconds{}"), "there is none");
    let (status, home) = get(&format!("{admin}/")).await;
    assert!(status == 200 && home.contains("platen") && !home.contains("/sandbox/"), "{home}");
    assert_eq!(get(&format!("{admin}/postman.json")).await.0, 404, "it shows a sandbox's data");
    let (status, openapi) = get(&format!("{admin}/openapi.json")).await;
    assert!(status == 200 && !openapi.contains("/sandbox/"), "{status}");
    assert_eq!(get(&format!("{url}/healthz")).await.0, 200);
    for path in ["/readyz", "/metrics", "/openapi.json", "/", "/errors", "/postman.json"] {
        let (status, text) = get(&format!("{url}{path}")).await;
        assert!(status >= 400 && text.contains("000_9"), "{path}: {status} {text}");
    }
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in [
        "/sandbox/v1/scenarios",
        "/sandbox/v1/clock",
        "/sandbox/v1/calls",
        "/sandbox/v1/credentials",
        "/sandbox/v1/scenarios/prepaid-card.reissue/reissued/arm",
    ] {
        for base in [url, admin] {
            for request in [http.get(format!("{base}{path}")), http.post(format!("{base}{path}"))] {
                let answer = request.send().await.unwrap();
                assert!(answer.status().as_u16() >= 400, "{base}{path}: {}", answer.status());
            }
        }
    }
    // A call is for the API's listener alone, which knows no caller yet.
    let state = "/api/v1/card/status";
    let answer = http.post(format!("{admin}{state}")).body("{}").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 404);
    let answer = http.post(format!("{url}{state}")).body("{}").send().await.unwrap();
    let text = answer.text().await.unwrap();
    assert!(text.contains("000_9"), "{text}");
}

/// Operators' commands work on the configuration, beside the server.
fn commands(stage: &Stage) {
    let keys: Value = serde_json::from_str(&stage.on(&["keys", "list", "--json"])).unwrap();
    let keys = keys["keys"].as_array().unwrap().clone();
    let key = fs::read_to_string(stage.path("master.key")).unwrap();
    assert_eq!(keys[0]["id"].as_str(), key.split(':').nth(1), "{keys:?}");
    assert_eq!(keys.len(), 7);
    let why = ["--reason", "to see it work"];
    let told = stage.on(&[&["keys", "rotate", "data_key", "--active-in", "3"], &why[..]].concat());
    assert!(told.starts_with("key 7 for data_key") || told.starts_with("key 2"), "{told}");
    let told = stage.refused(&[&["keys", "rotate", "crypto"], &why[..]].concat());
    assert!(told.contains("--client-public-key"), "{told}");
    let fee = ["fee", "resolve", "2026112900000000000042", "--partner", "000990000000001"];
    let ruling = ["--refused", "--evidence", "a letter", "--by", "a.kim", "--reason", "lost"];
    let told = stage.refused(&[&fee[..], &ruling].concat());
    assert!(told.contains("has no fee of an application"), "{told}");
    let copy = stage.path("copy.db");
    let backup = ["backup", "--out", arg(&copy)];
    if stage.database.contains("://") {
        assert!(stage.refused(&backup).contains("docs/operations/backup.md"));
    } else {
        assert!(stage.on(&backup).contains("read through") && copy.exists());
    }
    let told = stage.on(&["jobs", "run", "--job", "expiry", "--audit-seal-interval-ms=70"]);
    assert_eq!(told, "expiry: 0 rows, 0 failures\n");
    assert!(stage.refused(&["delivery", "maker", "list"]).contains("give --partner"));
    assert_eq!(stage.on(&["delivery", "maker", "list", "--partner", "000990000000001"]), "");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let audit = stage.on(&["audit", "verify", "--json"]);
    let audit: Value = serde_json::from_str(&audit).unwrap();
    let platform = &audit["partners"][0];
    // It was made, and a key was rotated.
    assert_eq!((platform["rows"].as_u64(), platform["breaksCount"].as_u64()), (Some(2), Some(0)));
    let both = ["keys", "list", "--config", arg(&stage.config), "--database", &stage.database];
    assert_eq!(run(&both).status.code(), Some(2));
}

/// What is for sandboxes does not touch it.
fn no_sandbox(stage: &Stage) {
    let database = ["--database", &stage.database];
    let cards = stage.path("cards.jsonl");
    for args in [
        &["sandbox", "--listen", "127.0.0.1:0"][..],
        &["populate", "--cards", "1", "--out", arg(&cards)],
        &["credentials"],
        &["keys", "list"],
    ] {
        let told = refusal(args, &run(&[args, &database].concat()));
        assert!(told.contains("marked PRODUCTION"), "{told}");
    }
}

/// One master key takes another's place, and the server that runs takes it up.
fn another_master_key(stage: &Stage, server: &Server, admin: &str) {
    let (first, second) = (stage.path("master.key"), stage.path("k2"));
    let why = ["--reason", "yearly"];
    let told = stage.refused(&[&["keys", "rotate", "master"], &why[..]].concat());
    assert!(told.contains("give its id as --to"), "{told}");
    let unknown = [&["keys", "rotate", "master", "--to", "0a0a"], &why[..]].concat();
    assert!(stage.refused(&unknown).contains("no master key `0a0a`"));
    stage.done(&["keys", "master", "--out", arg(&second)]);
    let added = fs::read_to_string(&second).unwrap();
    let both = [fs::read_to_string(&first).unwrap(), added.clone()].concat();
    stage.exchange("master.key", &both);
    let id = added.split(':').nth(1).unwrap().to_owned();
    let told = stage.on(&[&["keys", "rotate", "master", "--to", &id], &why[..]].concat());
    assert!(told.contains(&format!("master key {id} wraps all keys")), "{told}");
    stage.exchange("master.key", &added);
    // A server reads the keys each second.
    std::thread::sleep(std::time::Duration::from_millis(2_500));
    assert!(!server.logged().contains("could not be read"), "{}", server.logged());
    assert_eq!(block_on(get(&format!("{admin}/readyz"))).0, 200);
    let listed: Value = serde_json::from_str(&stage.on(&["keys", "list", "--json"])).unwrap();
    assert_eq!(listed["keys"][0]["id"], id);
}

#[test]
fn a_sandbox_is_not_served() {
    for database in engines() {
        let (store, _) = open(database.target(), &Settings::default(), true).unwrap();
        store.close();
        let stage = Stage::set(database.target());
        for args in [&["serve"][..], &[&["keys", "init"], &WHY[..]].concat(), &["keys", "list"]] {
            let told = stage.refused(args);
            assert!(told.contains("is marked SANDBOX"), "{told}");
        }
    }
}

/// The master key of a file that others can read, of none, of a command and of a descriptor.
#[test]
fn a_master_key_comes_from_a_safe_place_or_not_at_all() {
    let folder = TempDir::new().unwrap();
    let stage = Stage::set(&Target::Sqlite(folder.path().join("p.db")));
    stage.init();
    let told = |stage: &Stage| stage.refused(&["serve"]);
    stage.mode("master.key", 0o640);
    let open = told(&stage);
    let way_out = format!("run `chmod 600 {}`", stage.path("master.key").display());
    assert!(open.contains("has the mode 0640") && open.contains(&way_out), "{open}");
    stage.mode("master.key", 0o400);
    assert_eq!(stage.on(&["keys", "list"]).lines().count(), 8);
    stage.configure("", "file = \"none.key\"");
    assert!(told(&stage).contains("cannot read"), "{}", told(&stage));
    stage.configure("", "");
    assert!(told(&stage).contains("master_key is missing: name one of"), "{}", told(&stage));
    stage.secret("bad.key", "platen-master-key-1:aa:short");
    stage.configure("", "file = \"bad.key\"");
    assert!(told(&stage).contains("is not the Base64 of 32 bytes"), "{}", told(&stage));
    let key = stage.path("master.key");
    stage.configure("", &format!("command = [\"cat\", \"{}\"]", key.display()));
    assert_eq!(stage.on(&["keys", "list"]).lines().count(), 8);
    stage.configure("", "command = [\"sh\", \"-c\", \"echo hush; exit 3\"]");
    let failed = told(&stage);
    assert!(failed.contains("`sh`, failed: exit status: 3"), "{failed}");
    assert!(!failed.contains("hush"), "{failed}");
    stage.configure("", "descriptor = 7");
    assert!(told(&stage).contains("from descriptor 7"), "{}", told(&stage));
    from_descriptor(&stage, &key);
}

fn from_descriptor(stage: &Stage, key: &Path) {
    let line = format!(
        "cat {key} | {platen} keys list --config {config} 7<&0",
        key = key.display(),
        platen = env!("CARGO_BIN_EXE_platen"),
        config = stage.config.display(),
    );
    let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 8);
}
