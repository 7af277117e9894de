//! What the fuzz targets do. An input is a [`Setup`], suite and options, and then a script of what happens.
//!
//! Keys are fixed. That makes a finding repeatable, and a tag that the fuzzer has not been given is still one
//! that it cannot guess.

mod input;
mod receive;
mod send;
mod setup;

pub use receive::receive;
pub use send::send;

use input::Input;
use setup::Setup;
