//! Running the steps of a plan: each as soon as all that it waits for is done, the longest chain first, a bounded number at
//! once. A step that fails stops what depends on it, not the rest; what is held goes on once it may.

mod outcome;
mod queue;

pub use outcome::{Because, Counts, Fate, Outcome, Stop};

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures::{StreamExt, stream::FuturesUnordered};
use tokio::time::sleep;

use crate::{
    controller::{Client, ControllerError, Left},
    plan::{Hold, Request, Step, released},
};
use queue::Queue;

/// The first pause before looking again; each is twice the one before.
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Work<'a> {
    /// The steps of a plan.
    pub steps: &'a [Step],
    /// What holds some of them.
    pub holds: &'a [Hold],
    /// The steps that an earlier apply did.
    pub done: BTreeSet<usize>,
    /// The rows that an earlier apply made, by hostname.
    pub made: BTreeMap<String, i64>,
    /// Who may lose its path by what was held.
    pub may_lose: BTreeSet<String>,
}

impl<'a> Work<'a> {
    /// All of it.
    pub fn new(steps: &'a [Step], holds: &'a [Hold]) -> Self {
        Self { steps, holds, done: BTreeSet::new(), made: BTreeMap::new(), may_lose: BTreeSet::new() }
    }
}

/// How it is done.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many requests may be under way at once.
    pub parallelism: usize,
    /// Whether nothing new is started after a failure.
    pub fail_fast: bool,
    /// How long a row that goes before others may take.
    pub settle: Duration,
    /// How long a row that is made again may take to go.
    pub replace: Duration,
    /// How long the jobs of a node that is drained may take.
    pub drain: Duration,
    /// How long to wait for removals and for what is held; zero for not at all.
    pub wait: Duration,
    /// How often to look whether what is held may go on, at the least; at first it is looked more often.
    pub look_every: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            parallelism: 10,
            fail_fast: false,
            settle: Duration::from_secs(30),
            replace: Duration::from_mins(10),
            drain: Duration::from_mins(30),
            wait: Duration::ZERO,
            look_every: Duration::from_secs(5),
        }
    }
}

