//! `${Name}` in texts: what `Fn::Sub` and `DefinitionSubstitutions` fill.

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Text as it is.
    Text(&'a str),
    /// `${Name}`: the name, and the whole placeholder.
    Name(&'a str, &'a str),
}

/// The pieces of `text`, in order; a `${` that nothing closes is text.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let piece = match rest.find("${") {
            Some(0) => match rest.find('}') {
                Some(end) => Piece::Name(&rest[2..end], &rest[..=end]),
                None => Piece::Text(rest),
            },
            Some(start) => Piece::Text(&rest[..start]),
            None => Piece::Text(rest),
        };
        let (Piece::Text(taken) | Piece::Name(_, taken)) = piece;
        rest = &rest[taken.len()..];
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Piece<'_>> {
        pieces(text).collect()
    }

    #[test]
    fn finds_names_between_texts() {
        assert_eq!(
            all("arn:${AWS::Partition}:${!Raw}${A.B}!"),
            [
                Piece::Text("arn:"),
                Piece::Name("AWS::Partition", "${AWS::Partition}"),
                Piece::Text(":"),
                Piece::Name("!Raw", "${!Raw}"),
                Piece::Name("A.B", "${A.B}"),
                Piece::Text("!"),
            ]
        );
        assert!(all("").is_empty());
    }

    #[test]
    fn what_is_not_closed_is_text() {
        assert_eq!(all("a ${b"), [Piece::Text("a "), Piece::Text("${b")]);
        assert_eq!(all("$ {} $$.Task.Token"), [Piece::Text("$ {} $$.Task.Token")]);
    }
}
