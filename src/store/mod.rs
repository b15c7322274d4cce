//! stub
use std::sync::Arc;
/// section
#[derive(Debug, Clone)]
pub struct Section(Arc<[u8]>);
impl Section {
    /// from vec
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        Section(bytes.into())
    }
    /// slice
    pub fn as_slice_of<T: zerocopy::FromBytes + zerocopy::Immutable>(&self) -> crate::Result<&[T]> {
        zerocopy::FromBytes::ref_from_bytes(&self.0).map_err(|_| crate::Error::corrupt("x"))
    }
}
impl std::ops::Deref for Section {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}
impl AsRef<[u8]> for Section {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
