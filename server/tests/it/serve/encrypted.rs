//! TLS in front of the API, and a certificate that changes while it serves.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use store::Target;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
};

use super::{Stage, block_on, get, refusal};
use crate::process::{arg, run};

/// A certificate of its own for localhost, until a year.
fn made(until: i32) -> (CertificateDer<'static>, String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let made = params.self_signed(&key).unwrap();
    (made.der().clone(), made.pem(), key.serialize_pem())
}

impl Stage {
    fn certify(&self, (_, certificate, key): &(CertificateDer<'static>, String, String)) {
        fs::write(self.path("certificate.pem"), certificate).unwrap();
        self.secret("key.pem", key);
    }
}

/// What a server shows of itself, and answers.
struct Shown {
    certificate: CertificateDer<'static>,
    version: ProtocolVersion,
    alpn: Option<Vec<u8>>,
    answer: String,
}

/// Asks for `/healthz`, believing this certificate alone.
async fn ask(
    address: SocketAddr,
    believed: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
) -> Result<Shown, String> {
    let mut roots = RootCertStore::empty();
    roots.add(believed.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let tcp = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    let mut stream = connecting.await.map_err(|error| error.to_string())?;
    let ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let (_, session) = stream.get_ref();
    Ok(Shown {
        certificate: session.peer_certificates().unwrap()[0].clone(),
        version: session.protocol_version().unwrap(),
        alpn: session.alpn_protocol().map(<[u8]>::to_vec),
        answer: String::from_utf8(answer).unwrap(),
    })
}

/// Waits until the server shows this certificate.
async fn shows(address: SocketAddr, wanted: &CertificateDer<'static>) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while ask(address, wanted, &TLS13).await.is_err() {
        assert!(Instant::now() < deadline, "the certificate is not taken up");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the server has logged this.
async fn logs(server: &crate::process::Server, wanted: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !server.logged().contains(wanted) {
        assert!(Instant::now() < deadline, "{}", server.logged());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn a_certificate_is_taken_up_while_it_serves() {
    let folder = TempDir::new().unwrap();
    let stage = Stage::set(&Target::Sqlite(folder.path().join("p.db")));
    let tls = "tls.certificate = \"certificate.pem\"\ntls.private_key = \"key.pem\"";
    stage.configure(tls, "file = \"master.key\"");
    stage.init();
    let (first, second, third) = (made(2_900), made(2_901), made(2_902));
    stage.certify(&first);
    let (server, admin) = stage.serve();
    let address: SocketAddr = server.url.strip_prefix("https://").unwrap().parse().unwrap();
    block_on(async {
        for (offered, version) in
            [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
        {
            let shown = ask(address, &first.0, offered).await.unwrap();
            assert_eq!((shown.version, &shown.certificate), (version, &first.0));
            assert_eq!(shown.alpn.as_deref(), Some(&b"http/1.1"[..]));
            assert!(shown.answer.starts_with("HTTP/1.1 200 OK"), "{}", shown.answer);
        }
        assert!(ask(address, &second.0, &TLS13).await.is_err(), "it believes any certificate");
        let metrics = get(&format!("{admin}/metrics")).await.1;
        assert!(metrics.contains("platen_certificate_expiry_seconds{} 29348006400"), "{metrics}");

        // By itself.
        stage.certify(&second);
        shows(address, &second.0).await;
        let metrics = get(&format!("{admin}/metrics")).await.1;
        assert!(metrics.contains("platen_certificate_expiry_seconds{} 29379542400"), "{metrics}");
        // One that does not fit its key is not taken up.
        fs::write(stage.path("certificate.pem"), &third.1).unwrap();
        logs(&server, "the old one is kept").await;
        shows(address, &second.0).await;
        // Asked to.
        stage.certify(&third);
        server.hang_up();
        shows(address, &third.0).await;
        // Nobody speaks plainly to it, and it survives who tries.
        let mut plain = TcpStream::connect(address).await.unwrap();
        plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer).await;
        assert!(!String::from_utf8_lossy(&answer).contains("200"), "{answer:?}");
        shows(address, &third.0).await;
        // Who never shakes hands does not hold it up when it stops.
        let idle = TcpStream::connect(address).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let begun = Instant::now();
        assert!(server.terminate().success());
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        drop(idle);
    });
}

#[test]
fn a_handshake_has_its_time() {
    let folder = TempDir::new().unwrap();
    let stage = Stage::set(&Target::Sqlite(folder.path().join("p.db")));
    let tls = "tls.certificate = \"certificate.pem\"\ntls.private_key = \"key.pem\"";
    let quick = format!("header_timeout_ms = 300\nconnections_max = 1\n{tls}");
    stage.configure(&quick, "file = \"master.key\"");
    stage.init();
    let certificate = made(2_900);
    stage.certify(&certificate);
    let (server, _) = stage.serve();
    let address: SocketAddr = server.url.strip_prefix("https://").unwrap().parse().unwrap();
    block_on(async {
        let mut silent = TcpStream::connect(address).await.unwrap();
        let begun = Instant::now();
        // Its place is the only one, and is free once its time is over.
        assert!(ask(address, &certificate.0, &TLS13).await.is_ok());
        assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), silent.read_to_end(&mut rest));
        assert!(ended.await.is_ok(), "the silent connection is still open");
    });
    assert!(server.terminate().success());
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused() {
    let folder = TempDir::new().unwrap();
    let stage = Stage::set(&Target::Sqlite(folder.path().join("p.db")));
    let tls = "tls.certificate = \"certificate.pem\"\ntls.private_key = \"key.pem\"";
    stage.configure(tls, "file = \"master.key\"");
    stage.init();
    let check = || {
        let output = run(&["config", "check", "--config", arg(&stage.config)]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(refusal(&["check"], &output).contains("1 thing is wrong"), "{told}");
        assert!(stage.refused(&["serve"]).contains(told.trim_end()), "{told}");
        told
    };
    stage.certify(&made(2_001));
    assert!(check().contains("certificate.pem expired on 2001-01-01T00:00:00Z"));
    let (one, other) = (made(2_900), made(2_900));
    stage.certify(&(one.0.clone(), one.1.clone(), other.2.clone()));
    let told = check();
    assert!(told.contains("certificate and private key cannot be used"), "{told}");
    stage.certify(&one);
    stage.mode("key.pem", 0o644);
    assert!(check().contains("key.pem has the mode 0644"));
    stage.certify(&(one.0.clone(), one.2.clone(), one.2.clone()));
    assert!(check().contains("holds no certificate"));
}
