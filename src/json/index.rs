//! Reading a document as `serde_json::Value` is read: by keys and indexes in brackets.

use std::ops::Index;

use super::Json;

static NOTHING: Json = Json::Null;

impl Index<&str> for Json {
    type Output = Self;

    /// The value under `key`; `null` where there is none, or this is not an object.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::Json;
    ///
    /// let order = Json::from(json!({ "id": 7, "items": [{ "sku": "tea" }] }));
    /// assert_eq!(order["items"][0]["sku"].as_str(), Some("tea"));
    /// assert!(order["customer"]["name"].is_null());
    /// ```
    fn index(&self, key: &str) -> &Self {
        self.get(key).unwrap_or(&NOTHING)
    }
}

impl Index<usize> for Json {
    type Output = Self;

    /// The element at `index`; `null` where there is none, or this is not an array.
    fn index(&self, index: usize) -> &Self {
        self.at(index).unwrap_or(&NOTHING)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_there_is_null_as_it_is_of_a_value() {
        let value = json!({ "a": [1, { "b": "x" }], "n": null });
        let document = Json::from(value.clone());
        macro_rules! read_alike {
            ($([$($step:expr),*]),*) => {$( assert_eq!(&document$([$step])*, &value$([$step])*); )*};
        }
        read_alike!(["a", 1, "b"], ["a", 2], ["a", "b"], [0], ["n", "x", 0], ["a", 0, 0]);
    }
}
