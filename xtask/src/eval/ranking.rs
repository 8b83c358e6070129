//! How well scores rank the packets of attacks above the benign ones.

use anyhow::{Result, ensure};
use serde::Serialize;

use super::truth::{BENIGN, Labels};

/// Shares of the benign packets that may lie above a threshold.
pub(super) const FALSE_POSITIVE_RATES: [f64; 3] = [1e-2, 1e-3, 1e-4];

/// The quality of one file of scores. Every packet of an attack is a positive, responses included; a packet without
/// a score counts as lower than every score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Ranking {
    pub(super) packets: usize,
    pub(super) benign: usize,
    pub(super) positives: usize,
    pub(super) unscored: usize,
    /// `None` without positives.
    pub(super) roc_auc: Option<f64>,
    /// `None` without positives.
    pub(super) average_precision: Option<f64>,
    /// One for each of [`FALSE_POSITIVE_RATES`].
    pub(super) rates: Vec<Rate>,
    /// In the order of their first packets.
    pub(super) attacks: Vec<AttackRanking>,
}

/// What a threshold at one false-positive rate finds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Rate {
    pub(super) nominal: f64,
    /// The benign score that at most this share lies above.
    pub(super) threshold: f64,
    /// Share of the benign packets above the threshold: less than nominal where scores are tied.
    pub(super) real: f64,
    /// Share of the positives above the threshold.
    pub(super) recall: Option<f64>,
}

/// The same for one attack, against all benign packets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct AttackRanking {
    pub(super) attack: String,
    pub(super) attacker_packets: usize,
    pub(super) response_packets: usize,
    pub(super) roc_auc: f64,
    /// Percentage of the benign packets below the attack's highest score.
    pub(super) highest_percentile: f64,
    /// Share of the attacker's packets above the threshold at 1e-3; `None` where the attacker sent none.
    pub(super) attacker_recall: Option<f64>,
    /// Share of all packets above the threshold at 1e-4.
    pub(super) recall: f64,
    /// Seconds from the attacker's first packet to the first above the threshold at 1e-4.
    pub(super) delay_s: Option<f64>,
}

/// Ranks the packets that came `train_until` seconds or more after the first. `scores` has one for each packet; what is
/// not finite is no score.
pub(super) fn rank(labels: &Labels, scores: &[f64], train_until: f64) -> Result<Ranking> {
    let first = labels.times.first().copied().unwrap_or_default();
    let kept: Vec<usize> =
        (0..labels.times.len()).filter(|&i| labels.times[i] - first >= train_until).collect();
    let finite = || kept.iter().map(|&i| scores[i]).filter(|score| score.is_finite());
    let below_all = finite().reduce(f64::min).map_or(0.0, |least| least - 1.0);
    let packets: Vec<Packet> = kept
        .iter()
        .map(|&i| Packet {
            time: labels.times[i],
            score: if scores[i].is_finite() { scores[i] } else { below_all },
            attack: labels.attacks[i],
            from_attacker: labels.from_attacker[i],
        })
        .collect();
    let of_benign = packets.iter().filter(|packet| packet.attack == BENIGN).map(|packet| packet.score);
    let benign = Sorted::new(of_benign.collect());
    ensure!(
        benign.count() > 0,
        "no benign packet comes after the first {train_until} s: there is nothing to rank against"
    );

    let positives: Vec<f64> =
        packets.iter().filter(|packet| packet.attack != BENIGN).map(|packet| packet.score).collect();
    let rates = FALSE_POSITIVE_RATES.map(|nominal| {
        let threshold = benign.threshold(nominal);
        let recall = share(positives.iter(), |score| **score > threshold);
        Rate {
            nominal,
            threshold,
            real: (benign.count() - benign.not_above(threshold)) as f64 / benign.count() as f64,
            recall,
        }
    });
    let attacks = attacks(&packets)
        .into_iter()
        .map(|(number, packets)| {
            rank_attack(labels.name(number), &packets, &benign, rates[1].threshold, rates[2].threshold)
        })
        .collect();
    Ok(Ranking {
        packets: packets.len(),
        benign: benign.count(),
        positives: positives.len(),
        unscored: packets.len() - finite().count(),
        roc_auc: benign.auc(positives.iter().copied()),
        average_precision: average_precision(&packets),
        rates: rates.into(),
        attacks,
    })
}

impl Ranking {
    /// How many attacks have a packet above the threshold at 1e-4.
    pub(super) fn attacks_found(&self) -> usize {
        self.attacks.iter().filter(|attack| attack.delay_s.is_some()).count()
    }
}

#[derive(Debug, Clone, Copy)]
struct Packet {
    time: f64,
    score: f64,
    attack: u16,
    from_attacker: bool,
}

