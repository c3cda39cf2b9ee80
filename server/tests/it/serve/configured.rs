//! `platen config`: all that is wrong at once, and where each value comes from.

use std::fs;
use std::path::Path;

use platen::production::config::{Config, reference};
use platen::settings::SettingFlags;
use serde_json::Value;
use store::Target;
use tempfile::TempDir;

use super::{Stage, refusal};
use crate::process::{arg, platen, run};

fn stage() -> (TempDir, Stage) {
    let folder = TempDir::new().unwrap();
    let stage = Stage::set(&Target::Sqlite(folder.path().join("p.db")));
    (folder, stage)
}

#[test]
fn all_that_is_wrong_is_listed() {
    let (_folder, stage) = stage();
    let text = "listen = \"0.0.0.0:8080\"\nadmin_listen = \"here\"\ndatabase = \"mysql://x\"\n\
                boddy_limit_bytes = 1\njson_depth_max = 0\ncpu_threads = \"two\"\n\
                behind_proxy = 1\ntls.certificate = \"c.pem\"\n\
                [master_key]\nfile = \"master.key\"\ndescriptor = 3\n\
                [bank]\nurl = \"http://bank.example\"\nclient_id = \"c\"\nsecret = \"oops\"\n\
                client_secret_file = \"bank-client\"\ncontract_account = \"1\"\n";
    fs::write(&stage.config, text).unwrap();
    stage.mode("bank-client", 0o604);
    let output = run(&["config", "check", "--config", arg(&stage.config)]);
    let told = String::from_utf8(output.stdout.clone()).unwrap();
    let wanted = [
        "admin_listen cannot be `here`",
        "`boddy_limit_bytes` is no setting",
        "`bank.secret` is no setting",
        "json_depth_max is 0, but must be from 1",
        "cpu_threads: invalid type",
        "behind_proxy must be true or false",
        "tls needs both",
        "database: give a postgres:// URL",
        "master_key is given more than once",
        "bank.url must be https://",
        "bank.institution_code is missing",
    ];
    for sentence in wanted {
        assert!(told.lines().any(|line| line.starts_with(sentence)), "{sentence}: {told}");
    }
    assert_eq!(told.lines().count(), wanted.len(), "{told}");
    assert!(!told.contains("oops"), "{told}");
    let count = format!("{} things are wrong with", wanted.len());
    assert!(refusal(&["check"], &output).contains(&count));
    // A server says the same, in one sentence.
    let refused = stage.refused(&["serve"]);
    assert!(wanted.iter().all(|sentence| refused.contains(sentence)), "{refused}");
}

#[test]
fn files_that_cannot_be_used_are_listed() {
    let (_folder, stage) = stage();
    stage.mode("bank-client", 0o604);
    stage.mode("master.key", 0o644);
    fs::write(stage.path("c.pem"), "no certificate").unwrap();
    let tls = "tls.certificate = \"c.pem\"\ntls.private_key = \"k.pem\"";
    stage.configure(tls, "file = \"master.key\"");
    let output = run(&["config", "check", "--config", arg(&stage.config)]);
    let told = String::from_utf8(output.stdout).unwrap();
    for sentence in
        ["bank-client has the mode 0604", "master.key has the mode 0644", "c.pem holds no"]
    {
        assert!(told.contains(sentence), "{told}");
    }
    assert_eq!(told.lines().count(), 3, "{told}");
}

