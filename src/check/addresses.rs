//! The texts of a source of telemetry: what stands at each of its addresses, and whose credentials
//! go there.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;
use url::Url;

use super::engine_metrics::text_at;
use crate::{
    config::{Authorization, Target, TlsFiles},
    load::Link,
};

/// Where a source is, and what goes there with a request.
pub(crate) struct Addresses(Vec<(Arc<Link>, Url)>);

impl Addresses {
    /// The addresses of a source of `link`'s target. Without credentials of its own, the target's
    /// go to the target's origin only. `None` if one of them is none that the client can go to.
    pub(crate) fn new(
        link: &Arc<Link>,
        urls: &[Url],
        authorization: Option<&Authorization>,
    ) -> Option<Self> {
        let target = link.target();
        let to = |url: &Url| {
            let same_origin = url.origin() == target.url.origin();
            if same_origin && authorization.is_none() {
                return Some((Arc::clone(link), url.clone()));
            }
            let tls = match same_origin {
                true => target.tls.clone(),
                // Who is trusted is the target's choice; who we are is nobody else's business.
                false => TlsFiles { client: None, server_name: None, ..target.tls.clone() },
            };
            let plain = Target::plain(&target.name, url.clone(), target.api, target.models.clone());
            let (authorization, proxy_url) = (authorization.cloned(), target.proxy_url.clone());
            let there =
                Link::new(Arc::new(Target { authorization, proxy_url, tls, ..plain })).ok()?;
            Some((there, url.clone()))
        };
        urls.iter().map(to).collect::<Option<_>>().map(Self)
    }

    /// What stands at each address, in their order; each has `limit`.
    pub(crate) async fn texts(&self, limit: Duration) -> Vec<Result<String, String>> {
        let mut asked = JoinSet::new();
        for (place, (link, url)) in self.0.iter().cloned().enumerate() {
            asked.spawn(async move { (place, text_at(&link, &url, limit).await) });
        }
        // One that panics has said nothing.
        let mut texts = vec![Err("a scrape broke; this is a bug".to_owned()); self.0.len()];
        while let Some(answer) = asked.join_next().await {
            if let Ok((place, text)) = answer {
                texts[place] = text;
            }
        }
        texts
    }
}
