//! A strict reader of pages: what is not well formed is refused, where a browser would guess.

use std::collections::BTreeSet;

/// An element's start.
#[derive(Debug)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// Its attributes.
    pub attributes: Vec<(String, String)>,
}

impl Element {
    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }
}

/// A page.
pub struct Page {
    /// All elements in their order.
    pub elements: Vec<Element>,
}

/// Elements that have no end.
const VOID: &[&str] = &["br", "hr", "img", "input", "link", "meta"];
/// Elements that end a paragraph that is open.
const BLOCKS: &[&str] = &[
    "article", "aside", "details", "div", "dl", "footer", "form", "h1", "h2", "h3", "h4", "header",
    "main", "nav", "ol", "p", "pre", "section", "table", "ul",
];

impl Page {
    /// Reads it.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut rest = text.strip_prefix("<!DOCTYPE html>").ok_or("no doctype")?;
        let mut elements = Vec::new();
        let mut open: Vec<String> = Vec::new();
        while let Some(at) = rest.find('<') {
            check_text(&rest[..at])?;
            rest = &rest[at..];
            if let Some(end) = rest.strip_prefix("</") {
                let (name, after) = end.split_once('>').ok_or("an end tag is cut off")?;
                let last = open.pop();
                if last.as_deref() != Some(name) {
                    return Err(format!("</{name}> ends {last:?}"));
                }
                rest = after;
                continue;
            }
            let (element, after) = start_tag(rest)?;
            check_place(&element, &open)?;
            rest = after;
            if element.name == "script" || element.name == "style" {
                let end = format!("</{}>", element.name);
                let (_, after) = rest.split_once(&end).ok_or("a script has no end")?;
                rest = after;
            } else if !VOID.contains(&element.name.as_str()) {
                open.push(element.name.clone());
            }
            elements.push(element);
        }
        if !open.is_empty() || !rest.trim().is_empty() {
            return Err(format!("left open: {open:?}"));
        }
        Ok(Page { elements })
    }

    /// All ids; one that is there twice is refused.
    pub fn ids(&self) -> Result<BTreeSet<&str>, String> {
        let mut ids = BTreeSet::new();
        for id in self.elements.iter().filter_map(|element| element.get("id")) {
            if id.is_empty() || id.contains(char::is_whitespace) {
                return Err(format!("`{id}` is no id"));
            }
            if !ids.insert(id) {
                return Err(format!("the id {id} is there twice"));
            }
        }
        Ok(ids)
    }

    /// The values of an attribute.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.elements.iter().filter_map(move |element| element.get(name))
    }
}

fn check_text(text: &str) -> Result<(), String> {
    for (at, _) in text.match_indices('&') {
        let rest = &text[at..];
        if !["&amp;", "&lt;", "&gt;", "&quot;"].iter().any(|entity| rest.starts_with(entity)) {
            return Err(format!("a bare & before {:?}", rest.chars().take(20).collect::<String>()));
        }
    }
    if text.contains('>') { Err(format!("a bare > in {text:?}")) } else { Ok(()) }
}

fn check_place(element: &Element, open: &[String]) -> Result<(), String> {
    let is_in = |name: &str| open.iter().any(|each| each == name);
    let name = element.name.as_str();
    let is_wrong = (is_in("p") && BLOCKS.contains(&name))
        || (["a", "button", "input"].contains(&name) && (is_in("a") || is_in("button")))
        || (name == "li" && !open.last().is_some_and(|last| last == "ul" || last == "ol"))
        || (["dt", "dd"].contains(&name) && open.last().is_none_or(|last| last != "dl"));
    if is_wrong { Err(format!("<{name}> within {open:?}")) } else { Ok(()) }
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '-'
}

/// `<name attribute="value" attribute>`, and what follows.
fn start_tag(text: &str) -> Result<(Element, &str), String> {
    let rest = text.strip_prefix('<').ok_or("no tag")?;
    let (name, mut rest) = word(rest)?;
    let mut attributes: Vec<(String, String)> = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix('>') {
            return Ok((Element { name: name.to_owned(), attributes }, after));
        }
        let start = rest.strip_prefix(' ').ok_or(format!("<{name}: no space before {rest:.20}"))?;
        let (attribute, after) = word(start)?;
        let (value, after) = match after.strip_prefix("=\"") {
            Some(value) => value.split_once('"').ok_or("a value is cut off")?,
            None => ("", after),
        };
        check_text(value)?;
        if attributes.iter().any(|(each, _)| each == attribute) {
            return Err(format!("<{name}> has {attribute} twice"));
        }
        attributes.push((attribute.to_owned(), value.replace("&amp;", "&")));
        rest = after;
    }
}

fn word(text: &str) -> Result<(&str, &str), String> {
    let end = text.find(|letter| !is_name(letter)).unwrap_or(text.len());
    if end == 0 {
        return Err(format!("no name at {:?}", text.chars().take(20).collect::<String>()));
    }
    Ok(text.split_at(end))
}

#[test]
fn what_is_not_well_formed_is_refused() {
    let read = |text: &str| Page::read(&format!("<!DOCTYPE html>{text}")).map(drop);
    assert_eq!(read("<p id=\"a\">x &amp; y<br></p><input checked>"), Ok(()));
    assert_eq!(read("<script>a < b && c > d</script>"), Ok(()));
    for wrong in [
        "<p>",
        "</p>",
        "<p><i></p></i>",
        "<p><div></div></p>",
        "<a><span><a></a></span></a>",
        "<p id=a></p>",
        "<p id=\"a\" id=\"b\"></p>",
        "a & b",
        "<p a=\"&b\"></p>",
        "a > b",
        "<li></li>",
        "<p",
        "<p a=\"b></p>",
        "<script>",
        "text <",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
    let twice = Page::read("<!DOCTYPE html><p id=\"a\"></p><p id=\"a\"></p>").unwrap();
    assert!(twice.ids().is_err());
}
