//! Memory does not grow with the capture.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use super::make::{Pcap, address, frame, rtp, udp_packet};
use super::run::Place;

/// The most memory that a process has held so far, in KiB.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|it| it.starts_with("VmHWM:")).unwrap();
    line.split_ascii_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn peak_memory_on_a_long_capture_is_that_on_a_short_one() {
    let place = Place::new();
    let mut child = place
        .command(&["--rtp", "4000", "-", "out"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&Pcap::new(false, false, 1, 65535).bytes)
        .unwrap();
    let (from, to) = (address("192.0.2.1:4000"), address("192.0.2.2:4000"));
    let mut write = |from_seq: u32, packets: u32| {
        for number in from_seq..from_seq + packets {
            let packet = rtp(7, number as u16, number, &[7; 1150]);
            let record =
                Pcap::new(false, false, 1, 0).add(&frame(1, &udp_packet(from, to, &packet)));
            pipe.write_all(&record.bytes[24..]).unwrap();
        }
    };
    write(0, 4_000);
    let short = peak(child.id());
    write(4_000, 40_000);
    let long = peak(child.id());
    drop(pipe);
    assert!(child.wait().unwrap().success());
    assert!(fs::metadata(place.path("out")).unwrap().len() > 50_000_000);
    assert!(long * 10 <= short * 11, "{short} KiB, then {long} KiB");
}
