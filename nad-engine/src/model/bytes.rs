//! Models as bytes.
//!
//! As [`sealed`](crate::sealed) has it. Head and body (a [`Model`]) are in the postcard format. The head holds
//! the feature schema, so that a model of other features is refused before its forest is read.

use serde::{Deserialize, Serialize};

use super::{Model, Training, TrainingWindow, ViewModel, schema};
use crate::{context::known::KnownSnapshot, sealed::Format};

const FORMAT: Format = Format { magic: b"NADMODEL", version: 9, name: "model", remedy: "train again" };

#[derive(Serialize, Deserialize)]
struct Head {
    features: Vec<String>,
}

impl Model {
    /// The model as it is in a file.
    ///
    /// # Errors
    ///
    /// When it can't be put into bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        encode(self).map_err(|error| error.to_string())
    }

    /// The model as it would be in a file without known services, for whoever has those as of now.
    ///
    /// # Errors
    ///
    /// As for [`Self::to_bytes`].
    pub(crate) fn to_bytes_without_known(&self) -> Result<Vec<u8>, String> {
        let Self { window, training, decisions_per_second, set_aside, views, known } = self;
        let (decisions_per_second, set_aside) = (*decisions_per_second, *set_aside);
        let known = known.without_entries();
        let bare = With { window, training, decisions_per_second, set_aside, views, known };
        encode(&bare).map_err(|error| error.to_string())
    }

    /// A model from the bytes of a file.
    ///
    /// # Errors
    ///
    /// Why it is refused: the bytes are something else, damaged, or of another version or other features, or what they say
    /// makes no sense.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        decode(bytes)
    }
}

fn encode(model: &impl Serialize) -> Result<Vec<u8>, postcard::Error> {
    let head = postcard::to_allocvec(&Head { features: schema() })?;
    FORMAT.seal(&head, |bytes| postcard::to_extend(model, bytes))
}

/// A [`Model`] with other known services than its own.
#[derive(Serialize)]
struct With<'a> {
    window: &'a TrainingWindow,
    training: &'a Training,
    decisions_per_second: f64,
    set_aside: u64,
    views: &'a [ViewModel],
    known: KnownSnapshot,
}

fn decode(bytes: &[u8]) -> Result<Model, String> {
    let (head, body) = FORMAT.open(bytes)?;
    let head: Head =
        postcard::from_bytes(head).map_err(|error| format!("its head is unreadable ({error})"))?;
    compare_schema(&head.features)?;
    let (model, rest): (Model, _) =
        postcard::take_from_bytes(body).map_err(|error| format!("its body is unreadable ({error})"))?;
    if !rest.is_empty() {
        return Err(format!("its body has {} bytes too many", rest.len()));
    }
    model.check()?;
    Ok(model)
}

fn compare_schema(found: &[String]) -> Result<(), String> {
    let expected = schema();
    if let Some((place, (found, expected))) =
        found.iter().zip(&expected).enumerate().find(|(_, (found, expected))| found != expected)
    {
        return Err(format!("its feature {place} is \"{found}\", and this nad's is \"{expected}\""));
    }
    if found.len() != expected.len() {
        return Err(format!("it has {} features, and this nad has {}", found.len(), expected.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::{
        features::View,
        model::example,
        sealed::{CHECKSUM, PREAMBLE},
    };

    fn model() -> Model {
        example::model(None)
    }

    #[test]
    fn a_model_from_its_bytes_is_the_same_model() {
        let model = model();
        assert_eq!(Model::from_bytes(&model.to_bytes().unwrap()).unwrap(), model);
    }

    #[test]
    fn a_model_without_known_services_is_otherwise_the_same() {
        let model = model();
        let bare = Model::from_bytes(&model.to_bytes_without_known().unwrap()).unwrap();
        assert_eq!(bare, Model { known: model.known.without_entries(), ..model });
    }

    #[test]
    fn a_changed_byte_anywhere_is_refused() {
        let bytes = encode(&model()).unwrap();
        for at in (0..bytes.len()).step_by(7).chain(0..PREAMBLE) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x20;
            let error = decode(&damaged).unwrap_err();
            assert!(
                at < PREAMBLE || error == "its checksum is wrong, so it is damaged",
                "byte {at}: {error}"
            );
        }
    }

    #[test]
    fn a_changed_byte_under_a_right_checksum_is_refused_or_does_no_harm() {
        let whole = encode(&model()).unwrap();
        let end = whole.len() - CHECKSUM;
        let mut refused = 0;
        let places: Vec<usize> = (PREAMBLE..end).step_by((end - PREAMBLE) / 300).collect();
        for at in &places {
            let mut bytes = whole.clone();
            bytes[*at] ^= 0x41;
            let checksum = Sha256::digest(&bytes[..end]);
            bytes[end..].copy_from_slice(&checksum);
            let Ok(model) = decode(&bytes) else {
                refused += 1;
                continue;
            };
            model.view(View::Packet).compile();
            for view in View::ALL {
                let part = model.view(view);
                let mut scorer = part.scorer();
                for value in [0.0, 3.0, 1e9, f32::NAN] {
                    let vector = vec![value; view.features().len()];
                    let judgement = part.judge(&vector, &mut scorer);
                    assert!((0.0..=1.0).contains(&judgement.score), "byte {at}: {judgement:?}");
                    assert!((0.0..=1.0).contains(&judgement.probability), "byte {at}: {judgement:?}");
                    part.explain(view, &vector);
                }
                assert!(!part.threshold(1e-9).is_nan(), "byte {at}");
            }
        }
        assert!(refused > places.len() / 4, "{refused} of {}", places.len());
    }

    #[test]
    fn what_comes_after_a_model_is_refused() {
        let whole = encode(&model()).unwrap();
        let mut bytes = whole[..whole.len() - CHECKSUM].to_vec();
        bytes.push(0);
        let length = u64::from_le_bytes(std::array::from_fn(|i| bytes[16 + i])) + 1;
        bytes[16..24].copy_from_slice(&length.to_le_bytes());
        let checksum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&checksum);
        assert_eq!(decode(&bytes).unwrap_err(), "its body has 1 bytes too many");
    }

    #[test]
    fn a_cut_file_is_refused_at_every_length() {
        let bytes = encode(&model()).unwrap();
        for length in (0..bytes.len()).step_by(11).chain(0..=PREAMBLE) {
            assert!(decode(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn another_schema_is_refused_with_the_feature_that_differs() {
        let mut features = schema();
        features[2] = "moon/phase".into();
        assert_eq!(
            compare_schema(&features).unwrap_err(),
            "its feature 2 is \"moon/phase\", and this nad's is \"packet/network protocol\""
        );
        assert!(compare_schema(&schema()[1..]).is_err());
        assert!(compare_schema(&schema()).is_ok());
    }
}
