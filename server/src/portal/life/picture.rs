//! States as boxes, steps as arrows with the number that the table gives them. The longest way
//! lies in the first row; what leads off it hangs below.

use maud::{Markup, html};

use super::{By, Life};
use crate::portal::layout::Frame;

const BOX_WIDTH: usize = 116;
const BOX_HEIGHT: usize = 34;
const COLUMN: usize = 146;
const ROW: usize = 96;
/// Room above the first row for ways that skip a box.
const ABOVE: usize = 44;
const MARGIN: usize = 6;
/// Between the arrows there and back.
const APART: usize = 10;

/// States that share a box: they are reached from the same ones and lead nowhere.
struct Cell {
    states: Vec<usize>,
    column: usize,
    row: usize,
}

impl Cell {
    fn left(&self) -> usize {
        MARGIN + self.column * COLUMN
    }

    fn right(&self) -> usize {
        self.left() + BOX_WIDTH
    }

    fn center(&self) -> usize {
        self.left() + BOX_WIDTH / 2
    }

    fn top(&self) -> usize {
        ABOVE + self.row * ROW
    }

    fn middle(&self) -> usize {
        self.top() + BOX_HEIGHT / 2
    }

    fn bottom(&self) -> usize {
        self.top() + BOX_HEIGHT * self.states.len()
    }
}

/// The arrow of a step, and where its number stands.
struct Arrow {
    path: String,
    at: (usize, usize),
}

/// The picture.
pub(super) fn draw(frame: &Frame<'_>, life: &Life) -> Markup {
    let cells = lay_out(life);
    let width = cells.iter().map(Cell::right).max().unwrap_or_default() + MARGIN;
    let height = cells.iter().map(Cell::bottom).max().unwrap_or_default() + MARGIN;
    let (name, words) = (life.name, frame.words());
    let ids = [format!("life-{name}-title"), format!("life-{name}-desc")];
    html! {
        svg.life role="img" aria-labelledby=(ids.join(" ")) width=(width) height=(height)
            viewBox={ "0 0 " (width) " " (height) } {
            title id=(ids[0]) { (words.life) ": " (frame.lang.of(life.title)) }
            desc id=(ids[1]) { (words.life_described) }
            defs { (head(name, By::Others)) (head(name, By::ThisOperation)) }
            @for link in links(life, &cells) { (link_shown(name, &link)) }
            @for cell in &cells {
                @for (index, state) in cell.states.iter().enumerate() {
                    (state_box(life, cell, index, *state))
                }
            }
        }
    }
}

/// All steps between two boxes.
struct Link<'a> {
    from: &'a Cell,
    to: &'a Cell,
    numbers: Vec<String>,
    by: By,
}

fn links<'a>(life: &Life, cells: &'a [Cell]) -> Vec<Link<'a>> {
    let mut links: Vec<Link<'_>> = Vec::new();
    let of = |state: usize| cells.iter().find(|cell| cell.states.contains(&state));
    for (index, step) in life.steps.iter().enumerate() {
        let number = (index + 1).to_string();
        for from in &step.from {
            let (Some(from), Some(to)) = (of(*from), of(step.to)) else { continue };
            let same = |link: &&mut Link<'_>| is_same(link.from, from) && is_same(link.to, to);
            if let Some(link) = links.iter_mut().find(same) {
                link.numbers.push(number.clone());
            } else {
                links.push(Link { from, to, numbers: vec![number.clone()], by: step.by });
            }
        }
    }
    links
}

fn is_same(one: &Cell, other: &Cell) -> bool {
    (one.column, one.row) == (other.column, other.row)
}

fn link_shown(name: &str, link: &Link<'_>) -> Markup {
    let Arrow { path, at: (x, y) } = arrow(link.from, link.to);
    let text = link.numbers.join(", ");
    let width = 10 + 8 * text.len();
    html! {
        g class=(class("step", link.by)) {
            path d=(path) fill="none" stroke="currentColor"
                marker-end={ "url(#" (head_id(name, link.by)) ")" } {}
            rect x=(x - width / 2) y=(y - 9) width=(width) height="18" rx="9" {}
            text x=(x) y=(y + 4) text-anchor="middle" font-size="11" { (text) }
        }
    }
}

fn state_box(life: &Life, cell: &Cell, index: usize, state: usize) -> Markup {
    let top = cell.top() + index * BOX_HEIGHT;
    let mut mine = life.steps.iter().filter(|step| step.by == By::ThisOperation);
    let is_touched = mine.any(|step| step.to == state) || life.begins == Some(state);
    html! {
        g class=(class("state", By::this(is_touched))) {
            rect x=(cell.left()) y=(top) width=(BOX_WIDTH) height=(BOX_HEIGHT) rx="6"
                fill="none" stroke="currentColor" {}
            text x=(cell.center()) y=(top + BOX_HEIGHT / 2 + 4) text-anchor="middle"
                font-size="11" fill="currentColor" { (life.states.get(state).unwrap_or(&"")) }
        }
    }
}

fn class(what: &str, by: By) -> String {
    match by {
        By::ThisOperation => format!("{what} on"),
        By::Others => what.to_owned(),
    }
}

fn head_id(name: &str, by: By) -> String {
    match by {
        By::ThisOperation => format!("arrow-{name}-on"),
        By::Others => format!("arrow-{name}"),
    }
}

fn head(name: &str, by: By) -> Markup {
    html! {
        marker id=(head_id(name, by)) viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8"
            markerHeight="8" orient="auto-start-reverse" {
            path class=(class("head", by)) d="M0 0L8 4L0 8z" fill="currentColor" {}
        }
    }
}