/// The packets of each attack, attacks in the order of their first packets.
fn attacks(packets: &[Packet]) -> Vec<(u16, Vec<Packet>)> {
    let mut attacks: Vec<(u16, Vec<Packet>)> = Vec::new();
    for packet in packets.iter().filter(|packet| packet.attack != BENIGN) {
        match attacks.iter_mut().find(|(number, _)| *number == packet.attack) {
            Some((_, packets)) => packets.push(*packet),
            None => attacks.push((packet.attack, vec![*packet])),
        }
    }
    attacks
}

fn rank_attack(name: &str, packets: &[Packet], benign: &Sorted, at_1e3: f64, at_1e4: f64) -> AttackRanking {
    let of_attacker = || packets.iter().filter(|packet| packet.from_attacker);
    let highest = packets.iter().map(|packet| packet.score).fold(f64::NEG_INFINITY, f64::max);
    let begin = of_attacker().next().or(packets.first()).map(|packet| packet.time);
    let found = packets.iter().find(|packet| packet.score > at_1e4).map(|packet| packet.time);
    AttackRanking {
        attack: name.to_owned(),
        attacker_packets: of_attacker().count(),
        response_packets: packets.len() - of_attacker().count(),
        roc_auc: benign.auc(packets.iter().map(|packet| packet.score)).unwrap_or_default(),
        highest_percentile: benign.below(highest) as f64 / benign.count() as f64 * 100.0,
        attacker_recall: share(of_attacker(), |packet| packet.score > at_1e3),
        recall: share(packets.iter(), |packet| packet.score > at_1e4).unwrap_or_default(),
        delay_s: found.zip(begin).map(|(found, begin)| found - begin),
    }
}

/// Scores of the benign packets, ascending.
struct Sorted(Vec<f64>);

