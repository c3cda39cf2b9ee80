//! What goes wrong, and when: the nth statement, commit, answer of a commit or call to the bank,
//! or the process at its nth step.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bank::{
    Bank, BoxFuture, DepositAnswer, DepositOrder, InquiryAnswer, InquiryOrder, WithdrawAnswer,
    WithdrawOrder,
};
use store::{Cause, FaultSeam, Point};
use tokio::sync::{Notify, oneshot};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A statement fails.
    Statement(Cause),
    /// A statement's thread panics.
    Panic,
    /// A commit is not sent.
    Commit,
    /// A commit is done, and its answer lost: the caller does it again.
    Answer,
    /// A call to the bank is not sent.
    NotSent,
    /// A call to the bank is lost on its way.
    LostBefore,
    /// A call to the bank is executed, and its answer lost.
    LostAfter,
    /// A call to the bank takes its time.
    Slow,
    /// The process is killed at a step of any kind.
    Kill,
    /// Every second commit's answer is lost, so that each transaction is run twice.
    Twice,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub statements: usize,
    pub commits: usize,
    pub answers: usize,
    pub bank_calls: usize,
    /// All of them, and the moment after each call to the bank.
    pub steps: usize,
}

#[derive(Default)]
struct State {
    is_on: bool,
    plan: Option<(Fault, usize)>,
    counts: Counts,
    /// The nth has come.
    came: bool,
    is_dead: bool,
    gate: Option<Gate>,
    /// No order gets to the bank.
    is_cut_off: bool,
}

/// Where a call to the bank waits after it was executed.
pub struct Gate {
    reached: oneshot::Sender<()>,
    open: oneshot::Receiver<()>,
}

/// The other side of a [`Gate`].
pub struct Keeper {
    pub reached: oneshot::Receiver<()>,
    pub open: oneshot::Sender<()>,
}

/// One process's faults.
#[derive(Default)]
pub struct Injector {
    state: Mutex<State>,
    died: Notify,
}

impl Injector {
    pub fn seam(self: &Arc<Self>) -> FaultSeam {
        let own = Arc::clone(self);
        FaultSeam::new(move |point| own.at(point))
    }

    /// Counts from here on, and makes the nth fail.
    pub fn begin(&self, plan: Option<(Fault, usize)>) {
        let mut state = self.lock();
        let (gate, is_cut_off) = (state.gate.take(), state.is_cut_off);
        *state = State { is_on: true, plan, gate, is_cut_off, ..State::default() };
    }

    /// Lets everything pass again; what was counted, and whether the nth has come. A process that
    /// was killed stays dead.
    pub fn end(&self) -> (Counts, bool) {
        let mut state = self.lock();
        state.is_on = false;
        (state.counts, state.came)
    }

    /// The next call to the bank waits, once it was executed.
    pub fn gate(&self) -> Keeper {
        let (reached, is_reached) = oneshot::channel();
        let (open, is_open) = oneshot::channel();
        self.lock().gate = Some(Gate { reached, open: is_open });
        Keeper { reached: is_reached, open }
    }

    /// No order gets to the bank any more; inquiries do.
    pub fn cut_off(&self) {
        self.lock().is_cut_off = true;
    }

