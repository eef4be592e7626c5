//! One request to be made.

use std::sync::Arc;

use super::Expect;

/// What to ask for, before an API gives it a form.
#[derive(Clone, Debug)]
pub struct RequestPlan {
    /// What kind of request it is.
    pub ask: Ask,
    /// The prompt: the messages so far, the user's last. Empty for a plain request.
    pub messages: Vec<Message>,
    /// Most tokens of the answer; 0 for a plain request.
    pub max_tokens: u32,
    /// Whether the answer should have exactly `max_tokens`: asks the engine to ignore the end of
    /// sequence, as far as it knows how to.
    pub exact_length: bool,
    /// Sampling temperature.
    pub temperature: f64,
    /// What the answer must be.
    pub expect: Expect,
    /// Tokens that the prompt was meant to have, where its length was drawn.
    pub wanted_input_tokens: Option<u32>,
    /// Tokens that the answer is meant to have, where its length was drawn.
    pub wanted_output_tokens: Option<u32>,
    /// Length of a made-up prompt in the unit of the sizing that made it: words and full stops, or
    /// tokens. What was learnt from the server's count of such a prompt sizes the next ones. 0
    /// where there is nothing to learn, because the text is somebody else's.
    pub words: u32,
}

/// What kind of request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ask {
    /// A completion of the prompt, streamed.
    #[default]
    Completion,
    /// A plain HTTP request, whose answer is read to its end and not understood.
    Http(Arc<HttpAsk>),
}

/// A plain HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAsk {
    /// The method.
    pub method: http::Method,
    /// The path below the target's URL, with its query, beginning with `/`.
    pub path: String,
    /// The body.
    pub body: Option<String>,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whose it is.
    pub role: Role,
    /// Its text. Shared, since every later turn of a session carries it again.
    pub content: Arc<str>,
}

/// Whose a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The operator's.
    System,
    /// The user's.
    User,
    /// The model's.
    Assistant,
}

impl RequestPlan {
    /// Asks for nothing yet.
    pub(super) const EMPTY: Self = Self {
        ask: Ask::Completion,
        messages: Vec::new(),
        max_tokens: 0,
        exact_length: false,
        temperature: 0.0,
        expect: Expect::NOTHING,
        wanted_input_tokens: None,
        wanted_output_tokens: None,
        words: 0,
    };

    /// A plan for the completion of `prompt`, greedy, with at most `max_tokens`.
    pub fn completion(prompt: impl Into<Arc<str>>, max_tokens: u32) -> Self {
        Self { messages: vec![Message::user(prompt)], max_tokens, ..Self::EMPTY }
    }

    /// A plan for a plain HTTP request.
    pub fn http(ask: Arc<HttpAsk>) -> Self {
        Self { ask: Ask::Http(ask), ..Self::EMPTY }
    }
}

impl Message {
    /// A message of the user.
    pub fn user(content: impl Into<Arc<str>>) -> Self {
        Self { role: Role::User, content: content.into() }
    }
}

impl Role {
    /// Its name in the APIs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}
