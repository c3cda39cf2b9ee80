//! The bank of the simulation, and the network to it. It knows nothing of the platform: it has
//! accounts, does an order once, and remembers what it did. Messages lie on the wire until the
//! world says what becomes of each.

mod message;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bank::{
    Bank, BoxFuture, DepositAnswer, DepositOrder, InquiryAnswer, InquiryOrder, OrderKind,
    RefusalCause, WithdrawAnswer, WithdrawOrder,
};
use platen::context::Time;
use tokio::sync::oneshot;

use self::message::{Said, Sent};
use crate::rng::Rng;

/// How long after an order the bank may still execute it, milliseconds: the platform's setting.
pub const ORDER_LIFETIME_MS: u64 = 10_000;
/// The same in the unit of the database, microseconds.
pub const ORDER_LIFETIME_US: i64 = ORDER_LIFETIME_MS.cast_signed() * 1_000;
/// How long a message may be on its way: so an order that is sent within the platform's deadline
/// of 5,000 is executed within its lifetime, or never.
const ON_THE_WIRE_MS_MAX: u64 = 5_000;
/// How long one is held up together with the process that waits for it, mostly.
const HELD_MS_MAX: u64 = 15_000;

/// An order by the id and day that the platform fixed.
pub type OrderId = (String, String);

/// What the bank has done with an order, for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The money is taken or given, by the order's kind.
    Executed,
    /// It never will be.
    Refused(RefusalCause),
}

/// An order that the bank has seen.
#[derive(Debug, Clone)]
pub struct Order {
    /// Whether it takes or gives.
    pub kind: OrderKind,
    /// What was to be taken or given, won.
    pub amount: i64,
    /// From or to which account.
    pub account: String,
    /// What was done.
    pub done: Done,
    /// How often money was moved under this id: never more than once.
    pub executed: u32,
    /// Whether it was executed after the bank's promise not to any more.
    pub is_breach: bool,
}

impl Order {
    /// What the account has less by it, won: negative of a deposit.
    #[must_use]
    pub fn taken(&self) -> i64 {
        let moved = self.amount * i64::from(self.executed);
        match self.kind {
            OrderKind::Withdrawal => moved,
            OrderKind::Deposit => -moved,
        }
    }
}

/// A message on the wire.
struct Wire {
    what: What,
    /// When it was sent, milliseconds since 1970.
    sent_at_ms: u64,
    /// The process was held up: its time-out comes late, if at all.
    is_held: bool,
    /// A connection was made: nobody can say any more that it was not sent.
    has_left: bool,
}

enum What {
    Order(Sent, oneshot::Sender<Said>),
    Inquire(InquiryOrder, oneshot::Sender<InquiryAnswer>),
    AnswerOrder(Said, oneshot::Sender<Said>),
    AnswerInquiry(InquiryAnswer, oneshot::Sender<InquiryAnswer>),
}

#[derive(Default)]
struct Inside {
    accounts: BTreeMap<String, i64>,
    orders: BTreeMap<OrderId, Order>,
    wires: Vec<Wire>,
    /// Orders that the platform was told never left.
    not_sent: Vec<OrderId>,
    seen: BTreeMap<&'static str, u64>,
    /// The next order is held up.
    hold_next: bool,
    /// Answers at once and truthfully.
    is_honest: bool,
}

/// The bank. Clones are the same bank.
#[derive(Clone, Default)]
pub struct SimBank {
    inside: Arc<Mutex<Inside>>,
    /// The clock of the process that sends messages through this clone.
    clock: Option<Arc<dyn Time>>,
}

impl SimBank {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bank as a process sees it that has this clock.
    #[must_use]
    pub fn seen_from(&self, clock: Arc<dyn Time>) -> Self {
        SimBank { inside: Arc::clone(&self.inside), clock: Some(clock) }
    }

    fn now_ms(&self) -> u64 {
        self.clock.as_ref().map_or(0, |clock| clock.now().0.unsigned_abs() / 1_000)
    }

    /// Opens an account or sets what it holds.
    pub fn put(&self, account: &str, balance: i64) {
        self.inside().accounts.insert(account.to_owned(), balance);
    }

    /// The next order comes from a process that is held up.
    pub fn hold_next(&self) {
        self.inside().hold_next = true;
    }

    /// From now on it does and answers everything as it comes.
    pub fn become_honest(&self) {
        self.inside().is_honest = true;
    }

    /// Messages on the wire.
    pub fn on_the_wire(&self) -> usize {
        self.inside().wires.len()
    }

