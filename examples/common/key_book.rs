//! Which key protects what: keys that the user gave, keys made here, and the file these go to.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::num::NonZeroUsize;

use anyhow::{Result, bail, ensure};
use srtp_sdes::{CryptoSuite, MasterKey, Sender};
use zeroize::Zeroizing;

use super::crypto_line::{CryptoLine, SessionParameters};
use super::plan::Endpoint;
use super::selector::Selector;

/// More streams than any call has: a single key may be given for a trunk with all its calls.
const MOST_STREAMS_PER_KEY: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

struct Given {
    selector: Selector,
    sender: usize,
    was_used: bool,
}

/// All keys of a run, with the state of the streams under each.
#[derive(Default)]
pub(crate) struct KeyBook {
    senders: Vec<(CryptoSuite, Sender)>,
    given: Vec<Given>,
    /// To find a key that is given twice: two senders with one key could use an index twice.
    secrets: Vec<(Zeroizing<Vec<u8>>, SessionParameters)>,
    /// The suite of keys made here, if any may be made.
    generate: Option<CryptoSuite>,
    generated: HashMap<usize, usize>,
    /// The lines of the key file.
    file: Zeroizing<String>,
}

impl KeyBook {
    /// Keys for whom none is given are made for this suite.
    pub(crate) fn new(generate: Option<CryptoSuite>) -> Self {
        Self {
            generate,
            ..Self::default()
        }
    }

    /// Adds a key that the user gave. Returns how many more keys its line has, which are not used.
    pub(crate) fn give(&mut self, line: &str) -> Result<usize> {
        let line = CryptoLine::parse(line)?;
        let selector = line
            .selector
            .as_deref()
            .map_or(Ok(Selector::Everything), Selector::parse)?;
        ensure!(
            self.given.iter().all(|it| it.selector != selector),
            "another line is for the same senders already: ADDRESS:PORT= or SSRC= before a line says whose it is (--help)"
        );
        let mut secret = Zeroizing::new(line.key.suite().name().as_bytes().to_vec());
        secret.extend_from_slice(line.key.secret_key_and_salt());
        let known = self.secrets.iter().position(|it| it.0 == secret);
        let sender = match known {
            Some(index) => {
                ensure!(
                    self.secrets[index].1 == line.session,
                    "the same key is given with other session parameters"
                );
                index
            }
            None => {
                self.secrets.push((secret, line.session));
                self.senders
                    .push((line.key.suite(), sender(line.key, line.session)?));
                self.senders.len() - 1
            }
        };
        self.given.push(Given {
            selector,
            sender,
            was_used: false,
        });
        Ok(line.further_keys.len())
    }

    pub(crate) fn may_generate(&self) -> bool {
        self.generate.is_some()
    }

    /// Whether every sender, one that turns up later too, will have a key.
    pub(crate) fn covers_everything(&self) -> bool {
        let for_all = |it: &Given| it.selector == Selector::Everything;
        self.generate.is_some() || self.given.iter().any(for_all)
    }

    /// The number of the sender for a stream of an endpoint, made now if need be; `None` if no key is for it.
    pub(crate) fn sender_for(
        &mut self,
        number: usize,
        endpoint: &Endpoint,
        ssrc: u32,
    ) -> Result<Option<usize>> {
        let by_closeness = [
            Selector::Ssrc(ssrc),
            Selector::Direction(endpoint.source, endpoint.destination),
            Selector::Source(endpoint.source),
            Selector::Everything,
        ];
        for selector in by_closeness {
            if let Some(given) = self.given.iter_mut().find(|it| it.selector == selector) {
                given.was_used = true;
                return Ok(Some(given.sender));
            }
        }
        if let Some(sender) = self.generated.get(&number) {
            return Ok(Some(*sender));
        }
        match self.generate {
            Some(suite) => self.generate(suite, number, endpoint).map(Some),
            None => Ok(None),
        }
    }

    fn generate(
        &mut self,
        suite: CryptoSuite,
        number: usize,
        endpoint: &Endpoint,
    ) -> Result<usize> {
        let Ok(key) = MasterKey::generate_with(suite, getrandom::fill) else {
            bail!("the operating system gives no random bytes for a key");
        };
        let media = endpoint.media.as_deref().unwrap_or("media");
        let base64 = key.secret_base64();
        // Writing to a string cannot fail.
        let _ = write!(
            self.file,
            "# {media} that {} sends to {}, RTP and RTCP\n{endpoint}=a=crypto:1 {suite} inline:{}\n",
            endpoint.source, endpoint.destination, *base64
        );
        self.senders
            .push((suite, sender(key, SessionParameters::default())?));
        self.secrets.push(Default::default());
        self.generated.insert(number, self.senders.len() - 1);
        Ok(self.senders.len() - 1)
    }

    pub(crate) fn sender(&mut self, index: usize) -> &mut Sender {
        &mut self.senders[index].1
    }

    pub(crate) fn suite(&self, index: usize) -> CryptoSuite {
        self.senders[index].0
    }

    /// The key lines made in this run, if any; secret.
    pub(crate) fn secret_generated_lines(&self) -> Option<&str> {
        Some(self.file.as_str()).filter(|it| !it.is_empty())
    }

    /// The suite of the keys made in this run, if any were.
    pub(crate) fn generated_suite(&self) -> Option<CryptoSuite> {
        self.generate.filter(|_| !self.generated.is_empty())
    }

    pub(crate) fn generated_count(&self) -> usize {
        self.generated.len()
    }

    /// What the keys were for that fitted nothing, by position among those given.
    pub(crate) fn unused(&self) -> impl Iterator<Item = usize> + '_ {
        let unused = self.given.iter().enumerate().filter(|(_, it)| !it.was_used);
        unused.map(|(index, _)| index + 1)
    }
}

fn sender(key: MasterKey, session: SessionParameters) -> Result<Sender> {
    let builder = Sender::builder(key).most_streams(MOST_STREAMS_PER_KEY);
    Ok(session.apply(builder).build()?)
}
