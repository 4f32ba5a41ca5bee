//! Why a template is as it is, in plain words.

use apiscope_audit::inventory::{TemplateReason, Why};
use serde::{Deserialize, Serialize};

/// What decided on a template, and what was counted there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonView {
    /// A sentence.
    pub why: String,
    /// Different values seen of the variable that is least sure, at least; 0 where none was counted since the agent started.
    pub values: u32,
    /// Calls there, and below.
    pub calls: u32,
    /// Names beside it.
    pub siblings: u32,
    /// Endpoints and places right below it, which its values share.
    pub below: u32,
}

impl ReasonView {
    /// Of a template.
    pub fn of(reason: TemplateReason) -> Self {
        let TemplateReason { why, values, calls, siblings, below } = reason;
        let why = match why {
            Why::Name => "nothing seen says that a segment is a value",
            Why::Few => "siblings are alike, but too few calls were seen to say that they are values",
            Why::Shape => {
                "by its form it is a value: a number, an id, a date or the like, or made as the ids beside it"
            }
            Why::Novel => "so many different values were seen but once that there must be many more",
            Why::Quiet => "its values are each called far less than the API's other endpoints",
            Why::Shared => "the same names come below each of its values",
            Why::Answers => "all its values are answered in one form that few other endpoints have",
            Why::Format => "the same is served in several formats",
            Why::File => "static files of one type: all of them in this folder are one endpoint",
            Why::Bound => "there is no room for more names at this place",
            Why::Kept => "it was learnt before the agent started",
            Why::Pinned => "the configuration says so ([[api]] templates, literal)",
            Why::Documented => "the API's document says so",
        };
        Self { why: why.to_owned(), values, calls, siblings, below }
    }
}
