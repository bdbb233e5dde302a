//! Faults: what goes wrong between a client and its controller, how often, and for which requests. Whether one strikes
//! depends on the seed and on how many requests it matched before, on nothing else, so that a run can be repeated.

use std::str::FromStr;

use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::answer::Answer;

/// Something that goes wrong now and then, written as `WHAT:HOW_OFTEN[:WHICH]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    what: What,
    /// In seconds.
    retry_after: Option<u64>,
    how_often: HowOften,
    which: Which,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Status(u16),
    ResetBefore,
    ResetAfter,
    Truncated,
    Html,
    HtmlOk,
    Silence,
    SilenceAfter,
}

const WHATS: [(&str, What); 12] = [
    ("429", What::Status(429)),
    ("500", What::Status(500)),
    ("502", What::Status(502)),
    ("503", What::Status(503)),
    ("504", What::Status(504)),
    ("reset-before", What::ResetBefore),
    ("reset-after", What::ResetAfter),
    ("truncated", What::Truncated),
    ("html", What::Html),
    ("html-200", What::HtmlOk),
    ("silence", What::Silence),
    ("silence-after", What::SilenceAfter),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HowOften {
    /// Parts of 2^32.
    Share(u64),
    /// Only this one, counted from one.
    Only(u64),
}

/// All that is given has to fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Which {
    methods: Option<Methods>,
    /// How the path and its query begin.
    path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Methods {
    One(&'static str),
    Writes,
}

const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

/// How an answer reaches the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    /// Its head, and the first half of its body.
    Torn,
    /// Not at all: the connection breaks.
    Reset,
    /// Not at all: the connection stays as it is.
    Never,
}

impl Fault {
    /// As it is written, without what belongs to it.
    pub(super) fn name(&self) -> &'static str {
        WHATS.iter().find(|(_, what)| *what == self.what).map_or("", |(name, _)| name)
    }

    /// The answer of who stands in front of the controller, which then knows nothing of the request; `None` if it is asked.
    pub(super) fn instead(&self) -> Option<Answer> {
        let answer = match self.what {
            What::Status(status) => Answer::detail(status, reason(status)),
            What::Html => Answer::html(502, BAD_GATEWAY),
            What::HtmlOk => Answer::html(200, MAINTENANCE),
            What::ResetBefore | What::Silence => Answer::none(),
            What::ResetAfter | What::Truncated | What::SilenceAfter => return None,
        };
        Some(match self.retry_after {
            Some(seconds) => answer.with("retry-after", seconds.to_string()),
            None => answer,
        })
    }

    pub(super) fn delivery(&self) -> Delivery {
        match self.what {
            What::Status(_) | What::Html | What::HtmlOk => Delivery::Whole,
            What::Truncated => Delivery::Torn,
            What::ResetBefore | What::ResetAfter => Delivery::Reset,
            What::Silence | What::SilenceAfter => Delivery::Never,
        }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        429 => "Request was throttled.",
        500 => "A server error has occurred.",
        502 => "Bad gateway.",
        503 => "Service unavailable.",
        _ => "Gateway timeout.",
    }
}

/// As an ingress answers while the controller is restarted.
const BAD_GATEWAY: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n\
    <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
const MAINTENANCE: &str =
    "<!doctype html>\n<html lang=\"en\"><head><title>Maintenance</title></head><body><h1>We will be back soon</h1></body></html>\n";

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A path may have colons of its own.
        let mut parts = text.splitn(3, ':');
        let what = parts.next().unwrap_or_default();
        let how_often = parts
            .next()
            .ok_or_else(|| format!("`{text}` does not say how often; write WHAT:HOW_OFTEN[:WHICH], such as `503:5%:writes`"))?;
        let (what, retry_after) = read_what(what)?;
        let which = parts.next().map_or_else(|| Ok(Which::default()), read_which)?;
        Ok(Self { what, retry_after, how_often: read_how_often(how_often)?, which })
    }
}

fn read_what(text: &str) -> Result<(What, Option<u64>), String> {
    let (name, option) = text.split_once(',').map_or((text, None), |(name, option)| (name, Some(option)));
    let (_, what) = WHATS.iter().find(|(known, _)| *known == name).ok_or_else(|| {
        let known: Vec<&str> = WHATS.iter().map(|(name, _)| *name).collect();
        format!("`{name}` is no fault; use one of {}", known.join(", "))
    })?;
    let retry_after = match (option, what) {
        (None, What::Status(429)) => Some(1),
        (None, _) => None,
        (Some(option), What::Status(429 | 503)) => {
            let seconds = option.strip_prefix("retry-after=").and_then(|seconds| seconds.parse().ok());
            Some(seconds.ok_or_else(|| format!("`{option}` is nothing that `{name}` has; use `retry-after=SECONDS`"))?)
        }
        (Some(option), _) => {
            return Err(format!("`{name}` has no `{option}`; `429` and `503` alone have something, `retry-after=SECONDS`"));
        }
    };
    Ok((*what, retry_after))
}

