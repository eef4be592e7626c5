//! `POST /v1/chat/completions`

use super::{DecodeError, Delta, FieldSet, Protocol};
use crate::workload::RequestPlan;

pub(super) struct OpenaiChat;

impl Protocol for OpenaiChat {
    fn path(&self) -> &'static str {
        "/v1/chat/completions"
    }

    fn encode(&self, _plan: &RequestPlan, _model: &str, _refused: FieldSet) -> Vec<u8> {
        Vec::new()
    }

    fn optional_fields(&self, _plan: &RequestPlan, refused: FieldSet) -> FieldSet {
        refused
    }

    fn decode<'a>(&self, _data: &'a [u8]) -> Result<Delta<'a>, DecodeError> {
        Ok(Delta::default())
    }
}
