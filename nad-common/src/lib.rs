//! What the kernel program and the sensor share.
//!
//! A frame goes through [`parse::parse`] into a [`record::PacketRecord`], or is refused with a
//! [`refusal::Refusal`]. The kernel program and `nad replay` run this very code, so that the same frame
//! gives the same record in both.
#![no_std]

pub mod clock;
pub mod counters;
pub mod frame;
pub mod head;
pub mod opaque;
pub mod parse;
pub mod record;
pub mod refusal;
pub mod sampling;
pub mod settings;
