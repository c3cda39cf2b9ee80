//! The portal: what its pages hold, where their links lead, and how they are served.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::Response;
use contract::{Entry, headers, pipeline};
use flate2::read::GzDecoder;
use http_body_util::BodyExt;
use platen::ops::{BASE, Operations};
use platen::portal::lang::Lang;
use platen::portal::{EXTENSIONS, Mode, Pages, titles};
use platen::settings::{Settings, Switch};
use reqwest::StatusCode;
use serde_json::Value;

use crate::html::Page;
use crate::raw::Raw;
use crate::support::{REISSUE, STATE, TestServer, on_sqlite, quick};

/// An operation's page with all that it loads, compressed.
const PAGE_BYTES_MAX: usize = 100_000;
/// A search index.
const INDEX_BYTES_MAX: usize = 60_000;
/// What is served beside the portal.
const BESIDE: [&str; 4] = ["/openapi.json", "/healthz", "/readyz", "/metrics"];

fn operations() -> Operations {
    Operations::load().unwrap()
}

fn ask(pages: &Pages, address: &str, headers: &HeaderMap) -> Option<Response> {
    pages.answer(&Method::GET, &address.parse::<Uri>().unwrap(), headers)
}

async fn body(response: Response) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

async fn text(pages: &Pages, address: &str) -> String {
    let answer = ask(pages, address, &HeaderMap::new()).unwrap();
    assert_eq!(answer.status(), 200, "{address}");
    String::from_utf8(body(answer).await).unwrap()
}

async fn compressed_len(pages: &Pages, address: &str) -> usize {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    body(ask(pages, address, &headers).unwrap()).await.len()
}

/// Each page of HTML, read strictly, by its address.
async fn all_pages(pages: &Pages) -> BTreeMap<String, Page> {
    let mut all = BTreeMap::new();
    for address in pages.addresses() {
        let answer = ask(pages, address, &HeaderMap::new()).unwrap();
        if answer.headers()[header::CONTENT_TYPE] == "text/html; charset=utf-8" {
            let html = String::from_utf8(body(answer).await).unwrap();
            let page = Page::read(&html).unwrap_or_else(|error| panic!("{address}: {error}"));
            all.insert(address.to_owned(), page);
        }
    }
    all
}

fn page_of(lang: Lang, entry: &Entry) -> String {
    lang.path(&format!("/api/{}", entry.spec.id))
}

/// Every place of an operation's page that something may link to.
fn anchors(entry: &Entry) -> Vec<String> {
    let fields = |direction: &str, fields: &[contract::Field]| -> Vec<String> {
        fields.iter().map(|field| format!("{direction}-{}", field.id())).collect()
    };
    let mut all = fields("request", &entry.request);
    all.extend(fields("response", &entry.response));
    all.extend(entry.errors.iter().map(|code| format!("code-{}", code.code)));
    all.push("code-000_000".to_owned());
    all.extend(headers::REQUEST.iter().map(|header| format!("header-{}", header.name)));
    let answered = headers::RESPONSE.iter();
    all.extend(answered.map(|header| format!("response-header-{}", header.name)));
    all
}

#[tokio::test]
async fn every_field_header_and_code_has_its_place() {
    let operations = operations();
    for mode in [Mode::Sandbox, Mode::Production] {
        let pages = all_pages(&Pages::render(&operations, mode)).await;
        for entry in operations.registry().entries() {
            for lang in Lang::ALL {
                let address = page_of(lang, entry);
                let ids = pages[&address].ids().unwrap();
                for anchor in anchors(entry) {
                    assert!(ids.contains(anchor.as_str()), "{address}#{anchor}");
                }
                for scenario in &entry.scenarios {
                    let id = format!("scenario-{}", scenario.name);
                    assert_eq!(ids.contains(id.as_str()), mode == Mode::Sandbox, "{address}#{id}");
                }
            }
        }
        for code in pipeline::ALL {
            let ids = pages["/errors"].ids().unwrap();
            assert!(ids.contains(format!("code-{}", code.code).as_str()), "{}", code.code);
        }
    }
}

