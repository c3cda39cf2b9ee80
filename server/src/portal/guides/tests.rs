use std::collections::BTreeSet;

use contract::{headers, pipeline};
use crypto::jwe::{self, PrivateKey};
use crypto::secret::Secret;
use crypto::tran_token::{TokenKey, TranToken};

use super::*;
use crate::ops::Operations;

const LANGS: [Lang; 2] = [Lang::En, Lang::Ko];
/// Pages of the portal that are neither operations nor guides.
const PAGES: [&str; 5] = ["/", "/errors", "/coverage", "/changelog", "/log"];
const FOR_MACHINES: [&str; 3] = ["/openapi.json", "/postman.json", "/llms.txt"];

fn operations() -> Operations {
    Operations::load().unwrap()
}

fn guides(lang: Lang) -> Vec<(&'static str, String)> {
    let all = all(lang, operations().registry());
    all.into_iter().map(|guide| (guide.name, guide.body.into_string())).collect()
}

/// What stands between the marks, each time.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open).skip(1).map(|rest| rest.split(close).next().unwrap()).collect()
}

fn ids(body: &str) -> Vec<&str> {
    between(body, " id=\"", "\"")
}

/// The text of the element that has the id.
fn text(body: &str, id: &str) -> String {
    let start = format!(" id=\"{id}\">");
    let inner = between(body, &start, "</code>").first().copied().unwrap();
    let mut text = String::new();
    let mut rest = inner;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        rest = after.split_once('>').unwrap().1;
    }
    text.push_str(rest);
    let entities = [("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    entities.iter().fold(text, |text, (entity, plain)| text.replace(entity, plain))
}

fn guide(lang: Lang, name: &str) -> String {
    guides(lang).into_iter().find(|(each, _)| *each == name).unwrap().1
}

#[test]
fn all_are_there_in_their_order() {
    let names: Vec<&str> = guides(Lang::En).iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "first-call",
            "headers",
            "token",
            "encryption",
            "errors",
            "idempotency",
            "events",
            "sandbox",
            "credentials",
            "production"
        ]
    );
    assert!(all(Lang::En, &Registry::new(Vec::new()).unwrap()).is_empty());
}

#[test]
fn both_languages_have_the_same_anchors_and_each_anchor_once() {
    for ((name, english), (_, korean)) in guides(Lang::En).iter().zip(&guides(Lang::Ko)) {
        let (english, korean) = (ids(english), ids(korean));
        assert_eq!(english, korean, "{name}");
        let once: BTreeSet<&str> = english.iter().copied().collect();
        assert_eq!(once.len(), english.len(), "{name}");
        assert!(english.len() >= 4, "{name}");
    }
}

#[test]
fn each_language_is_itself() {
    let hangul = |text: &str| text.chars().any(|c| ('가'..='힣').contains(&c));
    for (lang, is_korean) in [(Lang::En, false), (Lang::Ko, true)] {
        for guide in all(lang, operations().registry()) {
            assert_eq!(hangul(guide.title) || hangul(guide.summary), is_korean, "{}", guide.name);
            let body = guide.body.into_string();
            for title in between(&body, "<h2>", "</h2>") {
                assert_eq!(hangul(title), is_korean, "{}: {title}", guide.name);
            }
            for paragraph in between(&body, "<p>", "</p>") {
                assert_eq!(hangul(paragraph), is_korean, "{}: {paragraph}", guide.name);
            }
        }
    }
}

#[test]
fn no_section_is_empty_and_no_mark_is_left() {
    for lang in LANGS {
        for (name, body) in guides(lang) {
            for section in between(&body, "<section", "</section>") {
                let (_, content) = section.split_once("</h2>").unwrap();
                assert!(content.len() > 100, "{name}: {section}");
            }
            let (paragraphs, items) = (between(&body, "<p>", "</p>"), between(&body, "<li>", "<"));
            let bare = [paragraphs, items].concat().concat();
            for mark in ["**", "](", " @0"] {
                assert!(!bare.contains(mark), "{name} has {mark} in {bare}");
            }
        }
    }
}