/// Something that happened while steps run.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A step is under way.
    Started(&'a Step),
    /// The server did it.
    Done(&'a Step),
    /// The server did not do it, or nobody knows.
    Failed(&'a Step, &'a ControllerError),
    /// It waits, or did so in vain: for jobs to end, or for a row to go.
    Held(&'a Step, &'a Left),
    /// Held steps wait for the links of this hold.
    Waiting(&'a Hold),
    /// It could not be seen whether something that is waited for is so.
    Unseen(&'a ControllerError),
}

/// How a step ended.
enum End {
    Done,
    Left(Left),
}

/// Runs what is to be done, and writes down what becomes of each step as it becomes known. It starts nothing new once the client
/// is in a [hurry](Client::hurry), and finishes what is under way.
pub async fn apply(work: &Work<'_>, client: &Client, options: &Options, outcome: &mut Outcome, on_event: impl FnMut(Event<'_>)) {
    let run = Run { client, options, begin: Instant::now(), made: RefCell::new(work.made.clone()), creates: creates(work.steps) };
    let mut queue = Queue::new(work.steps, &work.done);
    // What waits tells of it, too.
    let events = RefCell::new(on_event);
    let on_event = |event: Event<'_>| (events.borrow_mut())(event);
    let mut running = FuturesUnordered::new();
    // A wait is no request and takes nobody's turn.
    let mut requests = 0;
    loop {
        while requests < options.parallelism.max(1)
            && outcome.goes_on(client.hurry().is_cancelled())
            && let Some(step) = queue.next()
        {
            on_event(Event::Started(step));
            outcome.started(step);
            requests += usize::from(step.action.writes());
            let (run, on_event) = (&run, &on_event);
            running.push(async move { (step, run.step(step, on_event).await) });
        }
        let Some((step, result)) = running.next().await else {
            if run.release(work, outcome, &mut queue, &on_event).await {
                continue;
            }
            break;
        };
        requests -= usize::from(step.action.writes());
        match result {
            Ok(End::Done) => {
                on_event(Event::Done(step));
                outcome.ended(step, Fate::Done);
                queue.done(step);
            }
            // Who waits for it is told why it did not go on.
            Ok(End::Left(_)) if !outcome.goes_on(client.hurry().is_cancelled()) => outcome.interrupted(step),
            Ok(End::Left(left)) => {
                on_event(Event::Held(step, &left));
                outcome.ended(step, Fate::Waiting(left));
            }
            Err(error) => {
                on_event(Event::Failed(step, &error));
                outcome.failed(step, error, options.fail_fast);
            }
        }
    }
    if !options.wait.is_zero() {
        run.removals(work.steps, outcome, &on_event).await;
    }
    outcome.settle(work.steps, &work.done);
}

/// The hostnames that are made.
fn creates(steps: &[Step]) -> BTreeSet<&str> {
    steps.iter().filter(|step| step.action == Request::Create).map(|step| step.hostname.as_str()).collect()
}

struct Run<'a> {
    client: &'a Client,
    options: &'a Options,
    begin: Instant,
    /// The ids of the rows that were made.
    made: RefCell<BTreeMap<String, i64>>,
    creates: BTreeSet<&'a str>,
}

impl Run<'_> {
    async fn step(&self, step: &Step, on_event: &impl Fn(Event<'_>)) -> Result<End, ControllerError> {
        let on_jobs = |left: &Left| on_event(Event::Held(step, left));
        let id = step.instance.or_else(|| self.made.borrow().get(&step.hostname).copied());
        match (step.action, id) {
            (Request::Create, _) => {
                let id = self.client.create(&step.hostname, &step.body).await?;
                self.made.borrow_mut().insert(step.hostname.clone(), id);
            }
            // A row that this apply did not make and that was not there: the plan is not one of ours.
            (_, None) => return Err(ControllerError::NoRow { hostname: step.hostname.clone() }),
            (Request::Patch, Some(id)) => self.client.patch(id, &step.hostname, &step.body).await?,
            (Request::Remove, Some(id)) => self.client.remove(id, &step.body).await?,
            (Request::Wait, Some(id)) => {
                let made_again = self.creates.contains(step.hostname.as_str());
                let limit = if made_again { self.options.replace } else { self.options.settle };
                let limit = limit.max(self.left());
                return Ok(self.client.gone(id, limit, on_jobs).await?.map_or(End::Done, End::Left));
            }
            (Request::Idle, Some(id)) => {
                return Ok(self.client.idle(id, self.options.drain, on_jobs).await?.map_or(End::Done, End::Left));
            }
        }
        Ok(End::Done)
    }

    /// How long may still be waited.
    fn left(&self) -> Duration {
        self.options.wait.saturating_sub(self.begin.elapsed())
    }

    /// Looks, or waits, until some of the held steps may go on; false if none may.
    async fn release(&self, work: &Work<'_>, outcome: &mut Outcome, queue: &mut Queue<'_>, on_event: &impl Fn(Event<'_>)) -> bool {
        // Only what waits for nothing else: what is held by a failure stays so however long one looks.
        let open: Vec<&Step> = work.steps.iter().filter(|step| step.held.is_some() && outcome.is_open(step, &work.done)).collect();
        let mut told = BTreeSet::new();
        let mut pause = FIRST_LOOK;
        while !open.is_empty() && outcome.goes_on(self.client.hurry().is_cancelled()) {
            let over = match self.client.topology().await {
                Ok(now) => released(&open, work.holds, &now, &work.may_lose),
                // What cannot be seen at the moment lets nothing go.
                Err(error) => {
                    on_event(Event::Unseen(&error));
                    outcome.stop_if_forbidden(&error);
                    BTreeSet::new()
                }
            };
            let go = open.iter().filter(|step| step.held.is_some_and(|hold| over.contains(&hold)));
            if go.filter(|step| queue.release(step)).count() > 0 {
                return true;
            }
            let left = self.left();
            if left.is_zero() {
                return false;
            }
            for hold in open.iter().filter_map(|step| step.held).filter(|hold| !over.contains(hold) && told.insert(*hold)) {
                work.holds.get(hold).into_iter().for_each(|hold| on_event(Event::Waiting(hold)));
            }
            tokio::select! {
                () = sleep(pause.min(self.options.look_every).min(left)) => {}
                () = self.client.hurry().cancelled() => {}
            }
            pause *= 2;
        }
        false
    }

    /// Waits for the rows whose removal was asked for.
    async fn removals(&self, steps: &[Step], outcome: &mut Outcome, on_event: &impl Fn(Event<'_>)) {
        let asked = outcome.asked_for(steps).into_iter().filter_map(|step| Some((step, step.instance?)));
        let waits = asked.map(|(step, id)| async move {
            let on_jobs = |left: &Left| on_event(Event::Held(step, left));
            (step, self.client.gone(id, self.left(), on_jobs).await)
        });
        let mut waits: FuturesUnordered<_> = waits.collect();
        while let Some((step, result)) = waits.next().await {
            match result {
                Ok(None) => outcome.is_gone(step),
                Ok(Some(left)) => {
                    on_event(Event::Held(step, &left));
                    outcome.ended(step, Fate::Waiting(left));
                }
                Err(error @ ControllerError::NotRemoved { .. }) => {
                    on_event(Event::Failed(step, &error));
                    outcome.failed(step, error, false);
                }
                // The removal was asked for all the same.
                Err(error) => {
                    on_event(Event::Unseen(&error));
                    outcome.stop_if_forbidden(&error);
                    let state = "there, as far as could be seen".to_owned();
                    outcome.ended(step, Fate::Waiting(Left { state, jobs_running: 0, jobs: Vec::new() }));
                }
            }
        }
    }
}
