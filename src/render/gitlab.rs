//! A plan as GitLab's report of a terraform plan: three figures beside a merge request.

use serde::Serialize;

use crate::plan::Plan;

#[derive(Serialize)]
struct Document {
    create: usize,
    update: usize,
    delete: usize,
}

/// The figures, ending with a line break. What is made again is deleted and created.
pub fn plan(plan: &Plan) -> String {
    let summary = plan.summary;
    let document = Document { create: summary.create + summary.replace, update: summary.update, delete: summary.remove + summary.replace };
    serde_json::to_string(&document).expect("numbers are JSON") + "\n"
}
