//! What the fuzz targets do. For packets and exported state, an input is a [`Setup`], suite and options, and then a script of what happens;
//! for signalling, a line, or two policies and lines, or a policy and a script with lines, or a policy and an SDP text. [`header`] takes one packet.
//!
//! [`schedule`] and [`header`] hold the crate against the models of its tests. A finding becomes a test in `tests/`, by the name of what it broke.
//!
//! Keys are fixed. That makes a finding repeatable, and a tag that the fuzzer has not been given is still one
//! that it cannot guess.

mod crypto_line;
mod header;
mod input;
mod negotiate;
mod receive;
mod schedule;
mod sdp;
mod send;
mod session;
mod setup;
mod state;

// The models are those of the crate's own tests.
#[path = "../../tests/common/model.rs"]
mod model;
#[path = "../../tests/common/oracle.rs"]
mod oracle;

pub use crypto_line::crypto_line;
pub use header::header;
pub use negotiate::negotiate;
pub use receive::receive;
pub use schedule::schedule;
pub use sdp::sdp;
pub use send::send;
pub use session::session;
pub use state::import_state;

use input::Input;
use setup::Setup;
