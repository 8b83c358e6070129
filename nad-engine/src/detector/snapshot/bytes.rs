//! Snapshots as bytes, as [`sealed`](crate::sealed) has it. Head and body are in the postcard format. The head holds how large
//! entries of tables are, so that those of another layout are refused before any is read.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Snapshot;
use crate::{
    context::ContextState, incident::SubjectState, incident::tracker::TrackerState, model::Model,
    names::NamesState, policy::Policy, sealed::Format, time::TimelineState,
};

/// The version goes up with each change of what is kept.
const FORMAT: Format =
    Format { magic: b"NADSTATE", version: 1, name: "state", remedy: "what was learnt is learnt anew" };

#[derive(Serialize, Deserialize)]
struct Head {
    layout: Vec<u32>,
}

#[derive(Serialize)]
struct Written<'a> {
    clock: &'a TimelineState,
    policy: &'a Policy,
    tracker: &'a TrackerState,
    context: &'a ContextState,
    names: &'a Option<NamesState>,
    source: &'a str,
    model: &'a [u8],
}

#[derive(Deserialize)]
struct Read<'a> {
    clock: TimelineState,
    policy: Policy,
    tracker: TrackerState,
    context: ContextState,
    names: Option<NamesState>,
    source: String,
    model: &'a [u8],
}

impl Snapshot {
    /// The snapshot as it is in a file.
    ///
    /// # Errors
    ///
    /// When it can't be put into bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        // What is known is in the context, as of now.
        let model = self.model.to_bytes_without_known()?;
        let Self { clock, policy, tracker, context, names, source, .. } = self;
        let written = Written { clock, policy, tracker, context, names, source, model: &model };
        let encode = || -> Result<Vec<u8>, postcard::Error> {
            let head = postcard::to_allocvec(&Head { layout: layout() })?;
            FORMAT.seal(&head, |bytes| postcard::to_extend(&written, bytes))
        };
        encode().map_err(|error| error.to_string())
    }

    /// A snapshot from the bytes of a file.
    ///
    /// # Errors
    ///
    /// Why it is refused: the bytes are something else, damaged, or of another version or another layout, or what they say makes
    /// no sense.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let (head, body) = FORMAT.open(bytes)?;
        let head: Head =
            postcard::from_bytes(head).map_err(|error| format!("its head is unreadable ({error})"))?;
        if head.layout != layout() {
            return Err(format!("it is of another layout than this nad's: {}", FORMAT.remedy));
        }
        let (read, rest): (Read<'_>, _) =
            postcard::take_from_bytes(body).map_err(|error| format!("its body is unreadable ({error})"))?;
        if !rest.is_empty() {
            return Err(format!("its body has {} bytes too many", rest.len()));
        }
        let model = Model::from_bytes(read.model).map_err(|reason| format!("of its model, {reason}"))?;
        let Read { clock, policy, tracker, context, names, source, .. } = read;
        let snapshot = Self { clock, model: Arc::new(model), policy, tracker, context, names, source };
        snapshot.check()?;
        Ok(snapshot)
    }
}

/// Bytes of what incidents are about, which are kept as they lie in memory. Tables say their own.
fn layout() -> Vec<u32> {
    SubjectState::sizes().map(|size| size as u32).collect()
}