    /// Waits until the process is killed.
    pub async fn died(&self) {
        self.died.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Whether the process dies at this step.
    fn dies(&self, state: &mut State) -> bool {
        state.counts.steps += 1;
        if state.plan == Some((Fault::Kill, state.counts.steps)) {
            state.is_dead = true;
            state.came = true;
            self.died.notify_one();
        }
        state.is_dead
    }

    fn at(&self, point: Point) -> Option<Cause> {
        let mut state = self.lock();
        if state.is_dead {
            return Some(Cause::Away);
        }
        if !state.is_on {
            return None;
        }
        if self.dies(&mut state) {
            return Some(Cause::Away);
        }
        let count = match point {
            Point::Statement => &mut state.counts.statements,
            Point::Commit => &mut state.counts.commits,
            Point::Answer => &mut state.counts.answers,
        };
        *count += 1;
        let (count, (fault, nth)) = (*count, state.plan?);
        if fault == Fault::Twice && point == Point::Answer {
            state.came = true;
            return (count % 2 == 1).then_some(Cause::CommitUnknown);
        }
        if count != nth {
            return None;
        }
        let cause = match (fault, point) {
            (Fault::Statement(cause), Point::Statement) => cause,
            (Fault::Commit, Point::Commit) => Cause::Exhausted,
            (Fault::Answer, Point::Answer) => Cause::CommitUnknown,
            (Fault::Panic, Point::Statement) => {
                state.came = true;
                drop(state);
                // As a panic, but silent.
                std::panic::resume_unwind(Box::new(()));
            }
            (_, Point::Statement | Point::Commit | Point::Answer) => return None,
        };
        state.came = true;
        Some(cause)
    }

    /// What happens to a call to the bank.
    fn at_bank(&self) -> Option<Fault> {
        let mut state = self.lock();
        if state.is_dead {
            return Some(Fault::Kill);
        }
        if !state.is_on {
            return None;
        }
        if self.dies(&mut state) {
            return Some(Fault::Kill);
        }
        state.counts.bank_calls += 1;
        let (fault, nth) = state.plan?;
        let is_for_bank =
            matches!(fault, Fault::NotSent | Fault::LostBefore | Fault::LostAfter | Fault::Slow);
        if nth != state.counts.bank_calls || !is_for_bank {
            return None;
        }
        state.came = true;
        Some(fault)
    }

    fn dies_after_bank(&self) -> bool {
        let mut state = self.lock();
        state.is_on && self.dies(&mut state)
    }

    /// Makes a call to the bank, or not.
    async fn call<T>(&self, call: impl Future<Output = T>, lost: [T; 2]) -> T {
        let [not_sent, unknown] = lost;
        let answer = match self.at_bank() {
            Some(Fault::Kill) => std::future::pending().await,
            Some(Fault::NotSent) => not_sent,
            Some(Fault::LostBefore) => unknown,
            Some(Fault::LostAfter) => {
                call.await;
                unknown
            }
            Some(Fault::Slow) => {
                tokio::time::sleep(Duration::from_millis(30)).await;
                call.await
            }
            _ => call.await,
        };
        let gate = self.lock().gate.take();
        if let Some(Gate { reached, open }) = gate {
            reached.send(()).unwrap();
            open.await.unwrap();
        }
        if self.dies_after_bank() {
            std::future::pending::<()>().await;
        }
        answer
    }
}

/// A bank to which the way is bad.
pub struct FaultyBank {
    pub inner: Arc<dyn Bank>,
    pub injector: Arc<Injector>,
}

impl Bank for FaultyBank {
    fn withdraw(&self, order: &WithdrawOrder, deadline: Duration) -> BoxFuture<'_, WithdrawAnswer> {
        let order = order.clone();
        let lost =
            [WithdrawAnswer::NotSent, WithdrawAnswer::Unknown { why: "on purpose".to_owned() }];
        let is_cut_off = self.injector.lock().is_cut_off;
        Box::pin(async move {
            let sent = async {
                match is_cut_off {
                    true => WithdrawAnswer::NotSent,
                    false => self.inner.withdraw(&order, deadline).await,
                }
            };
            self.injector.call(sent, lost).await
        })
    }

    fn deposit(&self, order: &DepositOrder, deadline: Duration) -> BoxFuture<'_, DepositAnswer> {
        let order = order.clone();
        let lost =
            [DepositAnswer::NotSent, DepositAnswer::Unknown { why: "on purpose".to_owned() }];
        let is_cut_off = self.injector.lock().is_cut_off;
        Box::pin(async move {
            let sent = async {
                match is_cut_off {
                    true => DepositAnswer::NotSent,
                    false => self.inner.deposit(&order, deadline).await,
                }
            };
            self.injector.call(sent, lost).await
        })
    }

    fn inquire(&self, order: &InquiryOrder, deadline: Duration) -> BoxFuture<'_, InquiryAnswer> {
        let order = order.clone();
        let unknown = InquiryAnswer::Unknown { why: "on purpose".to_owned() };
        let lost = [unknown.clone(), unknown];
        Box::pin(
            async move { self.injector.call(self.inner.inquire(&order, deadline), lost).await },
        )
    }
}