impl Sorted {
    fn new(mut scores: Vec<f64>) -> Self {
        scores.sort_unstable_by(f64::total_cmp);
        Self(scores)
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn below(&self, score: f64) -> usize {
        self.0.partition_point(|benign| *benign < score)
    }

    fn not_above(&self, score: f64) -> usize {
        self.0.partition_point(|benign| *benign <= score)
    }

    /// The order statistic that at most this share of the scores lies above.
    fn threshold(&self, rate: f64) -> f64 {
        let place = (self.count() as f64 * (1.0 - rate)).ceil() as usize;
        self.0[place.saturating_sub(1).min(self.count() - 1)]
    }

    /// The probability that a positive lies above a benign score, where a tie is half a success: the area under the
    /// ROC curve.
    fn auc(&self, positives: impl Iterator<Item = f64>) -> Option<f64> {
        let (mut halves, mut count) = (0_u64, 0_u64);
        for score in positives {
            halves += (self.below(score) + self.not_above(score)) as u64;
            count += 1;
        }
        (count > 0).then(|| halves as f64 / 2.0 / self.count() as f64 / count as f64)
    }
}

/// The precision at each distinct score, weighted by the recall it adds: no interpolation.
fn average_precision(packets: &[Packet]) -> Option<f64> {
    let mut descending: Vec<(f64, bool)> =
        packets.iter().map(|packet| (packet.score, packet.attack != BENIGN)).collect();
    descending.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (mut found, mut seen, mut sum) = (0_usize, 0_usize, 0.0);
    for tied in descending.chunk_by(|a, b| a.0 == b.0) {
        let added = tied.iter().filter(|(_, positive)| *positive).count();
        (found, seen) = (found + added, seen + tied.len());
        sum += added as f64 * (found as f64 / seen as f64);
    }
    (found > 0).then(|| sum / found as f64)
}

/// The share of items that `is_hit`; `None` of none.
fn share<T>(items: impl Iterator<Item = T>, is_hit: impl Fn(&T) -> bool) -> Option<f64> {
    let (mut hits, mut count) = (0_usize, 0_usize);
    for item in items {
        hits += usize::from(is_hit(&item));
        count += 1;
    }
    (count > 0).then(|| hits as f64 / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: f64 = f64::NAN;

    fn ranking(rows: &[(f64, &str, &str, f64)], train_until: f64) -> Ranking {
        let labels: Vec<_> =
            rows.iter().map(|(time, attack, direction, _)| (*time, *attack, *direction)).collect();
        let scores: Vec<_> = rows.iter().map(|(.., score)| *score).collect();
        rank(&Labels::of(&labels), &scores, train_until).unwrap()
    }

    #[test]
    fn a_tie_is_half_a_success_and_one_step_of_precision() {
        let ranking = ranking(
            &[
                (0.0, "benign", "", 0.1),
                (1.0, "benign", "", 0.5),
                (2.0, "benign", "", 0.5),
                (3.0, "benign", "", 0.9),
                (4.0, "scan", "attacker", 0.5),
                (5.0, "scan", "response", 0.9),
            ],
            0.0,
        );
        // 0.5 lies above one of four and ties two: 2 of 4. 0.9 lies above three and ties one: 3.5 of 4.
        assert_eq!(ranking.roc_auc, Some((2.0 + 3.5) / 8.0));
        // At 0.9 one of two, at 0.5 two of five.
        assert_eq!(ranking.average_precision, Some((1.0 / 2.0 + 2.0 / 5.0) / 2.0));
    }

    #[test]
    fn a_packet_without_a_score_is_lower_than_every_score() {
        let ranking = ranking(
            &[
                (0.0, "benign", "", -7.0),
                (1.0, "benign", "", NONE),
                (2.0, "scan", "attacker", f64::INFINITY),
                (3.0, "scan", "attacker", 0.0),
            ],
            0.0,
        );
        assert_eq!(ranking.unscored, 2);
        // The unscored positive ties the unscored benign one and loses to the other; 0 wins over both.
        assert_eq!(ranking.roc_auc, Some((0.5 + 2.0) / 4.0));
        assert_eq!(ranking.attacks[0].highest_percentile, 100.0);
    }

    #[test]
    fn what_came_in_the_training_counts_for_nothing() {
        let rows = [
            (100.0, "benign", "", 9.0),
            (100.5, "old", "attacker", 9.0),
            (101.0, "benign", "", 0.0),
            (102.0, "scan", "attacker", 1.0),
        ];
        let ranking = ranking(&rows, 1.0);
        assert_eq!((ranking.packets, ranking.benign, ranking.positives), (2, 1, 1));
        assert_eq!((ranking.roc_auc, ranking.average_precision), (Some(1.0), Some(1.0)));
        let names: Vec<_> = ranking.attacks.iter().map(|attack| attack.attack.as_str()).collect();
        assert_eq!(names, ["scan"]);
    }

    #[test]
    fn a_threshold_is_the_order_statistic_and_found_is_strictly_above_it() {
        // Scores 1 to 1000: 1 % lie above 990, 0.1 % above 999, none above 1000.
        let mut rows: Vec<_> = (1..=1000).map(|i| (0.0, "benign", "", f64::from(i))).collect();
        rows.extend([
            (1.0, "scan", "response", 2000.0),
            (2.0, "scan", "attacker", 999.0),
            (3.0, "scan", "attacker", 999.5),
            (5.0, "scan", "attacker", 1001.0),
        ]);
        let ranking = ranking(&rows, 0.0);
        let thresholds: Vec<_> = ranking.rates.iter().map(|rate| rate.threshold).collect();
        assert_eq!(thresholds, [990.0, 999.0, 1000.0]);
        let real: Vec<_> = ranking.rates.iter().map(|rate| (rate.real * 1e6).round()).collect();
        assert_eq!(real, [10_000.0, 1000.0, 0.0]);
        let recall: Vec<_> = ranking.rates.iter().map(|rate| rate.recall).collect();
        assert_eq!(recall, [Some(1.0), Some(0.75), Some(0.5)]);
        let scan = &ranking.attacks[0];
        assert_eq!((scan.attacker_packets, scan.response_packets), (3, 1));
        assert_eq!((scan.attacker_recall, scan.recall), (Some(2.0 / 3.0), 0.5));
        assert_eq!(scan.delay_s, Some(-1.0), "the response is found before the attacker's first packet");
    }

    #[test]
    fn scores_that_are_all_the_same_find_nothing() {
        let ranking = ranking(
            &[(0.0, "benign", "", 0.5), (1.0, "benign", "", 0.5), (2.0, "scan", "attacker", 0.5)],
            0.0,
        );
        assert_eq!((ranking.roc_auc, ranking.average_precision), (Some(0.5), Some(1.0 / 3.0)));
        assert!(ranking.rates.iter().all(|rate| rate.recall == Some(0.0) && rate.real == 0.0));
        assert_eq!((ranking.attacks_found(), ranking.attacks[0].delay_s), (0, None));
    }

    #[test]
    fn without_attacks_there_are_thresholds_only_and_without_benign_packets_an_error() {
        let benign = ranking(&[(0.0, "benign", "", 0.5), (1.0, "benign", "", 0.7)], 0.0);
        assert_eq!((benign.roc_auc, benign.average_precision), (None, None));
        assert_eq!((benign.rates[0].threshold, benign.rates[0].recall), (0.7, None));
        assert!(rank(&Labels::of(&[(0.0, "scan", "attacker")]), &[0.5], 0.0).is_err());
    }
}
