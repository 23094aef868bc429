//! The name that was probably meant.

/// The known name nearest to a mistyped one, capitals aside: at most a third of its letters are wrong.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(candidate, &typed), candidate))
        .filter(|(distance, candidate)| {
            *distance <= candidate.len().div_ceil(3) && *distance < candidate.len()
        })
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["weight_alignment", "norm", "He2"];
        assert_eq!(nearest("Weigth_aligment", known), Some("weight_alignment"));
        assert_eq!(nearest("nrom", known), Some("norm"));
        assert_eq!(nearest("loss", known), None);
        assert_eq!(nearest("x", known), None);
        assert_eq!(nearest("foo", ["cos", "tanh"]), None);
    }
}
