//! Score files: `index,score`.

use std::path::Path;

use anyhow::Result;

use super::table::Table;

/// Reads a score for each of `packets`; NaN for those that have none. Of several for one packet the last counts, and
/// those for packets that the capture doesn't have are left out.
pub(super) fn read(path: &Path, packets: usize) -> Result<Vec<f64>> {
    let mut table = Table::open(path, &["index", "score"])?;
    let mut scores = vec![f64::NAN; packets];
    while let Some(row) = table.next()? {
        let index: i64 = row.number(0)?;
        let place = usize::try_from(index).ok().and_then(|index| scores.get_mut(index));
        if let Some(place) = place {
            *place = if row.text(1)?.is_empty() { f64::NAN } else { row.number(1)? };
        }
    }
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_last_score_of_a_packet_counts_and_strangers_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.csv");
        fs::write(&path, "index,score\n2,0.5\n0,0.25\n2,0.75\n9,1\n-1,1\n3,\n4,nan\n").unwrap();
        let scores = read(&path, 6).unwrap();
        assert_eq!((scores[0], scores[2]), (0.25, 0.75));
        assert!([1, 3, 4, 5].iter().all(|place| scores[*place].is_nan()), "{scores:?}");
    }
}