fn read_how_often(text: &str) -> Result<HowOften, String> {
    let wrong = || {
        format!(
            "`{text}` does not say how often; use a share from 0% to 100%, such as `2.5%`, or `#3` for the third matching request alone"
        )
    };
    if let Some(number) = text.strip_prefix('#') {
        return number.parse().ok().filter(|number| *number > 0).map(HowOften::Only).ok_or_else(wrong);
    }
    let percent: Decimal = text.strip_suffix('%').and_then(|percent| percent.parse().ok()).ok_or_else(wrong)?;
    if percent.is_sign_negative() || percent > Decimal::ONE_HUNDRED {
        return Err(wrong());
    }
    let share = percent / Decimal::ONE_HUNDRED * Decimal::from(1_u64 << 32);
    share.to_u64().map(HowOften::Share).ok_or_else(wrong)
}

fn read_which(text: &str) -> Result<Which, String> {
    let (methods, path) = text.find('/').and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""));
    let methods = match methods {
        "" if !path.is_empty() => None,
        "writes" => Some(Methods::Writes),
        name => Some(METHODS.into_iter().find(|known| *known == name).map(Methods::One).ok_or_else(|| {
            format!(
                "`{text}` names no requests; use a method such as `POST`, `writes`, a path such as `/api/v2/instances/`, or both: \
                 `POST/api/v2/instances/`"
            )
        })?),
    };
    Ok(Which { methods, path: path.to_owned() })
}

impl Which {
    fn matches(&self, method: &str, target: &str) -> bool {
        let method = match self.methods {
            None => true,
            Some(Methods::One(wanted)) => method == wanted,
            Some(Methods::Writes) => !["GET", "HEAD", "OPTIONS"].contains(&method),
        };
        method && target.starts_with(&self.path)
    }
}

impl HowOften {
    /// Whether it strikes the `count`th request that it matches, counted from one.
    fn strikes(self, stream: u64, count: u64) -> bool {
        match self {
            Self::Share(share) => draw(stream, count) >> 32 < share,
            Self::Only(wanted) => count == wanted,
        }
    }
}