    /// The order of this id, if it was seen.
    pub fn order(&self, id: &OrderId) -> Option<Order> {
        self.inside().orders.get(id).cloned()
    }

    /// All orders.
    pub fn orders(&self) -> Vec<(OrderId, Order)> {
        let inside = self.inside();
        inside.orders.iter().map(|(id, order)| (id.clone(), order.clone())).collect()
    }

    /// Whether the platform was told that the order never left.
    pub fn was_not_sent(&self, id: &OrderId) -> bool {
        self.inside().not_sent.contains(id)
    }

    /// What was seen of it, and how often.
    pub fn seen(&self) -> BTreeMap<&'static str, u64> {
        self.inside().seen.clone()
    }

    /// One message moves on, or is lost. What happened, and the order that was executed.
    pub fn step(&self, rng: &mut Rng, now_ms: u64) -> Option<(&'static str, Option<OrderId>)> {
        let mut inside = self.inside();
        if inside.wires.is_empty() {
            return None;
        }
        let index = if inside.is_honest { 0 } else { rng.below(inside.wires.len()) };
        let wire = inside.wires.remove(index);
        let (what, executed) = inside.move_on(wire, rng, now_ms);
        *inside.seen.entry(what).or_default() += 1;
        Some((what, executed))
    }
}

impl Inside {
    fn move_on(
        &mut self,
        wire: Wire,
        rng: &mut Rng,
        now_ms: u64,
    ) -> (&'static str, Option<OrderId>) {
        let Wire { what, sent_at_ms, is_held, has_left } = wire;
        let loses = |rng: &mut Rng, percent| !self.is_honest && rng.percent(percent);
        match what {
            What::Order(order, reply)
                if is_held && now_ms <= sent_at_ms + HELD_MS_MAX && loses(rng, 90) =>
            {
                let what = What::Order(order, reply);
                self.wires.push(Wire { what, sent_at_ms, is_held, has_left });
                ("order held up", None)
            }
            What::Order(order, reply) => {
                let fate = if self.is_honest { 100 } else { rng.below(100) };
                match fate {
                    0..=4 if !has_left => {
                        self.not_sent.push(order.id);
                        drop(reply.send(Said::NotSent));
                        ("no connection", None)
                    }
                    5..=12 => ("order lost", None),
                    13..=17 if !has_left => {
                        let (unheard, _) = oneshot::channel();
                        self.wire(What::Order(order.clone(), unheard), sent_at_ms);
                        let what = What::Order(order, reply);
                        self.wires.push(Wire { what, sent_at_ms, is_held, has_left: true });
                        ("order came twice", None)
                    }
                    _ => self.execute(order, reply, rng, (now_ms, sent_at_ms, is_held)),
                }
            }
            What::Inquire(order, reply) => {
                if loses(rng, 15) {
                    return ("inquiry lost", None);
                }
                let id = (order.bank_tran_id.to_string(), order.tran_date);
                let known = self.orders.get(&id).filter(|known| known.kind == order.kind);
                let answer = match known.map(|known| &known.done) {
                    None => InquiryAnswer::NotFound,
                    Some(Done::Executed) => InquiryAnswer::Executed { api_tran_id: api_id(&id) },
                    Some(Done::Refused(cause)) => {
                        let bank_code = cause.name().to_owned();
                        InquiryAnswer::Refused { cause: *cause, bank_code }
                    }
                };
                self.wire(What::AnswerInquiry(answer, reply), sent_at_ms);
                ("inquiry answered", None)
            }
            What::AnswerOrder(answer, reply) => {
                if loses(rng, 20) {
                    return ("answer lost", None);
                }
                let late = reply.is_closed();
                drop(reply.send(answer));
                (if late { "answer came too late" } else { "answer came" }, None)
            }
            What::AnswerInquiry(answer, reply) => {
                if loses(rng, 10) {
                    return ("inquiry's answer lost", None);
                }
                drop(reply.send(answer));
                ("inquiry's answer came", None)
            }
        }
    }

    fn wire(&mut self, what: What, sent_at_ms: u64) {
        self.wires.push(Wire { what, sent_at_ms, is_held: false, has_left: true });
    }

