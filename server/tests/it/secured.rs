//! TLS between the platform and PostgreSQL.

use std::fs;
use std::path::Path;

use platen::sandbox::world::products::FREE;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use store::schema::MIGRATIONS;
use store::testing::postgres_programs;
use store::{OpenError, Options, Store, Target};
use tempfile::TempDir;

use crate::failover::cluster::Cluster;
use crate::given::{given_of, mobile_only};
use crate::process::arg;
use crate::support::{REISSUE, TestBank, TestServer, aside, code, quick};

/// An authority's certificate, and one of a server of this name that it has signed, with its key.
fn signed(name: &str) -> (String, String, String) {
    let own = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&own).unwrap().pem();
    let issuer = Issuer::new(params, own);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap().pem();
    (root, certificate, key.serialize_pem())
}

fn target(port: u16, query: &str) -> Target {
    Target::parse(&format!("postgres://postgres@127.0.0.1:{port}/postgres{query}")).unwrap()
}

fn refused(port: u16, query: &str) -> String {
    let opened = Store::open(&target(port, query), MIGRATIONS, Options::default());
    let error = opened.err().unwrap();
    assert!(matches!(error, OpenError::Connect(_) | OpenError::Target(_)), "{error}");
    error.to_string()
}

fn verified_by(root: &Path) -> String {
    format!("?sslmode=verify-full&sslrootcert={}", arg(root))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_known_by_its_certificate_and_nobody_reads_along() {
    let Some(programs) = postgres_programs() else {
        eprintln!("skipped: PostgreSQL's programs are not found");
        return;
    };
    let folder = TempDir::new().unwrap();
    let named = |name: &str| folder.path().join(name);
    let ((root, certificate, key), strange) = (signed("127.0.0.1"), signed("127.0.0.1"));
    fs::write(named("root.pem"), root).unwrap();
    fs::write(named("strange.pem"), strange.0).unwrap();
    fs::write(named("empty.pem"), "").unwrap();
    let programs_too = programs.clone();
    let cluster = aside(move || Cluster::secured(&programs_too, &certificate, &key)).await;
    let port = cluster.port;
    let (clear, unknown, empty, missing) = (
        String::new(),
        verified_by(&named("strange.pem")),
        verified_by(&named("empty.pem")),
        verified_by(&named("missing.pem")),
    );
    aside(move || {
        // The server's own words: it has no entry for connections in clear.
        assert!(refused(port, &clear).contains("no encryption"), "{}", refused(port, &clear));
        assert!(refused(port, &unknown).contains("certificate"), "{}", refused(port, &unknown));
        assert!(refused(port, &empty).contains("holds no certificate"));
        assert!(refused(port, &missing).contains("cannot be used"));
    })
    .await;

    let secured = target(port, &verified_by(&named("root.pem")));
    let bank = TestBank::start().await;
    let server = TestServer::start(&secured, &bank, quick()).await;
    let world = given_of(&server, &bank, FREE).await;
    assert_eq!(code(&server.call(REISSUE, &mobile_only(&world)).await), "000_000");
    let clear = "SELECT COUNT(*) FROM pg_stat_ssl s JOIN pg_stat_activity a ON a.pid = s.pid
         WHERE a.application_name = 'platen' AND NOT s.ssl AND '' <> $1";
    assert_eq!(server.number(clear).await, 0);
    let encrypted = "SELECT COUNT(*) FROM pg_stat_ssl s JOIN pg_stat_activity a ON a.pid = s.pid
         WHERE a.application_name = 'platen' AND s.ssl AND '' <> $1";
    assert!(server.number(encrypted).await > 0);
    server.stop().await;
    bank.stop().await;

    // A certificate of the right authority, but of another machine.
    let (root, certificate, key) = signed("db.example");
    fs::write(named("other.pem"), root).unwrap();
    let other = aside(move || Cluster::secured(&programs, &certificate, &key)).await;
    let (port, query) = (other.port, verified_by(&named("other.pem")));
    aside(move || {
        assert!(refused(port, &query).contains("not valid for name"), "{}", refused(port, &query));
        drop((cluster, other));
    })
    .await;
}
