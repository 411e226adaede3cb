//! Words of which a field takes one.

/// A closed set of words, each written in one way only.
pub(super) trait Keyword: Copy + 'static {
    /// All of them, in the order in which AWS lists them.
    const WORDS: &'static [Self];

    /// How it is written.
    fn word(self) -> &'static str;
}

macro_rules! keyword {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// The word as definitions write it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl $crate::definition::keyword::Keyword for $name {
            const WORDS: &'static [Self] = &[$(Self::$variant),*];

            fn word(self) -> &'static str {
                self.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(super) use keyword;
