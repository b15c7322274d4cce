//! A graph under construction; each part of it adds its nodes in a file of its own.

use super::config::EncoderConfig;
use super::weights::Weights;
use crate::model::onnx::nodes::Nodes;

/// The nodes and weights so far.
pub(super) struct Encoder<'a> {
    pub config: &'a EncoderConfig,
    pub nodes: Nodes,
    pub weights: Weights<'a>,
}
