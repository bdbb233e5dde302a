//! Running the steps of a plan: each as soon as all that it waits for is done, the longest chain first, a bounded number at
//! once. A step that fails stops what depends on it, not the rest.

mod outcome;
mod queue;

pub use outcome::{Because, Fate, Outcome};

use std::{cell::RefCell, collections::HashMap};

use futures::{StreamExt, stream::FuturesUnordered};

use crate::{
    controller::{Client, ControllerError},
    plan::{Request, Step},
};
use queue::Queue;

/// Something that happened while steps run.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A request is under way.
    Started(&'a Step),
    /// The server did it.
    Done(&'a Step),
    /// The server did not do it.
    Failed(&'a Step, &'a ControllerError),
}

/// Runs all steps, at most `parallelism` requests at once, and tells what became of each.
pub async fn apply(steps: &[Step], client: &Client, parallelism: usize, mut on_event: impl FnMut(Event<'_>)) -> Outcome {
    let mut queue = Queue::new(steps);
    let mut outcome = Outcome::new(steps);
    let made = &RefCell::new(HashMap::new());
    let mut running = FuturesUnordered::new();
    // A wait is no request and takes nobody's turn.
    let mut requests = 0;
    loop {
        while requests < parallelism.max(1)
            && !outcome.is_stopped()
            && let Some(step) = queue.next()
        {
            on_event(Event::Started(step));
            requests += usize::from(step.action != Request::Wait);
            running.push(async move { (step, run(step, client, made).await) });
        }
        let Some((step, result)) = running.next().await else { break };
        requests -= usize::from(step.action != Request::Wait);
        match result {
            Ok(()) => {
                on_event(Event::Done(step));
                outcome.done(step);
                queue.done(step);
            }
            Err(error) => {
                on_event(Event::Failed(step, &error));
                outcome.failed(step, error);
            }
        }
    }
    outcome.settle(steps);
    outcome
}

/// Runs one step. `made` are the ids of the rows that this apply made.
async fn run(step: &Step, client: &Client, made: &RefCell<HashMap<String, i64>>) -> Result<(), ControllerError> {
    let id = step.instance.or_else(|| made.borrow().get(&step.hostname).copied());
    match (step.action, id) {
        (Request::Create, _) => {
            let id = client.create(&step.hostname, &step.body).await?;
            made.borrow_mut().insert(step.hostname.clone(), id);
            Ok(())
        }
        // A row that this apply did not make and that was not there: the plan is not one of ours.
        (_, None) => Err(ControllerError::NoRow { hostname: step.hostname.clone() }),
        (Request::Patch, Some(id)) => client.patch(id, &step.hostname, &step.body).await,
        (Request::Remove, Some(id)) => client.remove(id, &step.body).await,
        (Request::Wait, Some(id)) => client.gone(id, &step.hostname).await,
    }
}
