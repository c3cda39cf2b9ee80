//! What a service manager and a health check are told.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use store::Target;
use store::testing::engines;
use tempfile::TempDir;

use super::Stage;
use crate::process::{arg, platen, run};

const PATIENCE: Duration = Duration::from_secs(60);

/// The socket of a service manager.
fn manager(address: &SocketAddr) -> UnixDatagram {
    let socket = UnixDatagram::bind_addr(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// The next datagram; each is one word.
fn told(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

fn serve(stage: &Stage, socket: &str) -> Child {
    let mut command: Command = platen(&["serve", "--config", arg(&stage.config)]);
    let command = command.env("NOTIFY_SOCKET", socket).stdout(Stdio::null());
    command.stderr(Stdio::piped()).spawn().unwrap()
}

fn end(mut child: Child) -> ExitStatus {
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it does not stop");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A stage whose operators' port is known beforehand.
fn stage(target: &Target) -> (Stage, String) {
    let stage = Stage::set(target);
    stage.init();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = std::fs::read_to_string(&stage.config).unwrap();
    let wanted = format!("admin_listen = \"127.0.0.1:{port}\"");
    std::fs::write(&stage.config, text.replace("admin_listen = \"127.0.0.1:0\"", &wanted)).unwrap();
    (stage, format!("http://127.0.0.1:{port}"))
}

#[test]
fn a_service_manager_is_told_when_it_serves_and_when_it_stops() {
    for database in engines() {
        let (stage, admin) = stage(database.target());
        let path = stage.path("notify");
        let name = format!("platen-test-{}", path.display());
        for (address, variable) in [
            (SocketAddr::from_pathname(&path).unwrap(), arg(&path).to_owned()),
            (SocketAddr::from_abstract_name(&name).unwrap(), format!("@{name}")),
        ] {
            let socket = manager(&address);
            let child = serve(&stage, &variable);
            assert_eq!(told(&socket), "READY=1");
            // It is true at once: who starts after it may call.
            stage.on(&["ready"]);
            assert_eq!(stage.done(&["ready", "--url", &admin]), format!("{admin} is ready\n"));
            assert!(end(child).success());
            assert_eq!(told(&socket), "STOPPING=1");
            socket.set_nonblocking(true).unwrap();
            let more = socket.recv(&mut [0; 8]).unwrap_err();
            assert_eq!(more.kind(), ErrorKind::WouldBlock);
        }
    }
}

#[test]
fn without_its_manager_it_serves_all_the_same() {
    let folder = TempDir::new().unwrap();
    let (stage, admin) = stage(&Target::Sqlite(folder.path().join("p.db")));
    let child = serve(&stage, arg(&stage.path("nobody-there")));
    let begun = Instant::now();
    while !run(&["ready", "--url", &admin]).status.success() {
        assert!(begun.elapsed() < PATIENCE, "it is never ready");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(end(child).success());
}

#[test]
fn who_is_not_ready_is_told_apart() {
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{away}");
    let output = run(&["ready", "--url", &url, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["ready"], Value::Bool(false));
    assert_eq!(json["reason"], "nobody listens there");
    // It listens, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let output = run(&["ready", "--url", &url, "--timeout-ms", "300"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("is not ready: no answer within 300 ms"), "{said}");
}

#[test]
fn a_server_without_its_database_is_not_ready() {
    let stopping = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", stopping.local_addr().unwrap());
    let answer = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = stopping.accept().unwrap();
        let mut head = [0; 1_024];
        let length = stream.read(&mut head).unwrap();
        assert!(head[..length].starts_with(b"GET /readyz HTTP/1.1\r\n"));
        let said = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 14\r\n\r\ndatabase away\n";
        stream.write_all(said.as_bytes()).unwrap();
    });
    let output = run(&["ready", "--url", &url]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("is not ready: HTTP 503 database away"), "{said}");
    assert_eq!(output.status.code(), Some(1));
    answer.join().unwrap();
}
