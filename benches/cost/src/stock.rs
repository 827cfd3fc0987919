//! The same bytes through the digester that `atat` brings, up to a response in its slot.

use atat::atat_derive::{AtatResp, AtatUrc};
use atat::{AtDigester, AtatIngress, Ingress, ResponseSlot, UrcChannel};

use crate::module::Shape;

/// A frame has to fit.
const BUFFER: usize = 2048;

/// A notice of data is a URC like others to it.
#[derive(Clone, AtatUrc)]
#[allow(dead_code, reason = "parsed only")]
enum Urc {
    #[at_urc("+QIURC")]
    Notice(Fields),
}

#[derive(Clone, AtatResp)]
#[allow(dead_code, reason = "parsed only")]
struct Fields {
    id: u8,
}

pub fn digest(shape: &Shape, length: usize) {
    let response = ResponseSlot::<BUFFER>::new();
    let urcs = UrcChannel::<Urc, 1, 1>::new();
    let mut buffer = [0; BUFFER];
    let digester = AtDigester::<Urc>::new();
    let mut ingress: Ingress<'_, _, Urc, BUFFER, 1, 1> =
        Ingress::new(digester, &mut buffer, &response, &urcs);
    let mut left = length;
    let mut at = 0;
    while left > 0 {
        let size = left.min(shape.frame);
        let frame = module_frame(shape, at, size);
        for chunk in frame.chunks(shape.chunk) {
            let place = ingress.write_buf();
            let count = chunk.len().min(place.len());
            if count == 0 {
                ingress.clear();
                continue;
            }
            module_copies(&mut place[..count], &chunk[..count]);
            let _ = ingress.try_advance(count);
        }
        // Whatever it was taken for, the next frame begins anew.
        ingress.clear();
        response.reset();
        at += size;
        left -= size;
    }
}

#[inline(never)]
fn module_frame(shape: &Shape, at: usize, size: usize) -> Vec<u8> {
    let mut frame = format!("\r\n+QIRD: {size}\r\n").into_bytes();
    let content = shape.content.iter().cycle();
    frame.extend(content.skip(at % shape.content.len()).take(size));
    frame.extend(b"\r\n\r\nOK\r\n");
    frame
}

#[inline(never)]
fn module_copies(place: &mut [u8], chunk: &[u8]) {
    place.copy_from_slice(chunk);
}
