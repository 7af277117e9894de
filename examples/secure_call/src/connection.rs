//! A TCP connection between the two ends, with TLS or without, that carries SIP messages.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use zeroize::Zeroizing;

use crate::ladder::{self, Side};
use crate::sip::Message;

/// Nobody waits longer for the other end.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Lets both ends run at once over a new connection on loopback, and returns what each came to.
pub fn between<C: Send, P: Send>(
    carrier: impl FnOnce(TcpStream) -> Result<C> + Send,
    pbx: impl FnOnce(TcpStream) -> Result<P> + Send,
) -> Result<(Result<C>, Result<P>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port to listen on")?;
    let address = listener.local_addr()?;
    let client = TcpStream::connect_timeout(&address, PATIENCE).context("no connection")?;
    let (server, _) = listener.accept().context("no connection")?;
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
    }
    thread::scope(|scope| {
        let carrier = scope.spawn(move || carrier(server));
        let pbx = scope.spawn(move || pbx(client));
        match (carrier.join(), pbx.join()) {
            (Ok(carrier), Ok(pbx)) => Ok((carrier, pbx)),
            _ => bail!("an endpoint panicked"),
        }
    })
}

/// What both ends came to; the error of either, of both if both failed.
pub fn both<C, P>((carrier, pbx): (Result<C>, Result<P>)) -> Result<(C, P)> {
    match (carrier, pbx) {
        (Ok(carrier), Ok(pbx)) => Ok((carrier, pbx)),
        (Err(carrier), Err(pbx)) => bail!("the carrier: {carrier:#}; the PBX: {pbx:#}"),
        (Err(error), _) => Err(error.context("the carrier")),
        (_, Err(error)) => Err(error.context("the PBX")),
    }
}

pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// One end of it.
pub struct Connection {
    side: Side,
    /// As a `Via` header names it: `TLS` or `TCP`.
    pub transport: &'static str,
    stream: Box<dyn Stream>,
    arrived: Zeroizing<Vec<u8>>,
}

impl Connection {
    pub fn tls(side: Side, stream: impl Stream + 'static) -> Self {
        Self::over("TLS", side, Box::new(stream))
    }

    pub fn clear(side: Side, stream: TcpStream) -> Self {
        Self::over("TCP", side, Box::new(stream))
    }

    fn over(transport: &'static str, side: Side, stream: Box<dyn Stream>) -> Self {
        let arrived = Zeroizing::default();
        Self {
            side,
            transport,
            stream,
            arrived,
        }
    }

    pub fn send(&mut self, message: &Message) -> Result<()> {
        ladder::show(self.side, self.transport, message);
        let text = message.secret_text();
        let written = self.stream.write_all(text.as_bytes());
        let sent = written.and_then(|()| self.stream.flush());
        sent.with_context(|| format!("cannot send {}", message.start))
    }

    pub fn receive(&mut self) -> Result<Message> {
        let mut chunk = Zeroizing::new([0; 4096]);
        loop {
            if let Some(message) = Message::take(&mut self.arrived)? {
                return Ok(message);
            }
            let read = self.stream.read(&mut chunk[..]);
            let len = read.context("no message came from the other end")?;
            ensure!(len > 0, "the other end closed the connection");
            self.arrived.extend_from_slice(&chunk[..len]);
        }
    }

    /// A request with this method.
    pub fn receive_request(&mut self, method: &str) -> Result<Message> {
        let message = self.receive()?;
        let is_it = message.method() == Some(method);
        ensure!(is_it, "{} came instead of {method}", message.start);
        Ok(message)
    }

    /// A response with this status.
    pub fn receive_response(&mut self, status: u16) -> Result<Message> {
        let message = self.receive()?;
        let is_it = message.status() == Some(status);
        ensure!(is_it, "{} came instead of {status}", message.start);
        Ok(message)
    }
}
