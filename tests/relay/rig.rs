//! A relay that runs, and the two ends of its call.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use srtp_sdes::{CryptoSuite, MasterKey, Plane, Receiver, Sender};

use super::common::{key, protect, unprotect};
use super::run::program;

/// Far longer than anything takes: for what must come, so that its absence ends the test.
const LONG: Duration = Duration::from_secs(30);

/// The example, running.
pub(crate) struct Relay {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What it said before it began to relay.
    pub(crate) introduction: String,
    /// Where legs a and b take RTP and RTCP.
    pub(crate) legs: [[SocketAddr; 2]; 2],
}

impl Relay {
    /// Starts it with these legs, and these keys on standard input.
    #[track_caller]
    pub(crate) fn start(a: &str, b: &str, keys: &str, more: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args([
                "--a",
                a,
                "--b",
                b,
                "--crypto-file",
                "-",
                "--interval",
                "0.05",
            ])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(keys.as_bytes()).unwrap();
        drop(stdin);
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut introduction = String::new();
        while !introduction.ends_with("relaying until Ctrl-C\n") {
            let length = stdout.read_line(&mut introduction).unwrap();
            assert!(length > 0, "it ended after {introduction:?}");
        }
        let legs = [ports(&introduction, "leg a"), ports(&introduction, "leg b")];
        Self {
            child,
            stdout,
            introduction,
            legs,
        }
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.unwrap().success());
    }

    /// Stops it in its tracks, so that what is sent to it waits.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
        let pid = self.child.id().to_string();
        let is_stopped = || {
            let ps = Command::new("ps")
                .args(["-o", "stat=", "-p", &pid])
                .output();
            ps.unwrap().stdout.trim_ascii().starts_with(b"T")
        };
        while !is_stopped() {
            std::thread::yield_now();
        }
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    /// Ends it, and returns what it prints at the end.
    #[track_caller]
    pub(crate) fn stop(self) -> Totals {
        self.signal("TERM");
        self.wait()
    }

    /// Reads its statistics until so many packets of a way such as `a to b` have come in: for what is not to come out.
    pub(crate) fn until(&mut self, way: &str, plane: Plane, received: u64) {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "it goes on until it is told to stop");
            if row(&line, way, plane).is_some_and(|row| row.0 >= received) {
                break;
            }
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Totals {
        let mut text = String::new();
        self.stdout.read_to_string(&mut text).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{text}");
        let at = text.rfind("stopped, ");
        Totals(text[at.unwrap_or_else(|| panic!("{text}"))..].to_owned())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It is over already where all is well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a leg listens, by its introduction.
fn ports(introduction: &str, leg: &str) -> [SocketAddr; 2] {
    let line = introduction.lines().find(|line| line.starts_with(leg));
    let (_, listens) = line.unwrap().split_once("; on ").unwrap();
    let (rtp, rest) = listens.split_once(", RTCP ").unwrap();
    let rtp: SocketAddr = rtp.parse().unwrap();
    let (rtcp, _) = rest.split_once(';').unwrap();
    let port = rtcp.strip_prefix("on port ").map(|it| it.parse().unwrap());
    [rtp, (rtp.ip(), port.unwrap_or(rtp.port())).into()]
}

/// What a relay prints at its end.
pub(crate) struct Totals(pub(crate) String);

impl Totals {
    /// Received, relayed and dropped packets of a way such as `a to b`, and why they were dropped.
    #[track_caller]
    pub(crate) fn of(&self, way: &str, plane: Plane) -> (u64, u64, u64, &str) {
        let row = self.0.lines().find_map(|line| row(line, way, plane));
        row.unwrap_or_else(|| panic!("{way}, {plane}: {}", self.0))
    }
}

/// A row of the statistics, if it is for this way and plane.
fn row<'t>(line: &'t str, way: &str, plane: Plane) -> Option<(u64, u64, u64, &'t str)> {
    let plane = match plane {
        Plane::Rtp => "RTP",
        Plane::Rtcp => "RTCP",
    };
    let mut rest = line.strip_prefix(&format!("{way}  {plane} "))?.trim();
    let mut number = || {
        let (cell, left) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = left.trim_start();
        cell.parse::<u64>().unwrap()
    };
    let (received, relayed, _bytes, dropped) = (number(), number(), number(), number());
    Some((received, relayed, dropped, rest))
}

/// One end of a call: two sockets, and the two contexts of an end that speaks SRTP.
pub(crate) struct End {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    contexts: Option<(Sender, Receiver)>,
}