    fn execute(
        &mut self,
        sent: Sent,
        reply: oneshot::Sender<Said>,
        rng: &mut Rng,
        (now_ms, sent_at_ms, is_held): (u64, u64, bool),
    ) -> (&'static str, Option<OrderId>) {
        let is_late = now_ms > sent_at_ms + ON_THE_WIRE_MS_MAX;
        // Beyond its promise it takes only where somebody still waits for it: then it is told.
        let takes = sent.kind == OrderKind::Withdrawal;
        let is_breach = is_late && is_held && takes && !reply.is_closed();
        if is_late && !is_breach {
            return ("order too old", None);
        }
        let Sent { kind, id, account, amount } = sent;
        if !self.orders.contains_key(&id) {
            let done = self.decide(kind, &account, amount, rng);
            let executed = u32::from(done == Done::Executed);
            let order = Order { kind, amount, account, done, executed, is_breach };
            self.orders.insert(id.clone(), order);
        }
        // An id is not given to an order of the other kind.
        let known = self.orders.get(&id).filter(|known| known.kind == kind);
        let done = known.map_or(Done::Refused(RefusalCause::MessageError), |one| one.done.clone());
        let (what, in_silence, answer) = match (done, kind) {
            (Done::Executed, OrderKind::Withdrawal) => {
                let said = if is_breach { "taken against its promise" } else { "taken" };
                (said, "taken in silence", Said::Executed { api_tran_id: api_id(&id) })
            }
            (Done::Executed, OrderKind::Deposit) => {
                ("given", "given in silence", Said::Executed { api_tran_id: api_id(&id) })
            }
            (Done::Refused(cause), OrderKind::Withdrawal | OrderKind::Deposit) => {
                ("refused", "refused in silence", Said::refused(cause))
            }
        };
        let says_nothing = !self.is_honest && !is_breach && rng.percent(15);
        if says_nothing {
            return (in_silence, Some(id));
        }
        if is_breach {
            drop(reply.send(answer));
        } else {
            self.wire(What::AnswerOrder(answer, reply), sent_at_ms);
        }
        (what, Some(id))
    }

    fn decide(&mut self, kind: OrderKind, account: &str, amount: i64, rng: &mut Rng) -> Done {
        let Some(balance) = self.accounts.get_mut(account) else {
            return Done::Refused(RefusalCause::InvalidAccount);
        };
        if !self.is_honest && rng.percent(12) {
            let cause = rng.pick(&RefusalCause::ALL).copied();
            return Done::Refused(cause.unwrap_or(RefusalCause::Other));
        }
        match kind {
            OrderKind::Withdrawal if *balance < amount => {
                return Done::Refused(RefusalCause::InsufficientBalance);
            }
            OrderKind::Withdrawal => *balance -= amount,
            OrderKind::Deposit => *balance += amount,
        }
        Done::Executed
    }
}

fn api_id((id, day): &OrderId) -> String {
    format!("A-{id}-{day}")
}

impl SimBank {
    /// Puts an order on the wire now. What comes of it does so within `deadline`, or whenever it
    /// may to a process that is held up.
    fn send<A: From<Said>>(&self, sent: Sent, deadline: Duration) -> BoxFuture<'_, A> {
        let (reply, answer) = oneshot::channel();
        let sent_at_ms = self.now_ms();
        let is_held = {
            let mut inside = self.inside();
            let is_held = std::mem::take(&mut inside.hold_next);
            let what = What::Order(sent, reply);
            inside.wires.push(Wire { what, sent_at_ms, is_held, has_left: false });
            is_held
        };
        Box::pin(async move {
            if is_held {
                return answer.await.unwrap_or_else(|_| Said::unknown("disconnected")).into();
            }
            let said = match tokio::time::timeout(deadline, answer).await {
                Ok(answer) => answer.unwrap_or_else(|_| Said::unknown("disconnected")),
                Err(_) => Said::unknown("time-out"),
            };
            said.into()
        })
    }
}

impl Bank for SimBank {
    fn withdraw(&self, order: &WithdrawOrder, deadline: Duration) -> BoxFuture<'_, WithdrawAnswer> {
        self.send(Sent::withdrawal(order), deadline)
    }

    fn deposit(&self, order: &DepositOrder, deadline: Duration) -> BoxFuture<'_, DepositAnswer> {
        self.send(Sent::deposit(order), deadline)
    }

    fn inquire(&self, order: &InquiryOrder, deadline: Duration) -> BoxFuture<'_, InquiryAnswer> {
        let (reply, answer) = oneshot::channel();
        let sent_at_ms = self.now_ms();
        self.inside().wire(What::Inquire(order.clone(), reply), sent_at_ms);
        let unknown = |why: &str| InquiryAnswer::Unknown { why: why.to_owned() };
        Box::pin(async move {
            match tokio::time::timeout(deadline, answer).await {
                Ok(answer) => answer.unwrap_or_else(|_| unknown("disconnected")),
                Err(_) => unknown("time-out"),
            }
        })
    }
}

#[cfg(test)]
mod tests;
