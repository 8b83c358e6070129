//! The kernel part of nad: parse, stamp, write one record, count the outcome, pass the packet on.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod clock;
mod cpu;
mod frame;
mod output;

use aya_ebpf::{bindings::xdp_action, macros::xdp, programs::XdpContext};
use aya_log_ebpf::debug;
use nad_common::{
    counters::{CpuState, Refusal},
    parse::{self, LinkType, Stamp},
};

use crate::{frame::XdpFrame, output::Outcome};

/// Sees every frame that the interface receives; whatever becomes of the record, the packet passes.
#[xdp]
pub(crate) fn nad_xdp(ctx: XdpContext) -> u32 {
    if let Some(cpu) = cpu::this() {
        let outcome = observe(&ctx, cpu);
        cpu::count(cpu, outcome);
    }
    xdp_action::XDP_PASS
}

#[inline(always)]
fn observe(ctx: &XdpContext, cpu: &mut CpuState) -> Outcome {
    let frame = XdpFrame::new(ctx, &raw mut cpu.meeting_point);
    let stamp =
        Stamp { time_ns: clock::now(), length: frame.length(), interface: ctx.ingress_ifindex() as u32 };
    match parse::parse(&frame, LinkType::Ethernet, stamp, &mut cpu.record) {
        Ok(()) => output::write(&cpu.record),
        Err(refusal) => {
            log_refusal(ctx, refusal, stamp.length);
            Outcome::Unparsed(refusal)
        }
    }
}

/// Silent, and removed by the verifier, unless the loader asked for the kernel program's diagnostics.
#[inline(always)]
fn log_refusal(ctx: &XdpContext, refusal: Refusal, length: u32) {
    debug!(ctx, "unparsed frame: reason {}, {} bytes", refusal as u8, length);
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier accepts no program that can get here.
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
