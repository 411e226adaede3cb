//! Names and keys: newtypes without behaviour, so that they cannot be mistaken for one another.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, shared.
            pub fn shared(&self) -> Arc<str> {
                self.0.clone()
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<Arc<str>> for $name {
            fn from(text: Arc<str>) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text_id! {
    /// One execution, for ever: its ARN.
    ///
    /// ```
    /// let id = stepwright::ExecutionId::from("arn:aws:states:us-east-1:123456789012:execution:Orders:order-17");
    /// assert_eq!(id.as_str().rsplit(':').next(), Some("order-17"));
    /// ```
    ExecutionId
}

text_id! {
    /// The name of a state, unique within its machine.
    StateName
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub(crate) u64);

        impl $name {
            /// The number.
            pub fn as_u64(self) -> u64 {
                self.0
            }
        }

        /// As a store kept it.
        impl From<u64> for $name {
            fn from(number: u64) -> Self {
                Self(number)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id! {
    /// One attempt of a Task, unique within its execution.
    TaskId
}

number_id! {
    /// One run of a `States` block, unique within its execution: the machine itself, a branch or an iteration.
    FrameId
}

/// The key that completes a waiting task: 256 bits that nobody can guess, as URL-safe text.
///
/// It is a password. `Debug` does not show it, comparison takes the same time whatever differs, and stores
/// keep only its [`hash`](Self::hash).
///
/// ```
/// use stepwright::TaskToken;
///
/// let token: TaskToken = "AQDEYmFzZTY0IHVybCBzYWZl".parse().unwrap();
/// assert_eq!(format!("{token:?}"), "TaskToken(redacted)");
/// assert_eq!(token.reveal(), "AQDEYmFzZTY0IHVybCBzYWZl");
/// assert!("not a token!".parse::<TaskToken>().is_err());
/// ```
#[derive(Clone)]
pub struct TaskToken(Arc<str>);

/// Text that cannot be a task token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a task token")]
pub struct TaskTokenError;

/// AWS's limit of a token's length.
const MAX_TOKEN: usize = 2048;

impl TaskToken {
    /// A token of 32 secret bytes.
    pub(crate) fn from_secret(secret: &[u8; 32]) -> Self {
        let mut text = [0; 43];
        URL_SAFE_NO_PAD.encode_slice(secret, &mut text).expect("43 characters hold 32 bytes");
        Self(std::str::from_utf8(&text).expect("base64 is ASCII").into())
    }

    /// The token itself, to hand to whoever will report the task. Do not log it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The token itself, shared.
    pub(crate) fn shared(&self) -> Arc<str> {
        self.0.clone()
    }

    /// What a store keeps instead of the token.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl FromStr for TaskToken {
    type Err = TaskTokenError;

    fn from_str(text: &str) -> Result<Self, TaskTokenError> {
        let url_safe = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'/' | b'='));
        match url_safe && !text.is_empty() && text.len() <= MAX_TOKEN {
            true => Ok(Self(text.into())),
            false => Err(TaskTokenError),
        }
    }
}

impl PartialEq for TaskToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for TaskToken {}

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskToken(redacted)")
    }
}

/// The SHA-256 of a [`TaskToken`]: finds its task, and does not give the token away.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for TokenHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({:02x}{:02x}..)", self.0[0], self.0[1])
    }
}
