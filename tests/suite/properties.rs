//! The planner and the executor together, over real HTTP: random pairs of meshes against the simulated controllers, which know
//! nothing of the planner.

use std::{
    cell::Cell,
    net::{Ipv4Addr, SocketAddr},
};

use meshform::{
    apply::apply,
    controller::{Client, Credentials, Secret, Settings},
    mesh::{self, BaseUrl, DeclaredMesh},
    plan::plan,
    sandbox::{self, Server},
};
use proptest::{prelude::*, test_runner::TestRunner};

use super::{
    harness::{DIALECTS, block_on},
    laws::{declare, mesh},
};

/// Plans and applies; `None` where the plan refuses. Every step has to be done, and nothing is left to do afterwards.
async fn brought_to(client: &Client, declared: &DeclaredMesh) -> Option<()> {
    let capabilities = client.server().capabilities;
    let live = client.read().await.expect("the mesh can be read");
    let wanted = plan(declared, &live, capabilities);
    if !wanted.refused.is_empty() {
        return None;
    }
    let outcome = apply(&wanted.steps, client, 10, |_| {}).await;
    assert!(outcome.is_success(), "{outcome:?} in {wanted:#?}");
    let live = client.read().await.expect("the mesh can be read");
    let left = plan(declared, &live, capabilities);
    assert!(left.is_empty(), "{left:#?} is left of {wanted:#?}");
    Some(())
}

#[test]
fn what_is_planned_is_accepted_and_converges() {
    for dialect in DIALECTS {
        let model = match dialect {
            sandbox::Dialect::Addresses => mesh::Dialect::Addresses,
            sandbox::Dialect::Hostnames => mesh::Dialect::Hostnames,
        };
        let moved = Cell::new(0);
        let mut runner = TestRunner::new(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() });
        let law = |(before, mut after): (super::laws::Mesh, super::laws::Mesh)| {
            after.extend(
                before
                    .iter()
                    .filter(|(name, _)| !after.contains_key(*name))
                    .map(|(name, node)| (name.clone(), node.clone()))
                    .collect::<Vec<_>>(),
            );
            let settings = sandbox::Settings { dialect, ..sandbox::Settings::default() };
            let server = Server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), settings).expect("a free port");
            let settings = Settings {
                url: BaseUrl::parse(&server.url()).expect("a URL"),
                credentials: Credentials::Basic { username: "admin".into(), password: Secret::new("password") },
                verify: true,
                ca_cert: None,
                timeout: std::time::Duration::from_mins(1),
            };
            block_on(async {
                let client = Client::connect(settings).await.expect("the sandbox answers");
                if brought_to(&client, &declare(&before)).await.is_some() && brought_to(&client, &declare(&after)).await.is_some() {
                    moved.set(moved.get() + 1);
                }
            });
            let refused: Vec<_> = server.journal().into_iter().filter(|e| e.status >= 400).collect();
            prop_assert!(refused.is_empty(), "{refused:?}");
            Ok(())
        };
        runner.run(&(mesh(model), mesh(model)), law).unwrap_or_else(|error| panic!("{error}"));
        // Otherwise the law would hold of next to nothing.
        assert!(moved.get() > 25, "{} of 100 pairs were applied", moved.get());
    }
}
