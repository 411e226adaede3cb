//! Did you mean ...?

/// The candidate that `word` was most likely meant to be, if one is close enough. A difference of case only
/// is the closest.
pub(crate) fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = word.to_lowercase();
    let length = folded.chars().count();
    // Two slips in a word of six letters, three in one of nine: more is another word.
    let tolerated = (length / 3).clamp(1, 4);
    candidates
        .into_iter()
        // What differs more in length differs more altogether; comparing would cost both lengths' product.
        .filter(|candidate| *candidate != word && candidate.chars().count().abs_diff(length) <= tolerated)
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= tolerated)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_is_suggested_and_nothing_far() {
        let fields = ["Resource", "ResultPath", "ResultSelector", "Retry"];
        assert_eq!(closest("resource", fields), Some("Resource"));
        assert_eq!(closest("Resultpaht", fields), Some("ResultPath"));
        assert_eq!(closest("Banana", fields), None);
        assert_eq!(closest("X", ["Y"]), Some("Y"));
    }
}