/// Whether an address leads somewhere, as far as registry, contract and guides tell.
fn leads(address: &str, page: &str, guides: &[(&'static str, String)]) -> bool {
    let (path, anchor) = address.split_once('#').unwrap_or((address, ""));
    let operations = operations();
    let registry = operations.registry();
    let is_code = |code: &str| {
        pipeline::ALL.iter().any(|each| each.code == code)
            || registry.entries().iter().any(|e| e.errors.iter().any(|each| each.code == code))
    };
    let in_guide = |name: &str| {
        let body = guides.iter().find(|(each, _)| *each == name).map(|(_, body)| body);
        body.is_some_and(|body| anchor.is_empty() || ids(body).contains(&anchor))
    };
    if path.is_empty() {
        return in_guide(page);
    }
    if let Some(id) = path.strip_prefix("/api/") {
        let Some(entry) = registry.by_id(id) else { return false };
        return match anchor.split_once('-') {
            None => anchor.is_empty(),
            Some(("request", field)) => entry.request.iter().any(|each| each.path == field),
            Some(("header", name)) => headers::REQUEST.iter().any(|each| each.name == name),
            Some(_) => false,
        };
    }
    match (path.strip_prefix("/guides/"), anchor.strip_prefix("code-")) {
        (Some(name), _) => in_guide(name),
        (None, Some(code)) => path == "/errors" && is_code(code),
        (None, None) => PAGES.contains(&path) && anchor.is_empty(),
    }
}

#[test]
fn every_link_leads_to_a_page_of_its_language() {
    for lang in LANGS {
        let all = guides(lang);
        let log = ("changelog", changelog(lang, operations().registry()).into_string());
        for (name, body) in all.iter().chain([&log]) {
            for address in between(body, "href=\"", "\"") {
                if FOR_MACHINES.contains(&address) {
                    continue;
                }
                let plain = match (lang, address.starts_with('#')) {
                    (Lang::En, _) | (Lang::Ko, true) => Some(address),
                    (Lang::Ko, false) => address.strip_prefix("/ko"),
                };
                assert!(plain.is_some_and(|it| leads(it, name, &all)), "{name}: {address}");
            }
        }
    }
}

#[test]
fn every_header_and_code_of_the_contract_is_explained() {
    for lang in LANGS {
        let (headers_page, errors_page) = (guide(lang, "headers"), guide(lang, "errors"));
        for header in headers::REQUEST {
            assert!(super::headers::meaning(header).is_some(), "{}", header.name);
            assert!(headers_page.contains(header.name), "{}", header.name);
        }
        for code in pipeline::ALL {
            let link = format!("/errors#code-{}\"", code.code);
            assert!(errors_page.contains(&link), "{}", code.code);
        }
    }
}

#[test]
fn the_token_in_the_page_is_the_body_s() {
    for lang in LANGS {
        let page = guide(lang, "token");
        let body = text(&page, "example-body");
        let key = TokenKey::new(&Secret::new(text(&page, "example-secret")));
        let token = TranToken::parse(&text(&page, "example-token")).unwrap();
        assert!(token.verify(&key, body.as_bytes()));
        assert!(!token.verify(&key, format!("{body}\n").as_bytes()));
        assert!(page.contains(&format!("<strong>{} ", body.len())) || lang == Lang::Ko);
    }
}

#[test]
fn the_jwe_in_the_page_opens_and_its_token_signs_the_envelope() {
    for lang in LANGS {
        let page = guide(lang, "encryption");
        let key = PrivateKey::from_pkcs8_pem(&text(&page, "example-private-key")).unwrap();
        let compact = text(&page, "example-jwe");
        let (opened, enc) = jwe::decrypt(&compact, &key).unwrap();
        assert_eq!(String::from_utf8_lossy(opened.expose()), text(&page, "example-clear"));
        assert_eq!(enc, examples::ENC);
        assert_eq!(key.public_key_pem().unwrap(), text(&page, "example-public-key"));
        let envelope = format!("{{\"encData\":\"{compact}\"}}");
        let secret = Secret::new(text(&guide(lang, "token"), "example-secret"));
        let token = TranToken::parse(&text(&page, "example-token")).unwrap();
        assert!(token.verify(&TokenKey::new(&secret), envelope.as_bytes()));
    }
}

#[test]
fn the_mistakes_of_the_token_page_make_wrong_tokens() {
    let page = guide(Lang::En, "token");
    let (_, mistakes) = page.split_once("id=\"mistakes\"").unwrap();
    let right = text(&page, "example-token");
    let right = right.rsplit(':').next().unwrap();
    let wrong: BTreeSet<&str> =
        between(mistakes, "<code>", "</code>").into_iter().filter(|it| it.len() == 44).collect();
    // Decoded secret, printed anew, line feed, empty body; and the right one over the clear text.
    assert_eq!(wrong.len(), 5);
    assert!(wrong.contains(right));
}

#[test]
fn the_changelog_has_the_same_days_in_both_languages() {
    let [english, korean] =
        LANGS.map(|lang| changelog(lang, operations().registry()).into_string());
    assert_eq!(ids(&english), ids(&korean));
    assert_eq!(between(&english, "<li>", "<").len(), between(&korean, "<li>", "<").len());
    for entry in operations().registry().entries() {
        assert!(english.contains(entry.spec.id), "{} is in no entry", entry.spec.id);
    }
}
