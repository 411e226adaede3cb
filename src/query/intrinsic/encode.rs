//! `States.Base64Encode`, `States.Base64Decode` and `States.Hash`.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::Digest;

use super::Reason;
use super::call::Arguments;
use crate::json::Json;

/// Java's `Base64`: it pads, and reads what is not padded too.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `States.Base64Encode(text)`
pub(super) fn base64_encode(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    Ok(BASE64.encode(arguments.short_text(0)?).into())
}

/// `States.Base64Decode(text)`
pub(super) fn base64_decode(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    let bytes = BASE64.decode(arguments.short_text(0)?);
    let bytes = bytes.map_err(|_| arguments.refusal(0, "a Base64 string"))?;
    // unverified: bytes that are not UTF-8 become U+FFFD, as in Java's `new String`.
    Ok(String::from_utf8_lossy(&bytes).as_ref().into())
}

/// `States.Hash(data, algorithm)`: in lower-case hexadecimal.
pub(super) fn hash(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    let algorithm = algorithm(arguments.text(1)?)
        .ok_or_else(|| arguments.refusal(1, "MD5, SHA-1, SHA-256, SHA-384 or SHA-512"))?;
    let data = match arguments.value(0) {
        Json::String(text) => text.clone(),
        // unverified: that other data is hashed as JSON.
        json => {
            arguments.check_size(json.size())?;
            json.compact().to_string().into()
        }
    };
    arguments.check_short(0, &data)?;
    Ok(algorithm(data.as_bytes()).into())
}

/// The digest that an algorithm makes, in lower-case hexadecimal.
pub(in crate::query) fn algorithm(name: &str) -> Option<fn(&[u8]) -> String> {
    Some(match name {
        "MD5" => digest::<md5::Md5>,
        "SHA-1" => digest::<sha1::Sha1>,
        "SHA-256" => digest::<sha2::Sha256>,
        "SHA-384" => digest::<sha2::Sha384>,
        "SHA-512" => digest::<sha2::Sha512>,
        _ => return None,
    })
}

fn digest<D: Digest>(data: &[u8]) -> String {
    D::digest(data).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a `String` does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
