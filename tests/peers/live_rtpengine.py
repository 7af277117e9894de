"""rtpengine as a live peer: a gateway of its own between the relay's SRTP and plain RTP of ours."""

import re
from typing import NamedTuple

from common import PLANES, Trouble
from relay import End, Relay, ensure_all_relayed, exchange, free_pair, fresh_key, leg_to
from rtpengine import RtpEngine
from suites import SUITES


class Call(NamedTuple):
    id: str
    line: str  # a=crypto as rtpengine wrote it, for what it sends
    secured: dict  # its ports towards the relay
    plain: dict  # and towards us


class LiveRtpEngine(RtpEngine):
    def cases(self):
        for suite in SUITES:
            if suite.rtpengine:
                terms = suite.rtpengine
                label = ", ".join(part for part in (terms.name or suite.name, terms.parameters) if part)
                yield label, lambda relay, suite=suite: self.check(relay, suite)

    def check(self, relay_program, suite):
        terms = suite.rtpengine
        ours = fresh_key(terms.name or suite.name, suite.key_and_salt, terms.parameters)
        listens = free_pair()
        with End() as near, End() as far:
            call = self.open(ours, listens, far.ports)
            try:
                leg = leg_to(call.secured, listens["rtp"])
                with Relay(relay_program, near.leg, leg, ours.line, call.line) as relay:
                    near.to, far.to = relay.a, call.plain
                    exchange(near, far)
                    ensure_all_relayed(relay.stop())
            finally:
                self.ask({"command": "delete", "call-id": call.id, "delete-delay": "0"})

    def open(self, ours, relay, far):
        """The relay is the offerer, whose key this is; the answerer takes plain RTP."""
        if self.process.poll() is not None:
            self.stop()
            self.start()
        call_id = f"live-{self.calls}"
        common = {"call-id": call_id, "from-tag": "srtp", "ICE": "remove"}
        offered = self.ask_for_sdp(
            {**common, "command": "offer", "transport-protocol": "RTP/AVP"}
            | {"sdp": sdp("RTP/SAVP", relay, ours.line)}
        )
        answered = self.ask_for_sdp(
            {**common, "command": "answer", "to-tag": "plain", "sdp": sdp("RTP/AVP", far)}
        )
        # It leaves out base64's padding, so that the line is the relay's to read.
        line = re.search(rf"^a=crypto:1 {ours.suite} inline:.*$", answered, re.M)
        if not line:
            raise Trouble("rtpengine did not take the suite")
        return Call(call_id, line[0].rstrip(), ports(answered), ports(offered))


def sdp(profile, ports, *more):
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
    lines += [f"m=audio {ports['rtp']} {profile} 0", f"a=rtcp:{ports['rtcp']}", *more]
    return "".join(line + "\r\n" for line in lines)


def ports(sdp_text):
    media = re.search(r"^m=audio (\d+) ", sdp_text, re.M)
    rtcp = re.search(r"^a=rtcp:(\d+)", sdp_text, re.M)
    if not media or not rtcp:
        raise Trouble("rtpengine names no ports")
    return dict(zip(PLANES, (int(media[1]), int(rtcp[1]))))
