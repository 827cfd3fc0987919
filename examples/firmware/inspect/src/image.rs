//! The ELF file of a Thumb program: its sections, its functions, and which source functions an instruction comes from.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, anyhow};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

use crate::path::{Frame, Path};

/// A firmware.
pub struct Image {
    /// Names and sizes of the sections that are not empty.
    pub sections: Vec<(String, u64)>,
    /// Functions by address: size and name.
    pub functions: BTreeMap<u64, (u64, Path)>,
    /// The addresses at which code or data begins, and whether it is code.
    is_code: BTreeMap<u64, bool>,
    start: u64,
    code: Vec<u8>,
    lines: addr2line::Loader,
}

impl Image {
    pub fn open(file: &str) -> Result<Self> {
        let bytes = fs::read(file).with_context(|| format!("cannot read {file}"))?;
        let object = object::File::parse(&*bytes)?;
        let sections = object.sections().filter(|section| section.size() > 0);
        let sections = sections
            .map(|section| Ok((section.name()?.to_owned(), section.size())))
            .collect::<Result<_>>()?;
        let text = object.section_by_name(".text").context("no code")?;
        let mut functions = BTreeMap::new();
        let mut is_code = BTreeMap::new();
        for symbol in object.symbols() {
            let name = symbol.name()?;
            // The lowest bit marks Thumb code.
            let address = symbol.address() & !1;
            if symbol.kind() == SymbolKind::Text && symbol.size() > 0 {
                functions.insert(address, (symbol.size(), Path::of_symbol(name)));
            } else if name.starts_with("$t") || name.starts_with("$d") {
                is_code.insert(address, name.starts_with("$t"));
            }
        }
        Ok(Self {
            sections,
            functions,
            is_code,
            start: text.address(),
            code: text.data()?.to_vec(),
            lines: addr2line::Loader::new(file).map_err(|error| anyhow!("{error}"))?,
        })
    }

    /// The instructions of a function: address, length, and both halves. The second half is 0 in an instruction of two bytes.
    pub fn instructions(&self, function: u64) -> Vec<(u64, u64, u16, u16)> {
        let end = function + self.functions.get(&function).map_or(0, |(size, _)| *size);
        let mut instructions = Vec::new();
        let mut address = function;
        while address < end {
            let is_code = self.is_code.range(..=address).next_back();
            if is_code.is_some_and(|(_, is_code)| !is_code) {
                address += 2;
                continue;
            }
            let first = self.half(address);
            let length = if first >> 11 > 0b11100 { 4 } else { 2 };
            let second = if length == 4 {
                self.half(address + 2)
            } else {
                0
            };
            instructions.push((address, length, first, second));
            address += length;
        }
        instructions
    }

    fn half(&self, address: u64) -> u16 {
        let offset = (address - self.start) as usize;
        let half = self.code.get(offset..offset + 2);
        half.map_or(0, |half| u16::from_le_bytes([half[0], half[1]]))
    }

    /// The source functions that an instruction belongs to, the innermost first.
    pub fn frames(&self, address: u64) -> Vec<Frame> {
        let mut all = Vec::new();
        let Ok(mut frames) = self.lines.find_frames(address) else {
            return all;
        };
        while let Ok(Some(frame)) = frames.next() {
            let name = frame
                .function
                .as_ref()
                .and_then(|name| name.raw_name().ok());
            let Some(name) = name else { continue };
            let location = frame.location.as_ref();
            all.push(Frame {
                function: Path::of_symbol(&name),
                file: location
                    .and_then(|location| location.file)
                    .map(str::to_owned),
                line: location.and_then(|location| location.line).unwrap_or(0),
            });
        }
        all
    }

    /// The innermost source function of an instruction that is not part of the language's own libraries. Their code counts for the caller.
    pub fn author(&self, address: u64) -> Option<Frame> {
        let mut frames = self.frames(address);
        let author = frames.iter().position(|frame| !frame.is_language());
        (!frames.is_empty()).then(|| frames.swap_remove(author.unwrap_or(0)))
    }
}
