//! A program without the standard library: an allocator that hands out one block of memory, a panic handler that ends the program,
//! and between them every suite, both planes, there and back.
//!
//! Of the C library it takes what calls `main` and ends the program. A suite that fails has its number as the exit status.
#![no_std]
#![no_main]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};

use srtp_sdes::{CryptoSuite, MasterKey, Receiver, Sender};

const ROOM: usize = 1 << 20;

/// Hands out its room from one end to the other, and takes nothing back.
struct Bump {
    room: UnsafeCell<[u8; ROOM]>,
    used: AtomicUsize,
}

// SAFETY: `used` only grows, by one atomic step an allocation, so that no two allocations share a byte.
unsafe impl Sync for Bump {}

// SAFETY: a block is within `room`, aligned as asked for, and handed out once; null where no room is left.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let asked = layout.size() + layout.align() - 1;
        let start = self.used.fetch_add(asked, Ordering::Relaxed);
        if start + asked > ROOM {
            return core::ptr::null_mut();
        }
        let block = self.room.get().cast::<u8>().wrapping_add(start);
        block.wrapping_add(block.align_offset(layout.align()))
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Bump = Bump {
    room: UnsafeCell::new([0; ROOM]),
    used: AtomicUsize::new(0),
};

// What the standard library would have brought: the start of a program, and `memcpy` and its like.
#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: takes nothing and does not come back.
    unsafe { abort() }
}

/// The compiled `alloc` refers to it, for unwinding, which there is none of here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[unsafe(no_mangle)]
extern "C" fn main(_: c_int, _: *const *const c_char) -> c_int {
    let suites = CryptoSuite::ALL.into_iter().zip(1..);
    let failed = suites.filter(|(suite, _)| !there_and_back(*suite).unwrap_or(false));
    failed.map(|(_, number)| number).next().unwrap_or(0)
}

/// Does a packet of each plane come back as it went, and is an index refused the second time?
fn there_and_back(suite: CryptoSuite) -> Option<bool> {
    const RTP: [u8; 28] = *b"\x80\x00\x00\x01\x00\x00\x00\xa0\xca\xfe\xba\xbe sixteen bytes..";
    const RTCP: [u8; 8] = *b"\x80\xc9\x00\x01\xca\xfe\xba\xbe";
    let bytes = [7; 64];
    let key = || MasterKey::new(suite, bytes.get(..suite.key_and_salt_len())?).ok();
    let mut sender = Sender::new(key()?);
    let mut receiver = Receiver::new(key()?);

    let mut packet = [0; 128];
    let plain = packet.get_mut(..RTP.len())?;
    plain.copy_from_slice(&RTP);
    let srtp = sender.protect_rtp(&mut packet, RTP.len()).ok()?;
    let rtp_is_back = receiver.unprotect_rtp(srtp).ok()? == RTP;

    let plain = packet.get_mut(..RTCP.len())?;
    plain.copy_from_slice(&RTCP);
    let srtcp = sender.protect_rtcp(&mut packet, RTCP.len()).ok()?;
    let rtcp_is_back = receiver.unprotect_rtcp(srtcp).ok()? == RTCP;

    let reuse_is_refused = sender.protect_rtp_into(&RTP, &mut packet).is_err();
    Some(rtp_is_back && rtcp_is_back && reuse_is_refused)
}
