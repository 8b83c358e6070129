//! The kernel part of nad: parse, stamp, write one record (or leave it out), count the outcome, pass the packet on.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod clock;
mod cpu;
mod frame;
mod heads;
mod output;
mod receivers;
mod sampling;

use aya_ebpf::{
    EbpfContext,
    bindings::{TC_ACT_UNSPEC, xdp_action},
    macros::{classifier, xdp},
    programs::{TcContext, XdpContext},
};
use aya_log_ebpf::debug;
use nad_common::{
    counters::CpuState,
    frame::Frame,
    parse::{self, LinkType, Stamp},
    record::Direction,
    refusal::Refusal,
};

use crate::{
    frame::{LinearFrame, SkbFrame},
    output::Outcome,
};

/// Sees every frame that an interface with Ethernet headers receives; whatever becomes of the record, the packet passes.
#[xdp]
#[inline(always)]
pub(crate) fn nad_xdp(ctx: XdpContext) -> u32 {
    receive(&ctx, LinkType::Ethernet)
}

/// The same for interfaces whose packets have no link header.
#[xdp]
#[inline(always)]
pub(crate) fn nad_xdp_raw(ctx: XdpContext) -> u32 {
    receive(&ctx, LinkType::RawIp)
}

/// Sees every frame that an interface with Ethernet headers is about to send, but for those that were counted where
/// they came in. The return value leaves the packet to whatever else is attached, of which there may be none.
#[classifier]
#[inline(always)]
pub(crate) fn nad_egress(ctx: TcContext) -> i32 {
    send(&ctx, LinkType::Ethernet)
}

/// The same for interfaces whose packets have no link header.
#[classifier]
#[inline(always)]
pub(crate) fn nad_egress_raw(ctx: TcContext) -> i32 {
    send(&ctx, LinkType::RawIp)
}

#[inline(always)]
fn receive(ctx: &XdpContext, link_type: LinkType) -> u32 {
    // SAFETY: the only call in a run for received packets.
    if let Some(cpu) = unsafe { cpu::this(Direction::Ingress) } {
        let frame = LinearFrame::new(ctx, &raw mut cpu.meeting_point);
        let stamp = Stamp {
            time_ns: clock::now(),
            length: frame.length(),
            interface: ctx.ingress_ifindex() as u32,
            direction: Direction::Ingress,
            tag_beside: None,
        };
        let outcome = observe(ctx, &frame, link_type, stamp, cpu);
        cpu::count(cpu, Direction::Ingress, outcome);
    }
    xdp_action::XDP_PASS
}

#[inline(always)]
fn send(ctx: &TcContext, link_type: LinkType) -> i32 {
    // SAFETY: the kernel calls the program with a context that lives as long as its run.
    let skb = unsafe { &*ctx.skb.skb };
    if !receivers::has_counted(skb.ingress_ifindex)
        // SAFETY: the only call in a run for sent packets.
        && let Some(cpu) = unsafe { cpu::this(Direction::Egress) }
    {
        let frame = SkbFrame::new(ctx, &raw mut cpu.meeting_point, &raw mut cpu.copy);
        let stamp = Stamp {
            time_ns: clock::now(),
            length: frame.length(),
            interface: skb.ifindex,
            direction: Direction::Egress,
            tag_beside: (skb.vlan_present != 0).then_some(skb.vlan_tci as u16),
        };
        let outcome = observe(ctx, &frame, link_type, stamp, cpu);
        cpu::count(cpu, Direction::Egress, outcome);
    }
    TC_ACT_UNSPEC
}

#[inline(always)]
fn observe(
    ctx: &impl EbpfContext,
    frame: &impl Frame,
    link_type: LinkType,
    stamp: Stamp,
    cpu: &mut CpuState,
) -> Outcome {
    match parse::parse_with(frame, link_type, stamp, &mut cpu.record, &mut cpu.outer) {
        Ok(payload) => {
            cpu.counters.add_opaque(&cpu.record);
            if !sampling::admits(stamp.direction, cpu) {
                return Outcome::SampledOut;
            }
            heads::write(frame, payload, stamp.direction, cpu);
            let outcome = output::write(&cpu.record);
            if matches!(outcome, Outcome::RingFull) && cpu.record.sampled_out_packets != 0 {
                cpu.whole.take_back(&cpu.record);
            }
            outcome
        }
        Err(refusal) => {
            log_refusal(ctx, refusal, stamp.length);
            Outcome::Unparsed(refusal)
        }
    }
}

/// Silent, and removed by the verifier, unless the loader asked for the kernel program's diagnostics.
#[inline(always)]
fn log_refusal(ctx: &impl EbpfContext, refusal: Refusal, length: u32) {
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