/// The `count`th number of a stream: splitmix64, whose state is a sum and needs no keeping.
fn draw(stream: u64, count: u64) -> u64 {
    let mut mixed = stream.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// The faults of a server, in their order, and how many requests each of them has matched.
#[derive(Debug)]
pub(super) struct Faults(Vec<Armed>);

#[derive(Debug)]
struct Armed {
    fault: Fault,
    stream: u64,
    matched: u64,
}

impl Faults {
    /// Each fault draws from a stream of its own, so that one more does not change when the others strike.
    pub(super) fn new(faults: &[Fault], seed: u64) -> Self {
        let armed = faults.iter().cloned().zip(1..).map(|(fault, number)| Armed { fault, stream: draw(seed, number), matched: 0 });
        Self(armed.collect())
    }

    /// The first fault that strikes a request. Every fault counts it, also those that come too late.
    pub(super) fn strike(&mut self, method: &str, target: &str) -> Option<&Fault> {
        let mut first = None;
        for Armed { fault, stream, matched } in &mut self.0 {
            if fault.which.matches(method, target) {
                *matched += 1;
                if fault.how_often.strikes(*stream, *matched) {
                    first = first.or(Some(&*fault));
                }
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::{super::answer::Body, Fault, Faults, WHATS, draw};

    fn faults(specs: &[&str], seed: u64) -> Faults {
        let faults: Vec<Fault> = specs.iter().map(|spec| spec.parse().expect("a fault")).collect();
        Faults::new(&faults, seed)
    }

    /// What strikes so many requests alike, a letter or a dot each: the first letter of the fault's name.
    fn struck(faults: &mut Faults, requests: &[(&str, &str)]) -> String {
        let letter = |fault: &Fault| fault.name().chars().last().expect("a name");
        requests.iter().map(|(method, path)| faults.strike(method, path).map_or('.', letter)).collect()
    }

    #[test]
    fn specs_that_are_wrong_are_told() {
        for (spec, wanted) in [
            ("503", "`503` does not say how often; write WHAT:HOW_OFTEN[:WHICH]"),
            ("", "`` does not say how often"),
            (
                "404:5%",
                "`404` is no fault; use one of 429, 500, 502, 503, 504, reset-before, reset-after, truncated, html, html-200, silence, \
                 silence-after",
            ),
            ("Silence:5%", "`Silence` is no fault"),
            ("500,retry-after=1:5%", "`500` has no `retry-after=1`; `429` and `503` alone"),
            ("429,retry-after=-1:5%", "`retry-after=-1` is nothing that `429` has; use `retry-after=SECONDS`"),
            ("429,after=1:5%", "`after=1` is nothing that `429` has"),
            ("503:5", "`5` does not say how often; use a share from 0% to 100%, such as `2.5%`, or `#3`"),
            ("503:101%", "`101%` does not say how often"),
            ("503:-1%", "`-1%` does not say how often"),
            ("503:%", "`%` does not say how often"),
            ("503:NaN%", "`NaN%` does not say how often"),
            ("503:#0", "`#0` does not say how often"),
            ("503:#-1", "`#-1` does not say how often"),
            ("503:#1:", "`` names no requests; use a method such as `POST`, `writes`, a path"),
            ("503:#1:post", "`post` names no requests"),
            ("503:#1:WRITES/api/", "`WRITES/api/` names no requests"),
        ] {
            let message = spec.parse::<Fault>().expect_err(spec);
            assert!(message.starts_with(wanted), "{spec}: {message}");
        }
    }

    #[test]
    fn a_fault_strikes_the_requests_that_it_is_for() {
        const REQUESTS: [(&str, &str); 8] = [
            ("GET", "/api/v2/instances/?page_size=200"),
            ("POST", "/api/v2/instances/"),
            ("HEAD", "/api/v2/"),
            ("OPTIONS", "/api/v2/instances/"),
            ("PATCH", "/api/v2/instances/7/"),
            ("DELETE", "/api/v2/tokens/1/"),
            ("PUT", "/api/v2/instances/2001:db8::1/"),
            ("GET", "/api/v2/ping/"),
        ];
        for (which, wanted) in [
            ("", "33333333"),
            (":GET", "3......3"),
            (":PATCH", "....3..."),
            (":writes", ".3..333."),
            (":/api/v2/instances/", "33.33.3."),
            (":/api/v2/instances/?page", "3......."),
            (":/api/v2/instances/2001:db8::1/", "......3."),
            (":writes/api/v2/instances/", ".3..3.3."),
            (":POST/api/v2/instances/", ".3......"),
        ] {
            assert_eq!(struck(&mut faults(&[&format!("503:100%{which}")], 0), &REQUESTS), wanted, "{which}");
            assert_eq!(struck(&mut faults(&[&format!("503:0%{which}")], 0), &REQUESTS), "........", "{which}");
        }
    }

    #[test]
    fn the_first_that_strikes_decides_and_every_one_counts() {
        const POSTS: [(&str, &str); 5] = [("POST", "/"); 5];
        for (specs, wanted) in [
            (["503:#1", "504:#2"], "34..."),
            (["503:#2", "504:#2"], ".3..."),
            (["503:100%", "504:#2"], "33333"),
            (["504:#2", "503:100%"], "34333"),
            (["503:#1:GET", "504:#5:POST"], "....4"),
        ] {
            assert_eq!(struck(&mut faults(&specs, 0), &POSTS), wanted, "{specs:?}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_faults() {
        let requests = vec![("GET", "/"); 4000];
        let run = |specs: &[&str], seed| struck(&mut faults(specs, seed), &requests);
        assert_eq!(run(&["503:5%"], 7), run(&["503:5%"], 7));
        assert_ne!(run(&["503:5%"], 7), run(&["503:5%"], 8), "the seed matters");
        for (spec, fewest, most) in [("503:5%", 150, 250), ("503:0.5%", 5, 40), ("503:50%", 1850, 2150), ("503:99.99%", 3990, 4000)] {
            let count = run(&[spec], 1).matches('3').count();
            assert!((fewest..=most).contains(&count), "{spec}: {count}");
        }
        let alone: Vec<usize> = run(&["503:5%"], 7).match_indices('3').map(|(at, _)| at).collect();
        let beside: Vec<usize> = run(&["503:5%", "504:5%"], 7).match_indices('3').map(|(at, _)| at).collect();
        assert_eq!(alone, beside, "one more fault does not move the others");
        assert_ne!(run(&["504:0%", "503:5%"], 7), run(&["503:5%"], 7), "each has a stream of its own");
        // The first numbers of splitmix64 for the seed 0, as its author gives them.
        assert_eq!([1, 2, 3].map(|count| draw(0, count)), [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }

    #[test]
    fn what_is_answered_instead() {
        for (what, status, retry_after) in [
            ("429", Some(429), Some("1")),
            ("429,retry-after=0", Some(429), Some("0")),
            ("500", Some(500), None),
            ("502", Some(502), None),
            ("503", Some(503), None),
            ("503,retry-after=120", Some(503), Some("120")),
            ("504", Some(504), None),
            ("reset-before", Some(0), None),
            ("reset-after", None, None),
            ("truncated", None, None),
            ("html", Some(502), None),
            ("html-200", Some(200), None),
            ("silence", Some(0), None),
            ("silence-after", None, None),
        ] {
            let fault: Fault = format!("{what}:#1").parse().expect(what);
            let answer = fault.instead();
            assert_eq!(answer.as_ref().map(|answer| answer.status), status, "{what}");
            let headers = answer.as_ref().map(|answer| answer.headers.clone()).unwrap_or_default();
            assert_eq!(
                headers.first().map(|(name, value)| (*name, value.as_str())),
                retry_after.map(|seconds| ("retry-after", seconds)),
                "{what}"
            );
            assert_eq!(matches!(answer.map(|answer| answer.body), Some(Body::Html(_))), what.starts_with("html"), "{what}");
            assert!(what.starts_with(fault.name()) && WHATS.iter().any(|(name, _)| *name == fault.name()), "{what}");
        }
    }
}
