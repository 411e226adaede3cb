//! JSONPath, payload templates, intrinsic functions and JSONata: compiled once, evaluated on shared documents.
//!
//! The languages in which a definition says what a state reads and what it writes. Nothing here knows what a
//! state is: the languages can be used alone.
//!
//! ```
//! use serde_json::json;
//! use stepwright::query::{Entropy, Scope, Template};
//! use stepwright::{Json, Limits};
//!
//! let template = Template::compile(&json!({
//!     "kind": "order",
//!     "id.$": "$.order.id",
//!     "label.$": "States.Format('Order {}', $.order.id)",
//! }))
//! .unwrap();
//!
//! let input = Json::from(json!({ "order": { "id": 7 } }));
//! let entropy = Entropy::new([0; 32]);
//! let output = template.evaluate(&Scope::new(&input, &entropy, &Limits::AWS)).unwrap();
//! assert_eq!(output, json!({ "kind": "order", "id": 7, "label": "Order 7" }));
//! ```

mod cursor;
mod entropy;
mod error;
mod expression;
mod intrinsic;
pub(crate) mod java;
mod jsonata;
mod jsonpath;
mod scope;
mod template;
mod tree;

pub use entropy::Entropy;
pub use error::{QueryError, SyntaxError};
pub use expression::Expression;
pub use intrinsic::Intrinsic;
pub use jsonata::{Expected, Jsonata, JsonataError, JsonataTemplate, JsonataTemplateError};
pub use jsonpath::{Path, PathMiss, ReferencePath};
pub use scope::{ContextField, ContextObject, Scope, Variables};
pub use template::{Template, TemplateError};
pub use tree::Place;
