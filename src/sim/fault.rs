//! The table of faults: one line a fault.
//!
//! Owns their names, what kind of act each is, and the choice for a request. Must not know how an
//! act is carried out.

use std::collections::VecDeque;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Act {
    /// Nothing: the request is served. Lets a script hold a good answer between bad ones.
    Nothing,
    /// Bytes, or none, in place of a response head.
    Headless(Headless),
    /// A fixed answer.
    Canned(Canned),
    /// A good stream head and no token after it, or no end.
    Hollow(Hollow),
    /// A completion that goes wrong on its way.
    Twist(Twist),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Headless {
    Close,
    Reset,
    CutHead,
    NotHttp,
    HugeHead,
    Silence,
}

/// A fixed answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Canned {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) header: Option<(&'static str, &'static str)>,
    pub(super) body: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Hollow {
    Silence,
    Pings,
    Endless,
    HugeEvent,
    NoEvent,
    NoToken,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Twist {
    /// Strikes after so many tokens (the parameter, default 3).
    Strike(Strike),
    /// The head comes late: parameter in milliseconds, default 1000.
    LateHead,
    /// One token every so many milliseconds (the parameter, default 500), without end.
    Drip,
    OtherModel,
    FalseUsage,
    /// Half of the tokens that were due.
    Short,
    /// Five tokens too many.
    Long,
    OneWord,
    OneSentence,
    ReplacementCharacters,
    NullEvents,
    CrLf,
    NoDone,
    Coalesced,
    /// Closes without saying so, right after a complete answer.
    CloseAfter,
    /// Closes without a byte when the connection is used again.
    CloseOnReuse,
}

/// What ends a stream before its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Strike {
    BrokenJson,
    HtmlEvent,
    ErrorObject,
    ErrorString,
    Silence,
    Pings,
    /// The connection ends after a whole event.
    Close,
    Reset,
    /// The body ends as it should, the stream does not.
    CleanEnd,
    /// A chunk promises more bytes than come.
    MidChunk,
}

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";
const EVENTS: &str = "text/event-stream; charset=utf-8";

const fn canned(status: u16, content_type: &'static str, body: &'static str) -> Act {
    Act::Canned(Canned { status, content_type, header: None, body })
}

const fn headed(
    status: u16,
    header: (&'static str, &'static str),
    content_type: &'static str,
    body: &'static str,
) -> Act {
    Act::Canned(Canned { status, content_type, header: Some(header), body })
}

#[rustfmt::skip]
const TABLE: &[(&str, Act)] = &[
    ("none",                Act::Nothing),
    ("close",               Act::Headless(Headless::Close)),
    ("rst",                 Act::Headless(Headless::Reset)),
    ("cut_head",            Act::Headless(Headless::CutHead)),
    ("not_http",            Act::Headless(Headless::NotHttp)),
    ("huge_head",           Act::Headless(Headless::HugeHead)),
    ("silence_before_head", Act::Headless(Headless::Silence)),
    ("http_302",       headed(302, ("location", "/v1/elsewhere"), JSON, "")),
    ("http_400",       canned(400, JSON, r#"{"error":{"message":"simulated bad request","type":"BadRequestError","param":null,"code":400}}"#)),
    ("http_401",       headed(401, ("www-authenticate", "Bearer"), JSON, r#"{"error":"Unauthorized"}"#)),
    ("http_404",       canned(404, JSON, r#"{"error":{"message":"simulated: no such model","type":"NotFoundError","param":"model","code":404}}"#)),
    ("http_422",       canned(422, JSON, r#"{"detail":"Unexpected fields in the request: {'ignore_eos'}"}"#)),
    ("http_429",       headed(429, ("retry-after", "1"), JSON, r#"{"error":{"message":"simulated rate limit","type":"RateLimitError","param":null,"code":429}}"#)),
    ("http_500_html",  canned(500, HTML, "<html><body><h1>500 Internal Server Error</h1></body></html>")),
    ("http_503",       canned(503, JSON, r#"{"error":{"message":"simulated overload","type":"ServiceUnavailableError","param":null,"code":503}}"#)),
    ("html_200",       canned(200, HTML, "<html><body>Please sign in.</body></html>")),
    ("json_error_200", canned(200, JSON, r#"{"error":{"message":"simulated error in place of a stream","type":"InternalServerError","param":null,"code":500}}"#)),
    ("empty_200",      canned(200, EVENTS, "")),
    ("no_first_token", Act::Hollow(Hollow::Silence)),
    ("pings_only",     Act::Hollow(Hollow::Pings)),
    ("endless",        Act::Hollow(Hollow::Endless)),
    ("huge_event",     Act::Hollow(Hollow::HugeEvent)),
    ("empty_body",     Act::Hollow(Hollow::NoEvent)),
    ("empty_stream",   Act::Hollow(Hollow::NoToken)),
    ("broken_json",    Act::Twist(Twist::Strike(Strike::BrokenJson))),
    ("html_event",     Act::Twist(Twist::Strike(Strike::HtmlEvent))),
    ("error_object",   Act::Twist(Twist::Strike(Strike::ErrorObject))),
    ("error_string",   Act::Twist(Twist::Strike(Strike::ErrorString))),
    ("stall",          Act::Twist(Twist::Strike(Strike::Silence))),
    ("stall_pings",    Act::Twist(Twist::Strike(Strike::Pings))),
    ("truncated",      Act::Twist(Twist::Strike(Strike::Close))),
    ("mid_stream_rst", Act::Twist(Twist::Strike(Strike::Reset))),
    ("clean_end",      Act::Twist(Twist::Strike(Strike::CleanEnd))),
    ("mid_chunk",      Act::Twist(Twist::Strike(Strike::MidChunk))),
    ("late_head",      Act::Twist(Twist::LateHead)),
    ("slow_drip",      Act::Twist(Twist::Drip)),
    ("wrong_model",    Act::Twist(Twist::OtherModel)),
    ("false_usage",    Act::Twist(Twist::FalseUsage)),
    ("short",          Act::Twist(Twist::Short)),
    ("long",           Act::Twist(Twist::Long)),
    ("one_word",       Act::Twist(Twist::OneWord)),
    ("one_sentence",   Act::Twist(Twist::OneSentence)),
    ("undecodable",    Act::Twist(Twist::ReplacementCharacters)),
    ("null_events",    Act::Twist(Twist::NullEvents)),
    ("crlf",           Act::Twist(Twist::CrLf)),
    ("coalesced",      Act::Twist(Twist::Coalesced)),
    ("no_done",        Act::Twist(Twist::NoDone)),
    ("close_after",    Act::Twist(Twist::CloseAfter)),
    ("close_on_reuse", Act::Twist(Twist::CloseOnReuse)),
];

/// The names of all faults, in the order of the table.
pub fn fault_names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, _)| *name)
}

/// A fault with its parameter, written `NAME` or `NAME=NUMBER`. The number is the count of tokens
/// before the fault strikes, or milliseconds for `late_head` and `slow_drip`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultOrder {
    name: &'static str,
    pub(super) act: Act,
    pub(super) parameter: Option<u32>,
}

/// The text names no fault of the table.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no fault `{0}`; there are {names}", names = fault_names().collect::<Vec<_>>().join(", "))]
pub struct UnknownFault(String);

impl FromStr for FaultOrder {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let unknown = || UnknownFault(text.to_owned());
        let (wanted, number) = text.split_once('=').map_or((text, None), |(a, b)| (a, Some(b)));
        let &(name, act) = TABLE.iter().find(|(name, _)| *name == wanted).ok_or_else(unknown)?;
        let parameter = number.map(str::parse).transpose().map_err(|_| unknown())?;
        Ok(Self { name, act, parameter })
    }
}

impl<'de> Deserialize<'de> for FaultOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for FaultOrder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for FaultOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)?;
        self.parameter.map_or(Ok(()), |number| write!(f, "={number}"))
    }
}

/// The scripted faults: each is used up by one request.
pub(super) type Script = VecDeque<FaultOrder>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_parse_back() {
        let names: std::collections::BTreeSet<_> = fault_names().collect();
        assert_eq!(names.len(), TABLE.len());
        for name in names {
            let order: FaultOrder = format!("{name}=5").parse().unwrap();
            assert_eq!(order.to_string(), format!("{name}=5"));
        }
    }

    #[test]
    fn unknown_names_and_numbers_are_refused() {
        for text in ["", "no_such", "stall=", "stall=x", "stall=-1"] {
            assert_eq!(text.parse::<FaultOrder>(), Err(UnknownFault(text.to_owned())));
        }
    }

    #[test]
    fn canned_json_is_json() {
        for (name, act) in TABLE {
            if let Act::Canned(Canned { content_type: JSON, body, .. }) = act
                && !body.is_empty()
            {
                assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{name}");
            }
        }
    }
}