impl End {
    /// An end that speaks plain RTP.
    pub(crate) fn plain() -> Self {
        Self::on("127.0.0.1")
    }

    /// One at another address of this machine.
    pub(crate) fn on(host: &str) -> Self {
        let socket = || {
            let socket = UdpSocket::bind((host, 0)).unwrap();
            socket.set_read_timeout(Some(LONG)).unwrap();
            socket
        };
        Self {
            rtp: socket(),
            rtcp: socket(),
            contexts: None,
        }
    }

    /// An end that sends under `sends` and receives under `receives`.
    pub(crate) fn srtp(sends: MasterKey, receives: MasterKey) -> Self {
        Self::with(Sender::new(sends), Receiver::new(receives))
    }

    pub(crate) fn with(sender: Sender, receiver: Receiver) -> Self {
        Self {
            contexts: Some((sender, receiver)),
            ..Self::plain()
        }
    }

    /// From now on RTCP and RTP share a port here.
    pub(crate) fn mux(&mut self) {
        self.rtcp = self.rtp.try_clone().unwrap();
    }

    /// Moves RTP to a port whose next one is free, and returns a socket there.
    pub(crate) fn take_the_port_above(&mut self) -> UdpSocket {
        loop {
            let above = self.address(Plane::Rtp).port().checked_add(1);
            if let Some(Ok(socket)) = above.map(|port| UdpSocket::bind(("127.0.0.1", port))) {
                socket.set_read_timeout(Some(LONG)).unwrap();
                return socket;
            }
            self.rtp = Self::plain().rtp;
        }
    }

    /// The same end at new ports.
    pub(crate) fn moved(self) -> Self {
        Self {
            contexts: self.contexts,
            ..Self::plain()
        }
    }

    fn socket(&self, plane: Plane) -> &UdpSocket {
        match plane {
            Plane::Rtp => &self.rtp,
            Plane::Rtcp => &self.rtcp,
        }
    }

    pub(crate) fn address(&self, plane: Plane) -> SocketAddr {
        self.socket(plane).local_addr().unwrap()
    }

    /// Sends these bytes to a leg as they are.
    pub(crate) fn send_raw(&self, plane: Plane, leg: &[SocketAddr; 2], bytes: &[u8]) {
        let to = match plane {
            Plane::Rtp => leg[0],
            Plane::Rtcp => leg[1],
        };
        self.socket(plane).send_to(bytes, to).unwrap();
    }

    /// The packet as this end puts it on the wire.
    pub(crate) fn sealed(&mut self, plane: Plane, plain: &[u8]) -> Vec<u8> {
        match &mut self.contexts {
            None => plain.to_vec(),
            Some((sender, _)) => protect(sender, plane, plain).unwrap(),
        }
    }

    pub(crate) fn send(&mut self, plane: Plane, leg: &[SocketAddr; 2], plain: &[u8]) {
        let packet = self.sealed(plane, plain);
        self.send_raw(plane, leg, &packet);
    }

    /// The next datagram that arrives.
    #[track_caller]
    pub(crate) fn receive_raw(&self, plane: Plane) -> Vec<u8> {
        let mut buf = [0; 2048];
        let length = self.socket(plane).recv(&mut buf).unwrap();
        buf[..length].to_vec()
    }

    /// The next packet that arrives, in its plain form.
    #[track_caller]
    pub(crate) fn receive(&mut self, plane: Plane) -> Vec<u8> {
        let packet = self.receive_raw(plane);
        match &mut self.contexts {
            None => packet,
            Some((_, receiver)) => unprotect(receiver, plane, &packet).unwrap(),
        }
    }
}

/// The keys of one SRTP leg, its number in the call: what the relay sends under, and what it receives under.
pub(crate) fn leg_keys(suite: CryptoSuite, leg: u8) -> (MasterKey, MasterKey) {
    (key(suite, 2 * leg), key(suite, 2 * leg + 1))
}

/// The lines of a leg, `a` or `b`, with session parameters.
pub(crate) fn lines(leg: &str, keys: &(MasterKey, MasterKey), parameters: &str) -> String {
    let line = |who: &str, key: &MasterKey| {
        let (suite, base64) = (key.suite(), key.secret_base64());
        format!(
            "{leg}.{who}=a=crypto:1 {suite} inline:{} {parameters}\n",
            *base64
        )
    };
    line("ours", &keys.0) + &line("theirs", &keys.1)
}