#[tokio::test]
async fn pages_are_well_made() {
    let operations = operations();
    for mode in [Mode::Sandbox, Mode::Production] {
        for (address, page) in all_pages(&Pages::render(&operations, mode)).await {
            page.ids().unwrap_or_else(|error| panic!("{address}: {error}"));
            is_without_code_inline(&address, &page);
            has_headings_in_order(&address, &page);
            is_labelled(&address, &page);
            let current = page.all("aria-current").filter(|value| *value == "page").count();
            let is_apart = mode == Mode::Production && address.ends_with("/log");
            assert_eq!(current, usize::from(!is_apart), "{address}: its place in the navigation");
        }
    }
}

/// Nothing that the policy would refuse.
fn is_without_code_inline(address: &str, page: &Page) {
    for element in &page.elements {
        for (name, _) in &element.attributes {
            let is_code = name == "style" || name.starts_with("on");
            assert!(!is_code, "{address}: <{} {name}>", element.name);
        }
        assert_ne!(element.name, "style", "{address}");
        let is_data = element.get("type") == Some("application/json");
        let is_code = element.name == "script" && element.get("src").is_none();
        assert!(!is_code || is_data, "{address}: a script inline");
    }
}

fn has_headings_in_order(address: &str, page: &Page) {
    let level = |name: &str| name.strip_prefix('h')?.parse::<u8>().ok();
    let levels: Vec<u8> = page.elements.iter().filter_map(|each| level(&each.name)).collect();
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1, "{address}: one h1");
    assert_eq!(levels.first(), Some(&1), "{address}: the title comes first");
    for pair in levels.windows(2) {
        assert!(pair[1] <= pair[0] + 1, "{address}: h{} after h{}", pair[1], pair[0]);
    }
}

/// One main part, a page's language, names for what has no text.
fn is_labelled(address: &str, page: &Page) {
    let count = |name: &str| page.elements.iter().filter(|each| each.name == name).count();
    assert_eq!(count("main"), 1, "{address}");
    let mut head = page.elements.iter().take_while(|each| each.name != "body");
    assert!(head.any(|each| each.name == "title"), "{address}: no title");
    let html = &page.elements[0];
    let expected = if address.starts_with("/ko/") { "ko" } else { "en" };
    assert_eq!((html.name.as_str(), html.get("lang")), ("html", Some(expected)), "{address}");
    let ids = page.ids().unwrap();
    for name in ["aria-labelledby", "aria-describedby", "for"] {
        for id in page.all(name).flat_map(str::split_whitespace) {
            assert!(ids.contains(id), "{address}: {name} names no {id}");
        }
    }
}

#[tokio::test]
async fn every_link_leads_somewhere() {
    let operations = operations();
    for mode in [Mode::Sandbox, Mode::Production] {
        let pages = Pages::render(&operations, mode);
        let all = all_pages(&pages).await;
        let served: BTreeSet<&str> = pages.addresses().collect();
        let mut count = 0;
        for (address, page) in &all {
            for link in page.all("href").chain(page.all("src")).chain(page.all("data-search")) {
                leads_somewhere(address, link, &all, &served);
                count += 1;
            }
        }
        assert!(count > 100, "{count} links");
    }
}

fn leads_somewhere(
    from: &str,
    link: &str,
    pages: &BTreeMap<String, Page>,
    served: &BTreeSet<&str>,
) {
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, id)| (path, Some(id)));
    let (path, version) = path.split_once("?v=").map_or((path, None), |(path, v)| (path, Some(v)));
    let path = if path.is_empty() { from } else { path };
    assert!(path.starts_with('/') && !path.starts_with("//"), "{from}: {link} is elsewhere");
    assert!(served.contains(path) || BESIDE.contains(&path), "{from}: {link} is not there");
    assert_eq!(path.starts_with("/assets/"), version.is_some(), "{from}: {link}");
    if let Some(anchor) = anchor {
        let ids = pages[path].ids().unwrap();
        assert!(ids.contains(anchor), "{from}: {link} has no such place");
    }
}

#[tokio::test]
async fn both_languages_have_the_same_places() {
    let pages = all_pages(&Pages::render(&operations(), Mode::Sandbox)).await;
    for (address, page) in pages.iter().filter(|(address, _)| !address.starts_with("/ko/")) {
        let korean = &pages[&Lang::Ko.path(address)];
        assert_eq!(page.ids(), korean.ids(), "{address}");
        for lang in Lang::ALL {
            let other = lang.path(address);
            let is_named = |each: &crate::html::Element| {
                each.get("hreflang") == Some(lang.code()) && each.get("href") == Some(&other)
            };
            assert!(page.elements.iter().any(is_named), "{address}: {other} is not named");
        }
    }
}

