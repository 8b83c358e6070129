//! Raw frames from capture files, read without the sensor's own reader.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

/// What a file holds.
#[derive(Default)]
pub(crate) struct Capture {
    /// Ethernet frames, as far as they were captured.
    pub(crate) frames: Vec<Vec<u8>>,
    /// Packets of other link types.
    pub(crate) other_links: u64,
    /// Where reading ended, if not at the end.
    pub(crate) damage: Option<String>,
}

/// The captures in a folder, in order.
pub(crate) fn in_folder(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| ["pcap", "pcapng", "cap"].iter().any(|known| extension == *known))
    });
    files.sort();
    files
}

/// Reads one up to its end or its damage.
pub(crate) fn read(path: &Path) -> Capture {
    const ROOM: usize = 16 << 20;
    let mut capture = Capture::default();
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut reader = match create_reader(ROOM, file) {
        Ok(reader) => reader,
        Err(error) => return Capture { damage: Some(format!("its header: {error}")), ..capture },
    };
    let mut links: Vec<Linktype> = Vec::new();
    let mut refilled = false;
    loop {
        match reader.next() {
            Ok((length, block)) => {
                capture.take(block, &mut links);
                reader.consume(length);
                refilled = false;
                continue;
            }
            Err(PcapError::Eof) => return capture,
            Err(PcapError::Incomplete(_)) if !refilled => {}
            Err(error) => {
                capture.damage = Some(format!("frame {}: {error:.80}", capture.frames.len()));
                return capture;
            }
        }
        reader.refill().expect("the file can be read");
        refilled = true;
    }
}

impl Capture {
    fn take(&mut self, block: PcapBlockOwned<'_>, links: &mut Vec<Linktype>) {
        let (interface, data, length) = match block {
            PcapBlockOwned::LegacyHeader(header) => return *links = vec![header.network],
            PcapBlockOwned::NG(Block::SectionHeader(_)) => return links.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                return links.push(interface.linktype);
            }
            PcapBlockOwned::Legacy(packet) => (0, packet.data, packet.caplen),
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => (packet.if_id, packet.data, packet.caplen),
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => (0, packet.data, packet.origlen),
            PcapBlockOwned::NG(_) => return,
        };
        if links.get(interface as usize) == Some(&Linktype::ETHERNET) {
            self.frames.push(data[..data.len().min(length as usize)].to_vec());
        } else {
            self.other_links += 1;
        }
    }
}
