//! What the fuzz targets do. For packets and exported state, an input is a [`Setup`], suite and options, and then a script of what happens;
//! for signalling, a line, or two policies and lines, or a policy and a script with lines.
//!
//! Keys are fixed. That makes a finding repeatable, and a tag that the fuzzer has not been given is still one
//! that it cannot guess.

mod crypto_line;
mod input;
mod negotiate;
mod receive;
mod send;
mod session;
mod setup;
mod state;

pub use crypto_line::crypto_line;
pub use negotiate::negotiate;
pub use receive::receive;
pub use send::send;
pub use session::session;
pub use state::import_state;

use input::Input;
use setup::Setup;
