//! What is tried again, and after which pause. A request that certainly was not done is sent again as it is; whether one was
//! done whose answer was lost is looked up by whoever sent it.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use reqwest::Method;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::ControllerError;

/// A pause that people should hear of.
const LONG: Duration = Duration::from_secs(3);

/// How long a controller that never answered is tried: behind a slip in its address nothing will ever answer.
const FIRST_CONTACT: Duration = Duration::from_secs(10);

/// How what fails in passing is tried again.
#[derive(Clone)]
pub struct Retry {
    /// How long one request is tried after it failed for the first time; zero for never.
    pub timeout: Duration,
    /// The first pause; each is about twice the one before.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// Told what people should know while it runs, in words: of long pauses, or that there is no way to log in but the password.
    pub notice: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            timeout: Duration::from_mins(2),
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(15),
            notice: Arc::new(|_| {}),
        }
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { timeout, first_pause, longest_pause, notice: _ } = self;
        f.debug_struct("Retry")
            .field("timeout", timeout)
            .field("first_pause", first_pause)
            .field("longest_pause", longest_pause)
            .finish_non_exhaustive()
    }
}

/// Why a request has no good answer, and how long the server wants to be left alone.
#[derive(Debug)]
pub(super) struct Miss {
    pub(super) error: ControllerError,
    pub(super) retry_after: Option<Duration>,
}

impl From<ControllerError> for Miss {
    fn from(error: ControllerError) -> Self {
        Self { error, retry_after: None }
    }
}

/// What to do about a request that has no good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It was not done: send it again.
    Again,
    /// It was done or not: look, and send it again if it was not.
    LookThenAgain,
    /// It was a read that crashed, or that something else answered: send it again a few times, since that may pass or not.
    Briefly,
    /// It was done or not: look. Sending it again would end the same way.
    Look,
    /// It was not done, and would not be.
    Stop,
}

/// What to do about a request of this method that ended so.
pub(super) fn next(method: &Method, error: &ControllerError) -> Next {
    let writes = *method != Method::GET;
    match error {
        ControllerError::Status { status, .. } | ControllerError::NotJson { status, .. } => match (status, writes) {
            // Refused before it was looked at.
            (429, _) | (502..=504, false) => Next::Again,
            // What stands before the controller gave up waiting for it, perhaps.
            (502..=504, true) => Next::LookThenAgain,
            // The database takes back what a crash left half done; what answers with a page of HTML may be anything.
            (200..=299 | 500..=599, true) => Next::Look,
            (200..=299 | 500..=599, false) => Next::Briefly,
            _ => Next::Stop,
        },
        ControllerError::Timeout { .. } | ControllerError::Broken { .. } if writes => Next::LookThenAgain,
        // A connection that never was carried nothing.
        ControllerError::Connect { .. } | ControllerError::Timeout { .. } | ControllerError::Broken { .. } => Next::Again,
        ControllerError::Unexpected { .. } | ControllerError::TooLarge { .. } if writes => Next::Look,
        _ => Next::Stop,
    }
}

/// Pauses for all requests of one client: the settings, what ends them, and when people last heard of one.
pub(super) struct Pauses {
    retry: Retry,
    hurry: CancellationToken,
    told: Mutex<Option<Instant>>,
    answered: Mutex<bool>,
}

impl Pauses {
    pub(super) fn new(retry: Retry) -> Self {
        Self { retry, hurry: CancellationToken::new(), told: Mutex::default(), answered: Mutex::default() }
    }

    /// What ends all pauses, those to come too: nothing is tried again.
    pub(super) fn hurry(&self) -> &CancellationToken {
        &self.hurry
    }

    /// Something answered, so that the address is right.
    pub(super) fn answered(&self) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    fn timeout(&self) -> Duration {
        let answered = *self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if answered { self.retry.timeout } else { self.retry.timeout.min(FIRST_CONTACT) }
    }