#[tokio::test]
async fn production_has_nothing_of_a_sandbox() {
    let operations = operations();
    let pages = Pages::render(&operations, Mode::Production);
    assert!(pages.addresses().all(|address| address != "/postman.json"));
    for (address, page) in all_pages(&pages).await {
        for mark in ["data-try-it", "data-log", "data-scenario"] {
            assert_eq!(page.all(mark).count(), 0, "{address}: {mark}");
        }
        let scripts: Vec<&str> = page.all("src").collect();
        for script in ["try-it.js", "log.js", "live.js"] {
            assert!(!scripts.iter().any(|src| src.contains(script)), "{address}: {script}");
        }
    }
    for entry in operations.registry().entries() {
        for lang in Lang::ALL {
            for ending in ["", ".md"] {
                let html = text(&pages, &format!("{}{ending}", page_of(lang, entry))).await;
                for scenario in &entry.scenarios {
                    for number in sandbox_numbers(&scenario.request) {
                        assert!(!html.contains(&number), "{}: {number}", entry.spec.id);
                    }
                }
            }
        }
    }
}

/// Member ids and card numbers: all that is long and of digits.
fn sandbox_numbers(value: &Value) -> Vec<String> {
    let text = value.to_string();
    let numbers = text.split(|letter: char| !letter.is_ascii_digit());
    numbers.filter(|number| number.len() >= 11).map(str::to_owned).collect()
}

#[tokio::test]
async fn pages_are_small() {
    let operations = operations();
    let pages = Pages::render(&operations, Mode::Sandbox);
    for entry in operations.registry().entries() {
        for lang in Lang::ALL {
            let address = page_of(lang, entry);
            let mut loaded: BTreeSet<String> = BTreeSet::new();
            let html = text(&pages, &address).await;
            let mut unread: Vec<String> = addresses_of_assets(&html);
            while let Some(asset) = unread.pop() {
                if loaded.insert(asset.clone()) {
                    unread.extend(addresses_of_assets(&text(&pages, &asset).await));
                }
            }
            assert!(loaded.iter().any(|asset| asset.contains("/style.css")), "{loaded:?}");
            let mut bytes = compressed_len(&pages, &address).await;
            for asset in &loaded {
                bytes += compressed_len(&pages, asset).await;
            }
            assert!(bytes < PAGE_BYTES_MAX, "{address}: {bytes} bytes");
        }
    }
    for index in ["/search.en.json", "/search.ko.json"] {
        let index = text(&pages, index).await;
        assert!(index.len() < INDEX_BYTES_MAX, "{} bytes", index.len());
    }
}

