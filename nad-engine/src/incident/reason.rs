//! Why, in one plain sentence.

use super::{Deviation, SubjectState};
use crate::{
    context::{Origin, known::Usual, service_pair::ServicePairState},
    features::Feature,
    model::Evidence,
    presentation,
};

/// Says why a deviation is one, by what isolates it: who did what to whom, against what is usual.
pub fn reason(deviation: &Deviation, evidence: &[Evidence]) -> String {
    let said: Vec<&Evidence> =
        evidence.iter().filter(|evidence| !evidence.feature.phrase.is_empty()).collect();
    let beyond = |evidence: &&&Evidence| evidence.value > evidence.baseline.1;
    let remarkable = |evidence: &&&Evidence| evidence.value > evidence.feature.ordinary * 1.001;
    let main = said.iter().find(beyond).or(said.iter().find(remarkable)).or(said.first());
    let Some(main) = main else { return "an unusual combination of features".into() };
    let subject = deviation.subject.borrowed();
    let mut sentence = format!("{} {}", subject.name(), phrase(main.feature, main.value));
    sentence += &subject.other_side();
    sentence += &against(deviation, main);
    if let Some(second) =
        said.iter().filter(beyond).find(|evidence| evidence.feature.name != main.feature.name)
    {
        sentence += &format!(", and {}{}", phrase(second.feature, second.value), against(deviation, second));
    }
    if let SubjectState::ServicePair(pair) = &deviation.subject {
        sentence += novelty(pair);
        if pair.calls_back() {
            sentence += &format!("; {} had just turned to it for the first time", pair.server);
        }
    }
    sentence + &origin(deviation)
}

/// Whether somebody else may have sent it, and from where it came.
fn origin(deviation: &Deviation) -> String {
    let Some(source) = deviation.subject.borrowed().parties().source else { return String::new() };
    if source.is_mac() {
        return "; its packets have addresses of others, or of more hosts than there is room for".into();
    }
    match deviation.origin {
        Origin { is_verified: true, .. } => String::new(),
        // A router's MAC address says nothing of who is behind it.
        Origin { mac: Some(mac), .. } if !source.is_global() => {
            format!("; {source} may be forged, its packets came from {}", presentation::mac(mac))
        }
        Origin { .. } => format!("; {source} may be forged"),
    }
}

/// What is usual, for the service where that is known, else in the baseline.
fn against(deviation: &Deviation, evidence: &Evidence) -> String {
    let describe = |value: f32| evidence.feature.describe(evidence.feature.scaled(value));
    if let SubjectState::ServicePair(pair) = &deviation.subject {
        let Usual { opened_10, turns_10, up_60, down_60 } = pair.usual;
        let usual = match evidence.feature.name {
            "connections" => Some(opened_10),
            "requests" => Some(turns_10),
            "bytes uploaded" | "bytes uploaded outside" => Some(up_60),
            "bytes fetched" => Some(down_60),
            _ => None,
        };
        if let Some(usual) = usual {
            return format!(" (usual there: at most {})", evidence.feature.describe_raw(usual));
        }
    }
    format!(" (baseline: at most {})", describe(evidence.baseline.1))
}

fn novelty(pair: &ServicePairState) -> &'static str {
    match pair.novelty() as u8 {
        0 => "",
        1 => "; this client had not used that service before",
        2 => "; nobody had used that port of it before",
        3 => "; nobody had used that server before",
        4 => "; neither that server nor that port had been used before",
        _ => "; no client from outside had used that service before",
    }
}

fn phrase(feature: &Feature, value: f32) -> String {
    feature.phrase.replace("{}", &feature.describe(feature.scaled(value)))
}

#[cfg(test)]
mod tests;