#[test]
fn an_address_that_others_reach_needs_encryption() {
    let (_folder, stage) = stage();
    let with = |lines: &str| {
        stage.configure("", "file = \"master.key\"");
        let text = fs::read_to_string(&stage.config).unwrap();
        let text = text.replace("listen = \"127.0.0.1:0\"\nadmin", &format!("{lines}\nadmin"));
        fs::write(&stage.config, text).unwrap();
        run(&["config", "check", "--config", arg(&stage.config)])
    };
    let open = with("listen = \"0.0.0.0:8080\"");
    let told = String::from_utf8_lossy(&open.stdout).into_owned();
    assert!(told.contains("listen is 0.0.0.0:8080, which others reach"), "{told}");
    assert!(told.contains("behind_proxy = true"), "{told}");
    assert_eq!(open.status.code(), Some(1));
    assert!(stage.refused(&["serve"]).contains("which others reach"));
    assert!(with("listen = \"0.0.0.0:8080\"\nbehind_proxy = true").status.success());
    let same = with("listen = \"127.0.0.1:8081\"");
    assert!(same.status.success());
    let text = fs::read_to_string(&stage.config).unwrap();
    fs::write(&stage.config, text.replace("127.0.0.1:0", "127.0.0.1:8081")).unwrap();
    assert!(stage.refused(&["serve"]).contains("listen and admin_listen are both"));
}

#[test]
fn a_password_does_not_stand_in_the_configuration() {
    let (_folder, stage) = stage();
    let text = fs::read_to_string(&stage.config).unwrap();
    let line = text.lines().find(|line| line.starts_with("database = ")).unwrap();
    for url in ["postgres://ann:hush@h/p", "postgres://ann@h/p?password=hush"] {
        fs::write(&stage.config, text.replace(line, &format!("database = \"{url}\""))).unwrap();
        let told = stage.refused(&["config", "show"]);
        assert!(told.contains("database has a password in it") && !told.contains("hush"), "{told}");
    }
}

#[test]
fn each_value_is_shown_with_its_source() {
    let (_folder, stage) = stage();
    stage.configure(
        "json_depth_max = 9\nheaders_max = 40\nvat_basis_points = 5",
        "file = \"master.key\"",
    );
    let args = ["config", "show", "--json", "--config", arg(&stage.config), "--headers-max", "41"];
    let mut command = platen(&args);
    command.env("PLATEN_HEADERS_MAX", "42").env("PLATEN_VAT_BASIS_POINTS", "6");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |name: &str| {
        let all = shown["settings"].as_array().unwrap();
        let one = all.iter().find(|one| one["name"] == name).unwrap();
        (one["value"].as_str().map(str::to_owned), one["source"].as_str().unwrap().to_owned())
    };
    for (name, value, source) in [
        ("headers_max", Some("41"), "flag"),
        ("vat_basis_points", Some("6"), "variable"),
        ("json_depth_max", Some("9"), "file"),
        ("body_limit_bytes", Some("65536"), "default"),
        ("listen", Some("127.0.0.1:0"), "file"),
        ("behind_proxy", Some("false"), "default"),
        ("master_key.file", Some("master.key"), "file"),
        ("bank.client_secret_file", Some("bank-client"), "file"),
        ("tls.certificate", None, "default"),
    ] {
        assert_eq!(of(name), (value.map(str::to_owned), source.to_owned()), "{name}");
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text + &stage.on(&["config", "show"]);
    let key = fs::read_to_string(stage.path("master.key")).unwrap();
    let key = key.trim().rsplit(':').next().unwrap();
    assert!(!text.contains("s3cret") && !text.contains(key), "a secret is shown");
    assert!(text.contains("json_depth_max               file      9"), "{text}");
}

/// The sample names every key, and can be used as far as its text goes.
#[test]
fn the_sample_can_be_used() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations/platen.toml");
    Config::read(&path, &SettingFlags::default()).unwrap_or_else(|error| panic!("{error}"));
    let sample = fs::read_to_string(&path).unwrap();
    let reference = reference();
    let names = reference.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let names: Vec<&str> = names.collect();
    assert_eq!(names.len(), 25);
    for name in names {
        let key = name.rsplit('.').next().unwrap();
        let is_there = sample.lines().any(|line| {
            let line = line.trim_start_matches("# ");
            let is_key = line.strip_prefix(key).is_some_and(|rest| rest.starts_with(" ="));
            is_key || line == format!("[[{name}]]")
        });
        assert!(is_there, "{name} is not in the sample");
    }
}
