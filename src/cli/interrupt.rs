//! SIGINT, SIGTERM and SIGHUP while steps run: the first lets what is under way end, the second leaves at once.

use std::{fs, io, sync::OnceLock};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Exit;

/// The signals, from now on this program's own business.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// The terminal is gone: as good as being told to end. It counts as a first signal alone, since shell and kernel send it both;
    /// `None` once there was one, and where it is ignored, as below `nohup`.
    hangup: Option<Signal>,
}

/// Whether SIGHUP was ignored when the program began, since listening ends that.
static IGNORES_HANGUP: OnceLock<bool> = OnceLock::new();

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        let hangup = if *IGNORES_HANGUP.get_or_init(ignores_hangup) { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { hangup, ..Self::of_people()? })
    }

    /// Those that somebody sends who is waiting.
    pub(super) fn of_people() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())?, hangup: None })
    }

    /// The exit code of the next one.
    pub(super) async fn next(&mut self) -> Exit {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        let exit = tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
            _ = hangup => Exit::Terminated,
        };
        self.hangup = None;
        exit
    }
}

/// Linux tells it; elsewhere it is taken for not ignored.
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The lowest bit is signal 1.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
