//! The parts of the kernel object: its programs and maps; and why the kernel would not have them.

use std::io;

use aya::{
    Ebpf,
    maps::{ArrayOfMaps, Map, MapData, MapError, RingBuf},
    programs::{Program, ProgramError, SchedClassifier, Xdp},
};
use aya_obj::generated::bpf_map_type;

use super::{Directions, XdpError, locked_memory};
use crate::sandbox::capabilities;

/// Loads what `directions` need; where `ingress_will_do`, gives why the kernel refused the program for sent packets.
pub(super) fn load_programs(
    ebpf: &mut Ebpf,
    directions: Directions,
    ingress_will_do: bool,
    (received, sent): (&'static str, &'static str),
) -> Result<Option<String>, XdpError> {
    if directions.ingress() {
        let program: &mut Xdp = program(ebpf, received)?;
        program.load().map_err(|error| explain("load the kernel program", &error))?;
    }
    if directions.egress() {
        let program: &mut SchedClassifier = program(ebpf, sent)?;
        match program.load().map_err(|error| explain("load the kernel program for egress", &error)) {
            Err(XdpError::Kernel { reason, .. }) if ingress_will_do => return Ok(Some(reason)),
            outcome => outcome?,
        }
    }
    Ok(None)
}

/// Makes a ring of so many bytes for each CPU, and places it in the array of that name.
pub(super) fn make_rings(
    ebpf: &mut Ebpf,
    name: &'static str,
    cpus: u32,
    bytes: u32,
) -> Result<Vec<RingBuf<MapData>>, XdpError> {
    let mut outer: ArrayOfMaps<MapData, RingBuf<MapData>> = take(ebpf, name)?;
    (0..cpus)
        .map(|cpu| {
            let ring = make_ring(bytes).map_err(|error| explain("make a ring", &error))?;
            outer.set(cpu, &ring, 0).map_err(|error| explain("place a ring", &error))?;
            Ok(ring)
        })
        .collect()
}

fn make_ring(bytes: u32) -> Result<RingBuf<MapData>, MapError> {
    let kind = bpf_map_type::BPF_MAP_TYPE_RINGBUF as u32;
    let data = MapData::create(aya_obj::Map::new_from_params(kind, 0, 0, bytes, 0), "nad_ring", None)?;
    Map::from_map_data(data)?.try_into()
}

pub(super) fn take<M: TryFrom<Map, Error = MapError>>(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<M, XdpError> {
    let map = ebpf.take_map(name).ok_or_else(|| missing(name))?;
    M::try_from(map).map_err(|error| explain("open a map", &error))
}

pub(super) fn program<'a, P>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut P, XdpError>
where
    &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    let program = ebpf.program_mut(name).ok_or_else(|| missing(name))?;
    program.try_into().map_err(|error: ProgramError| explain("open the program", &error))
}

pub(super) fn missing(name: &str) -> XdpError {
    refused("find a part of the object", format!("{name} is missing"))
}

pub(super) fn refused(what: &'static str, reason: String) -> XdpError {
    XdpError::Kernel { what, reason }
}

/// Turns the kernel's answer into one line: the deepest cause, or the lack of privileges where that is it.
pub(super) fn explain(what: &'static str, error: &(dyn std::error::Error + 'static)) -> XdpError {
    let mut reasons = vec![error];
    while let Some(source) = reasons[reasons.len() - 1].source() {
        reasons.push(source);
    }
    let denied = |error: &&(dyn std::error::Error + 'static)| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            Some(libc::EPERM) => true,
            // Also the verifier's word for a bad program, but it takes nad's from whoever has the privileges.
            Some(libc::EACCES) => !capabilities::are_enough(),
            _ => false,
        }
    };
    if reasons.iter().any(denied) {
        let limit = locked_memory::limit().filter(|_| capabilities::are_enough());
        return limit.map_or(XdpError::Privilege, |limit| XdpError::LockedMemory { limit });
    }
    let refusal = reasons.iter().find_map(|error| match error.downcast_ref::<ProgramError>() {
        Some(ProgramError::LoadError { io_error, verifier_log }) => {
            tracing::debug!("{what}: {verifier_log}");
            Some((io_error, verdict(&verifier_log.to_string())?))
        }
        _ => None,
    });
    let text = match refusal {
        Some((error, verdict)) => format!("{error}, the verifier says: {verdict}"),
        None => reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(": "),
    };
    refused(what, text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Why the verifier refused a program: the last line of its log, which may have thousands, that is no statistics.
fn verdict(log: &str) -> Option<String> {
    const STATISTICS: [&str; 3] = ["verification time ", "stack depth ", "processed "];
    let is_said = |line: &&str| !line.is_empty() && !STATISTICS.iter().any(|start| line.starts_with(start));
    log.lines().map(str::trim).rfind(is_said).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::verdict;

    #[test]
    fn of_a_verifiers_log_its_verdict_is_told() {
        let log = "12: (95) exit\ncombined stack size of 3 calls is 576. Too large\nverification time 6486486 usec\n\
                   stack depth 0+336+168\nprocessed 75199 insns (limit 1000000) max_states_per_insn 15\n";
        assert_eq!(verdict(log).unwrap(), "combined stack size of 3 calls is 576. Too large");
        assert_eq!(verdict("processed 1 insns\n"), None);
    }
}
