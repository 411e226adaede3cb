//! History events as stores write them: documents that are written elsewhere are numbers.

use serde::ser::{Serialize, Serializer};

use super::HistoryEvent;
use super::details::{Details, Text};
use super::wire::{HistoryEventError, Unfilled, write};
use crate::json::Json;

/// An event with numbers in the places of documents.
pub(crate) struct Numbered<'a> {
    event: &'a HistoryEvent,
    details: Option<Details>,
}

impl<'a> Numbered<'a> {
    /// An event in which `number` says what stands for a document, if anything does. What goes without saying is
    /// left out.
    pub(crate) fn new(event: &'a HistoryEvent, mut number: impl FnMut(&Json) -> Option<i64>) -> Self {
        let mut details = Details::of(&event.kind);
        if let Some(details) = &mut details {
            for text in details.documents_mut() {
                if let Text::Document(json) = text
                    && let Some(number) = number(json)
                {
                    *text = Text::Number(number);
                }
            }
            details.input_details = None;
            details.output_details = None;
            details.assigned_variables_details = None;
        }
        Self { event, details }
    }
}

impl Serialize for Numbered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self.event, self.details.as_ref(), serializer)
    }
}

impl Unfilled {
    /// The event with documents in the places of their numbers.
    ///
    /// # Errors
    ///
    /// When a document is missing, or it is no event.
    pub(crate) fn fill(
        mut self,
        document: impl Fn(i64) -> Option<Json>,
    ) -> Result<HistoryEvent, HistoryEventError> {
        for text in self.details.documents_mut() {
            if let Text::Number(number) = text
                && let Some(json) = document(*number)
            {
                *text = Text::Document(json);
            }
        }
        self.event().map_err(HistoryEventError)
    }
}
