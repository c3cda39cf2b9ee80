//! A master key in three shares: a server needs two of them, and no file has the whole.

use std::fs;

use store::testing::engines;

use super::{Stage, block_on, get};
use crate::process::{arg, run};

#[test]
fn two_shares_of_three_start_a_server() {
    for database in engines() {
        let stage = Stage::set(database.target());
        let paths = ["kim", "lee", "park"].map(|name| stage.path(name));
        let made = [&["keys", "master", "--shares"], &paths.each_ref().map(|p| arg(p))[..]];
        let told = stage.done(&made.concat());
        assert!(told.contains("two of them are the key"), "{told}");
        let two = |one: &str, other: &str| {
            stage.configure("", &format!("shares = [\"{one}\", \"{other}\"]"));
        };
        two("kim", "park");
        stage.init();
        let (server, admin) = stage.serve();
        assert_eq!(block_on(get(&format!("{admin}/readyz"))).0, 200);
        // Any other two are as good.
        two("lee", "kim");
        assert_eq!(stage.on(&["keys", "list"]).lines().count(), 8);
        two("kim", "kim");
        assert!(stage.refused(&["keys", "list"]).contains("another person's"));
        stage.mode("park", 0o640);
        two("lee", "park");
        assert!(stage.refused(&["config", "check"]).contains("1 thing is wrong"));
        stage.mode("park", 0o600);
        another_key(&stage);
        assert_eq!(block_on(get(&format!("{admin}/readyz"))).0, 200);
        let logged = server.logged();
        assert!(!logged.contains("could not be read"), "{logged}");
        assert!(server.terminate().success());
        for path in &paths {
            let line = fs::read_to_string(path).unwrap();
            let share = line.lines().next().unwrap().rsplit(':').next().unwrap();
            assert!(!logged.contains(&share[..share.len() / 2]));
        }
    }
}

/// One key in shares takes another's place while a server runs on two of the files; then the key is
/// put together again in a file, and shared anew.
fn another_key(stage: &Stage) {
    let fresh = ["k2", "l2", "p2"].map(|name| stage.path(name));
    let made = [&["keys", "master", "--shares"], &fresh.each_ref().map(|p| arg(p))[..]].concat();
    stage.done(&made);
    for (name, new) in ["kim", "lee", "park"].iter().zip(&fresh) {
        let both =
            [fs::read_to_string(stage.path(name)).unwrap(), fs::read_to_string(new).unwrap()];
        stage.exchange(name, &both.concat());
    }
    let line = fs::read_to_string(&fresh[0]).unwrap();
    let id = line.split(':').nth(1).unwrap();
    let rotate = ["keys", "rotate", "master", "--to", id, "--reason", "park has left"];
    assert!(stage.on(&rotate).contains("wraps all keys from now on"));
    for (name, new) in ["kim", "lee", "park"].iter().zip(&fresh) {
        stage.exchange(name, &fs::read_to_string(new).unwrap());
    }
    std::thread::sleep(std::time::Duration::from_millis(2_500));
    let (joined, again) = (stage.path("joined"), ["a", "b", "c"].map(|name| stage.path(name)));
    let join = ["keys", "master", "--join", arg(&fresh[2]), arg(&fresh[1]), "--out", arg(&joined)];
    assert!(stage.done(&join).contains(&format!("master key {id} is in")));
    stage.configure("", "file = \"joined\"");
    assert_eq!(stage.on(&["keys", "list"]).lines().count(), 8);
    let of = ["--of", arg(&joined)];
    let share = [&["keys", "master", "--shares"], &again.each_ref().map(|p| arg(p))[..], &of];
    stage.done(&share.concat());
    stage.configure("", "shares = [\"c\", \"a\"]");
    assert_eq!(stage.on(&["keys", "list"]).lines().count(), 8);
    // Shares of another sharing do not fit, although the key is the same.
    stage.configure("", "shares = [\"c\", \"kim\"]");
    assert!(stage.refused(&["keys", "list"]).contains("one of them was changed"));
    let two = ["keys", "master", "--shares", arg(&again[0]), arg(&again[1])];
    assert_eq!(run(&two).status.code(), Some(2));
}