/// The files that a text names with their versions: those that a page or a module loads.
fn addresses_of_assets(text: &str) -> Vec<String> {
    let named = text.split(['"', '\'']).filter(|piece| piece.starts_with("/assets/"));
    named.map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_found_is_there() {
    let operations = operations();
    let pages = Pages::render(&operations, Mode::Sandbox);
    let all = all_pages(&pages).await;
    let served: BTreeSet<&str> = pages.addresses().collect();
    for index in ["/search.en.json", "/search.ko.json"] {
        let found: Vec<Value> = serde_json::from_str(&text(&pages, index).await).unwrap();
        let urls: Vec<&str> = found.iter().map(|item| item["url"].as_str().unwrap()).collect();
        for url in &urls {
            leads_somewhere("/", url, &all, &served);
        }
        let lang = if index.contains(".ko.") { Lang::Ko } else { Lang::En };
        for entry in operations.registry().entries() {
            let page = page_of(lang, entry);
            for field in &entry.request {
                assert!(urls.contains(&format!("{page}#request-{}", field.id()).as_str()));
            }
            for code in &entry.errors {
                assert!(urls.contains(&format!("{page}#code-{}", code.code).as_str()));
            }
        }
    }
}

#[test]
fn what_is_covered_is_what_there_is() {
    let operations = operations();
    let titles: Vec<_> = titles().collect();
    assert_eq!(titles.len(), 143);
    let mut ids = BTreeSet::new();
    for title in &titles {
        assert!(ids.insert(title.id), "{} is there twice", title.id);
        if let Some(same) = title.same_as {
            assert!(titles.iter().any(|other| other.id == same && other.same_as.is_none()));
        }
    }
    let mut last = 0;
    for entry in operations.registry().entries() {
        let spec = entry.spec;
        let found = titles.iter().position(|title| title.id == spec.id);
        // What the reference has not comes last, in a group of its own.
        assert_eq!(found.is_none(), spec.group == EXTENSIONS, "{}", spec.id);
        assert_eq!(found.is_none(), spec.path.starts_with("/platen/"), "{}", spec.id);
        let found = found.unwrap_or(titles.len());
        if found == titles.len() {
            last = found;
            continue;
        }
        assert_eq!((titles[found].title, titles[found].group), (spec.title, spec.group));
        assert!(titles[found].same_as.is_none(), "{}", spec.id);
        assert!(found >= last, "{} is not where the reference has it", spec.id);
        last = found;
    }
}

#[test]
fn the_portal_leaves_calls_alone() {
    let pages = Pages::render(&operations(), Mode::Sandbox);
    let ask = |method: &Method, path: &str| {
        pages.answer(method, &path.parse().unwrap(), &HeaderMap::new()).is_some()
    };
    for path in [STATE, "/api/v2/x", "/platen/v1/x", BASE, "/open-api/", "/sandbox/v1/scenarios"] {
        assert!(!ask(&Method::GET, path), "{path}");
    }
    for path in ["/", "/api", "/api/prepaid-card.reissue", "/nowhere", "/api/value"] {
        assert!(ask(&Method::GET, path) && ask(&Method::HEAD, path), "{path}");
        assert!(!ask(&Method::POST, path) && !ask(&Method::OPTIONS, path), "{path}");
    }
}

async fn get(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy();
    let client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = client.get(format!("{}{path}", server.url));
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http() {
    on_sqlite(quick(), async |server| {
        let page = "/api/prepaid-card.reissue";
        let plain = get(server, page, &[]).await;
        assert_eq!(plain.status(), StatusCode::OK);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-cache"),
            ("vary", "accept-encoding"),
        ] {
            assert_eq!(plain.headers()[name], value, "{name}");
        }
        let policy = plain.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let tag = plain.headers()["etag"].to_str().unwrap().to_owned();
        let text = plain.text().await.unwrap();

        let packed = get(server, page, &[("accept-encoding", "gzip, br")]).await;
        assert_eq!(packed.headers()["content-encoding"], "gzip");
        let packed = packed.bytes().await.unwrap();
        let mut unpacked = String::new();
        GzDecoder::new(&packed[..]).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, text);

        let known = get(server, page, &[("if-none-match", &tag)]).await;
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(known.headers()["etag"], tag.as_str());
        assert_eq!(known.text().await.unwrap(), "");

        let head = reqwest::Client::builder().no_proxy().build().unwrap();
        let head = head.head(format!("{}{page}", server.url)).send().await.unwrap();
        assert_eq!(head.headers()["content-length"], text.len().to_string().as_str());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_addresses() {
    on_sqlite(quick(), async |server| {
        for (path, word) in [("/nowhere", "no such page"), ("/ko/nowhere", "찾을 수 없습니다")]
        {
            let answer = get(server, path, &[]).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
            let html = answer.text().await.unwrap();
            Page::read(&html).unwrap();
            assert!(html.contains(word), "{path}");
        }
        for (path, to) in [("/ko", "/ko/"), ("/errors/", "/errors")] {
            let answer = get(server, path, &[]).await;
            assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT, "{path}");
            assert_eq!(answer.headers()["location"], to);
        }
        for path in [REISSUE.to_owned(), format!("{BASE}{STATE}")] {
            let answer = get(server, &path, &[]).await;
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
            let body: Value = answer.json().await.unwrap();
            assert_eq!(body["response"]["code"], "000_906");
        }
        for path in ["/", "/nowhere", "/api/prepaid-card.reissue"] {
            let answer = Raw::plain(server, path, "{}").send(server).await;
            assert_eq!((answer.status, answer.code().as_str()), (404, "000_905"), "{path}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_switched_off() {
    let settings = Settings { portal: Switch::Off, ..quick() };
    on_sqlite(settings, async |server| {
        for path in ["/", "/api/prepaid-card.reissue", "/assets/style.css"] {
            let answer = get(server, path, &[]).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
            let body: Value = answer.json().await.unwrap();
            assert_eq!(body["response"]["code"], "000_905", "{path}");
        }
        assert_eq!(get(server, "/openapi.json", &[]).await.status(), StatusCode::OK);
    })
    .await;
}
