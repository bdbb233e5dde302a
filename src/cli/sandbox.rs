//! `meshform sandbox`: serves a simulated controller until it is interrupted.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, output::Output, seconds};
use crate::sandbox::{Costs, Dialect, Fault, Jobs, Links, Server, Settings};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to listen; port 0 takes a free one. The first line on stdout says which
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How `peers` are spoken of: addresses as AWX 24.6, hostnames as AWX 23.7
    #[arg(long, value_parser = dialect, default_value = "addresses")]
    dialect: Dialect,
    /// Keep what is stored in this file
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// How long a removed instance stays
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "0")]
    removal_delay: Duration,
    /// Let N jobs run on a node, until so many seconds after the start or without an end: a removal waits for them. Can be
    /// repeated
    #[arg(long, value_name = "HOSTNAME=N[,SECONDS]")]
    jobs: Vec<Jobs>,
    /// Answer each request that much later
    #[arg(long, value_name = "MILLISECONDS", default_value = "0")]
    latency: u64,
    /// Take as long as a real controller for rows of instances, passwords and writes
    #[arg(long, value_enum, default_value = "none")]
    cost_model: CostModel,
    /// What an instance in a list costs, whatever the model says
    #[arg(long, value_name = "MILLISECONDS")]
    cost_row: Option<u64>,
    /// What a password costs that is checked: basic authentication checks one with every request
    #[arg(long, value_name = "MILLISECONDS")]
    cost_password: Option<u64>,
    /// What a write of an instance costs; they are done one after the other
    #[arg(long, value_name = "MILLISECONDS")]
    cost_write: Option<u64>,
    /// Let requests fail, such as `503:5%`, `reset-after:#3:POST` or `silence:1%:writes/api/v2/instances/`. Can be repeated;
    /// the README has the table
    #[arg(long = "fault", value_name = "WHAT:HOW_OFTEN[:WHICH]")]
    faults: Vec<Fault>,
    /// What the shares of --fault are drawn from: another seed lets other requests fail
    #[arg(long, value_name = "N", default_value = "0")]
    seed: u64,
    /// When links are made: established, adding (never), or after:SECONDS
    #[arg(long, value_parser = links, default_value = "established")]
    links: Links,
    /// Have a mesh ingress with its two addresses
    #[arg(long)]
    ingress: bool,
    /// Stand behind the gateway of AAP 2.5 and later: the API lies below /api/controller/, tokens are the gateway's
    #[arg(long)]
    gateway: bool,
    /// Whether the activity stream records who changed what
    #[arg(long, value_enum, default_value = "on")]
    activity_stream: ActivityStream,
    /// Be installed on a host in place of Kubernetes: creates, peers and states are refused
    #[arg(long)]
    on_host: bool,
    /// The administrator's name
    #[arg(long, default_value = "admin")]
    username: String,
    /// The administrator's password; this sandbox alone has it
    #[arg(long, default_value = "password")]
    password: String,
    /// Write a line for each request to stderr
    #[arg(long, value_enum)]
    log: Option<Log>,
}

/// Whose time is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CostModel {
    /// Nobody's: everything is answered at once
    None,
    /// AWX's, on two cores: 20 ms an instance that is listed, 200 ms a password, 75 ms a write
    Awx,
}

/// Whether changes are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ActivityStream {
    /// As controllers do unless told otherwise
    On,
    /// Nothing is recorded, and the settings say so
    Off,
}

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Log {
    /// Each request: method, path with query, status, milliseconds, `password` where one was checked, and the fault that struck it
    Requests,
}

pub(super) async fn run(args: Args, output: Output) -> anyhow::Result<Exit> {
    let costs = costs(&args);
    let settings = Settings {
        dialect: args.dialect,
        links: args.links,
        removal_delay: args.removal_delay,
        jobs: args.jobs,
        latency: Duration::from_millis(args.latency),
        costs,
        faults: args.faults,
        seed: args.seed,
        ingress: args.ingress,
        gateway: args.gateway,
        without_sessions: false,
        without_tokens: false,
        without_activity_stream: args.activity_stream == ActivityStream::Off,
        on_host: args.on_host,
        username: args.username,
        password: args.password,
        state: args.state,
        log_requests: args.log.is_some(),
    };
    let server = Server::start(args.listen, settings)?;
    // Before the line by which others know that they may begin, and end.
    let (mut interrupted, mut terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    output.report(&format!("listening on {}\n", server.url()))?;
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    server.stop()?;
    Ok(Exit::Done)
}

fn costs(args: &Args) -> Costs {
    let model = match args.cost_model {
        CostModel::None => Costs::default(),
        CostModel::Awx => Costs::awx(),
    };
    let or = |given: Option<u64>, model| given.map_or(model, Duration::from_millis);
    Costs { row: or(args.cost_row, model.row), password: or(args.cost_password, model.password), write: or(args.cost_write, model.write) }
}

fn dialect(text: &str) -> Result<Dialect, String> {
    text.parse()
}

fn links(text: &str) -> Result<Links, String> {
    match (text, text.strip_prefix("after:")) {
        ("established", _) => Ok(Links::Established),
        ("adding", _) => Ok(Links::Adding),
        (_, Some(delay)) => seconds(delay).map(Links::After),
        _ => Err("established, adding or after:SECONDS".to_owned()),
    }
}