/// Every way, from and to, in the order of a life.
fn ways(life: &Life) -> Vec<(usize, usize)> {
    let ways = life.steps.iter().flat_map(|step| step.from.iter().map(|from| (*from, step.to)));
    let mut ways: Vec<(usize, usize)> = ways.collect();
    ways.sort_unstable();
    ways
}

/// The longest way from the first state on that visits none twice; of those that are as long, the
/// one that leads to the earlier states.
fn longest(ways: &[(usize, usize)], way: &[usize]) -> Vec<usize> {
    let mut best = way.to_vec();
    let last = way.last().copied().unwrap_or_default();
    for (from, to) in ways {
        if *from == last && !way.contains(to) {
            let mut longer = way.to_vec();
            longer.push(*to);
            let found = longest(ways, &longer);
            if found.len() > best.len() {
                best = found;
            }
        }
    }
    best
}

fn lay_out(life: &Life) -> Vec<Cell> {
    let ways = ways(life);
    let first = match life.ordinary.as_slice() {
        [] => longest(&ways, &[0]),
        ordinary => ordinary.to_vec(),
    };
    let mut cells: Vec<Cell> = Vec::new();
    for (column, state) in first.iter().enumerate() {
        cells.push(Cell { states: vec![*state], column, row: 0 });
    }
    let sources = |state: usize| -> Vec<usize> {
        ways.iter().filter(|(_, to)| *to == state).map(|(from, _)| *from).collect()
    };
    let is_end = |state: usize| ways.iter().all(|(from, _)| *from != state);
    for state in (0..life.states.len()).filter(|state| !first.contains(state)) {
        let from = sources(state);
        let twin = cells.iter().position(|cell| {
            cell.row > 0
                && cell.states.iter().all(|other| is_end(*other) && sources(*other) == from)
        });
        if let Some(cell) = twin.filter(|_| is_end(state)).and_then(|at| cells.get_mut(at)) {
            cell.states.push(state);
            continue;
        }
        let above: Vec<&Cell> =
            cells.iter().filter(|cell| cell.states.iter().any(|s| from.contains(s))).collect();
        let count = above.len().max(1);
        let sum: usize = above.iter().map(|cell| cell.column).sum();
        let row = above.iter().map(|cell| cell.row).max().unwrap_or_default() + 1;
        let mut column = (2 * sum + count) / (2 * count);
        while cells.iter().any(|cell| (cell.column, cell.row) == (column, row)) {
            column += 1;
        }
        cells.push(Cell { states: vec![state], column, row });
    }
    cells
}

fn arrow(from: &Cell, to: &Cell) -> Arrow {
    if from.row != to.row {
        return down(from, to);
    }
    let (left, right) = if from.column < to.column { (from, to) } else { (to, from) };
    if right.column - left.column > 1 {
        return over(from, to);
    }
    let y = if from.column < to.column { from.middle() - APART } else { from.middle() + APART };
    let (start, end) = match from.column < to.column {
        true => (from.right(), to.left()),
        false => (from.left(), to.right()),
    };
    Arrow { path: format!("M{start} {y}H{end}"), at: (usize::midpoint(start, end), y) }
}

/// Over the boxes between.
fn over(from: &Cell, to: &Cell) -> Arrow {
    let (start, end, y) = (from.center(), to.center(), from.top());
    let high = y - ABOVE + MARGIN;
    let path = format!("M{start} {y}C{start} {high} {end} {high} {end} {y}");
    // Halfway, such a curve has come three quarters of the way to its handles.
    let at = (usize::midpoint(start, end), y - (y - high) * 3 / 4);
    Arrow { path, at }
}

/// To another row. The number of a slanting arrow stands near its beginning, where it meets no
/// other.
fn down(from: &Cell, to: &Cell) -> Arrow {
    let (x, y) = (from.center(), from.bottom());
    let end_y = to.top();
    let shift = |center: usize| match from.column.cmp(&to.column) {
        std::cmp::Ordering::Less => center - BOX_WIDTH / 4,
        std::cmp::Ordering::Equal => center,
        std::cmp::Ordering::Greater => center + BOX_WIDTH / 4,
    };
    let end_x = shift(to.center());
    let at = if end_x == x {
        (x, usize::midpoint(y, end_y))
    } else {
        ((2 * x + end_x) / 3, (2 * y + end_y) / 3)
    };
    Arrow { path: format!("M{x} {y}L{end_x} {end_y}"), at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Changes;
    use crate::portal::life::{application, card, delivery};

    #[test]
    fn the_ordinary_life_lies_in_the_first_row() {
        for (life, row) in [
            (card(&Changes::NONE), "ACTIVE SUSPENDED TERMINATED"),
            (
                application(&Changes::NONE),
                "READY COST_PAYING COST_PAID DIGITAL_ISSUED PHYSICAL_ISSUED",
            ),
            (delivery(&Changes::NONE), "READY RECEIPT PRE_SHIPPING SHIPPING ARRIVAL"),
        ] {
            let cells = lay_out(&life);
            let first = cells.iter().filter(|cell| cell.row == 0);
            let names: Vec<&str> = first.map(|cell| life.states[cell.states[0]]).collect();
            assert_eq!(names.join(" "), row);
            let drawn: usize = cells.iter().map(|cell| cell.states.len()).sum();
            assert_eq!(drawn, life.states.len(), "each state has its box");
        }
    }
}
