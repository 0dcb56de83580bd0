/// The candidate that `word` was most likely meant to be: the one with the fewest edits (insertion, deletion,
/// substitution), if these are at most a third of the length of the longer word, rounded up.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (edits(word, candidate), candidate))
        .filter(|(edits, candidate)| {
            *edits <= word.chars().count().max(candidate.len()).div_ceil(3)
        })
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, one row of the table at a time.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_key_finds_the_one_that_was_meant() {
        let keys = ["tau_bounds", "time_constants", "starts", "step"];
        assert_eq!(nearest("tau_bound", keys), Some("tau_bounds"));
        assert_eq!(nearest("time-constants", keys), Some("time_constants"));
        assert_eq!(nearest("Starts", keys), Some("starts"));
    }

    #[test]
    fn a_word_like_no_other_has_no_neighbour() {
        assert_eq!(nearest("zebra", ["tau_bounds", "step"]), None);
        assert_eq!(nearest("", ["step"]), None);
    }

    #[test]
    fn edits_count_insertions_deletions_and_substitutions() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("abc", "abc"), 0);
    }
}
