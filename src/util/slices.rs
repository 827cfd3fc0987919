//! Parts of slices. No function here panics, whatever the lengths.

/// The first `length` bytes, or all if there are fewer.
pub(crate) fn front(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(..length).unwrap_or(bytes)
}

/// The first `length` bytes, or all if there are fewer.
pub(crate) fn front_mut(bytes: &mut [u8], length: usize) -> &mut [u8] {
    let length = length.min(bytes.len());
    bytes.get_mut(..length).unwrap_or_default()
}

/// The bytes after the first `length`; empty if there are not that many.
pub(crate) fn behind(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(length..).unwrap_or_default()
}

/// The bytes after the first `length`; empty if there are not that many.
pub(crate) fn behind_mut(bytes: &mut [u8], length: usize) -> &mut [u8] {
    bytes.get_mut(length..).unwrap_or_default()
}

/// Copies as many bytes as both slices have. Returns how many.
pub(crate) fn copy(from: &[u8], into: &mut [u8]) -> usize {
    let count = from.len().min(into.len());
    let (Some(from), Some(into)) = (from.get(..count), into.get_mut(..count)) else {
        return 0;
    };
    into.copy_from_slice(from);
    count
}
