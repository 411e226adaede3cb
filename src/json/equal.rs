//! Which documents are equal, to one another and to what they are made of.

use std::sync::Arc;

use serde_json::Value;

use super::{Json, Number};

/// Equal as JSON: the order of keys and the white space do not count, and neither does how a number was
/// written (`1` equals `1.0`).
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => {
                a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64()
            }
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => Arc::ptr_eq(a, b) || a.items == b.items,
            (Self::Object(a), Self::Object(b)) => Arc::ptr_eq(a, b) || **a == **b,
            _ => false,
        }
    }
}

impl PartialEq<Value> for Json {
    fn eq(&self, other: &Value) -> bool {
        let other = Self::from(other);
        *self == other
    }
}

impl PartialEq<Json> for str {
    fn eq(&self, other: &Json) -> bool {
        other == self
    }
}

impl PartialEq<Json> for &str {
    fn eq(&self, other: &Json) -> bool {
        other == self
    }
}

impl PartialEq<Json> for String {
    fn eq(&self, other: &Json) -> bool {
        other == self
    }
}

impl PartialEq<str> for Json {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Json {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl PartialEq<String> for Json {
    fn eq(&self, other: &String) -> bool {
        self == other.as_str()
    }
}

macro_rules! equal_to {
    ($([$($other:ty),*] |$value:ident, $it:ident| $equal:expr;)*) => {$($(
        impl PartialEq<$other> for Json {
            fn eq(&self, other: &$other) -> bool {
                let ($value, $it) = (self, *other);
                $equal
            }
        }

        impl PartialEq<Json> for $other {
            fn eq(&self, other: &Json) -> bool {
                other == self
            }
        }
    )*)*};
}

equal_to! {
    [bool] |json, value| json.as_bool() == Some(value);
    [f64] |json, value| json.as_f64() == Some(value);
    [i8, i16, i32, i64, isize, u8, u16, u32, u64, usize] |json, value| {
        json.as_number() == Some(&Number::from(value))
    };
}

impl PartialEq<Json> for Value {
    fn eq(&self, other: &Json) -> bool {
        other == self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_values_compare() {
        let [text, seven, half, truth, nothing] =
            [Json::from("a"), Json::from(7), Json::from(0.5), Json::from(true), Json::Null];
        let (owned, other) = ("a".to_owned(), "b".to_owned());
        assert!(text == "a" && text == *"a" && text == owned);
        assert!(text != "b" && text != other);
        assert!("a" == text && 7 == seven);
        assert!(seven == 7 && seven == 7_u64 && seven == 7.0);
        assert!(seven != -7 && seven != "7");
        assert!(half == 0.5 && truth == true && nothing != false && nothing != "");
        let document = Json::from(json!({ "a": [1] }));
        assert!(json!({ "a": [1.0] }) == document && document != json!({ "a": [2] }));
    }
}
