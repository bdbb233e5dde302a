//! `meshform explain`: where each value of an instance comes from.

use std::path::PathBuf;

use super::{
    Exit, declared,
    error::Usage,
    format::{self, Format, Reports},
    output::Output,
};
use crate::{
    config,
    mesh::Hostname,
    render::{self, explain::View},
};

#[derive(Debug, clap::Args)]
#[command(mut_arg("wanted", |flag| format::help(flag, FORMS)))]
pub(super) struct Args {
    /// The instance
    #[arg(value_name = "HOST")]
    host: String,
    /// Files and folders that declare one mesh
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    reports: format::Args,
}

/// The forms in which an instance can be explained.
const FORMS: &[Format] = &[Format::Text, Format::Json];

pub(super) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let reports = args.reports.reports(FORMS, "explain", &args.paths)?;
    reports.told(output, explained(args, &reports, output))
}

fn explained(args: &Args, reports: &Reports, output: Output) -> anyhow::Result<Exit> {
    let loaded = declared::load(&args.paths, output)?;
    let hostname = args.host.parse::<Hostname>().ok();
    let known = hostname.and_then(|hostname| loaded.mesh.instances.get_key_value(&hostname));
    let Some((hostname, instance)) = known else { return Err(unknown(&args.host, &loaded).into()) };
    let fields = config::explain(&loaded, hostname).unwrap_or_default();
    let view = View { hostname, instance, declared: &loaded.mesh, fields: &fields };
    reports.write(output, |format| match format {
        Format::Json => render::explain_json::document(&view),
        _ => render::explain::text(&view),
    })?;
    Ok(Exit::Done)
}

fn unknown(host: &str, loaded: &config::Loaded) -> Usage {
    if loaded.is_external(host) {
        let message = format!("`{host}` is external: the controller alone knows it, so none of its values is declared here");
        return Usage { message, hint: "`meshform plan` says where the controller does not know it".to_owned() };
    }
    if host.contains(['*', '?', '[']) {
        return Usage { message: format!("`{host}` is a pattern"), hint: "give one hostname".to_owned() };
    }
    let hint = match config::nearest(host, loaded.mesh.instances.keys().map(Hostname::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "give a hostname as it is declared, ranges written out".to_owned(),
    };
    Usage { message: format!("`{host}` is not declared"), hint }
}