    /// The pauses of one request.
    pub(super) fn of_request(&self) -> Patience<'_> {
        let pauses = ExponentialBuilder::new()
            .with_min_delay(self.retry.first_pause)
            .with_max_delay(self.retry.longest_pause)
            .with_jitter()
            .without_max_times()
            .build();
        Patience { all: self, pauses, since: None, tried: 0 }
    }

    /// Tells people something.
    pub(super) fn say(&self, text: &str) {
        (self.retry.notice)(text);
    }

    /// Tells people of a pause, but not of each of ten that run beside each other.
    fn tell(&self, pause: Duration, error: &ControllerError, left: Duration) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if pause < LONG || told.is_some_and(|told| told.elapsed() < LONG) {
            return;
        }
        *told = Some(Instant::now());
        self.say(&format!("{error} (trying again in {} s, for at most {} s)", pause.as_secs(), left.as_secs()));
    }
}

/// How often a read is sent in all that fails as if it would always do so.
const BRIEFLY: usize = 3;

/// How long one request is still tried.
pub(super) struct Patience<'p> {
    all: &'p Pauses,
    pauses: ExponentialBackoff,
    since: Option<Instant>,
    /// How many tries went so far, but for the one that is under way.
    tried: usize,
}

impl Patience<'_> {
    /// Waits before another try of what may fail for ever; false if there is none.
    pub(super) async fn wait_briefly(&mut self, miss: &Miss) -> bool {
        self.tried += 1;
        self.tried < BRIEFLY && self.wait(miss).await
    }

    /// Waits before another try; false if there is none.
    pub(super) async fn wait(&mut self, miss: &Miss) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        let pause = self.pauses.next().unwrap_or(self.all.retry.longest_pause).max(miss.retry_after.unwrap_or_default());
        let left = self.all.timeout().saturating_sub(since.elapsed());
        if pause > left || self.all.hurry.is_cancelled() {
            return false;
        }
        self.all.tell(pause, &miss.error, left);
        tokio::select! {
            () = sleep(pause) => true,
            () = self.all.hurry.cancelled() => false,
        }
    }

    /// The error of a request that was tried for a while, with how long that was.
    pub(super) fn gave_up(&self, error: ControllerError) -> ControllerError {
        let tried = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        // To the nearest second: the last pause is left out where it would end too late.
        let seconds = (tried + Duration::from_millis(500)).as_secs();
        if seconds > 0 && !self.all.hurry.is_cancelled() { ControllerError::GaveUp { error: Box::new(error), seconds } } else { error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_again() {
        let (method, path) = (String::new(), String::new());
        let status = |status| ControllerError::Status { method: method.clone(), path: path.clone(), status, words: String::new() };
        let html = |status| ControllerError::NotJson { method: method.clone(), path: path.clone(), status, first_line: String::new() };
        let broken = ControllerError::Broken { method: method.clone(), path: path.clone(), cause: String::new() };
        let late = ControllerError::Timeout { method: method.clone(), path: path.clone(), seconds: 60 };
        let odd = ControllerError::Unexpected { method: method.clone(), path: path.clone(), what: String::new() };
        let connect = ControllerError::Connect { url: String::new(), cause: String::new() };
        for (error, read, write) in [
            (status(400), Next::Stop, Next::Stop),
            (status(401), Next::Stop, Next::Stop),
            (status(404), Next::Stop, Next::Stop),
            (status(429), Next::Again, Next::Again),
            (status(500), Next::Briefly, Next::Look),
            (status(502), Next::Again, Next::LookThenAgain),
            (status(503), Next::Again, Next::LookThenAgain),
            (html(504), Next::Again, Next::LookThenAgain),
            (html(200), Next::Briefly, Next::Look),
            (html(404), Next::Stop, Next::Stop),
            (broken, Next::Again, Next::LookThenAgain),
            (late, Next::Again, Next::LookThenAgain),
            (odd, Next::Stop, Next::Look),
            (connect, Next::Again, Next::Again),
        ] {
            assert_eq!((next(&Method::GET, &error), next(&Method::PATCH, &error)), (read, write), "{error}");
            assert_eq!(next(&Method::POST, &error), write, "{error}");
        }
    }
}
