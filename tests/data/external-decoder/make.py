"""Turns the decoder graph of a zerogr model folder into one as other exporters write it.

usage: make.py MODEL_FOLDER OUTPUT.onnx

Inputs input_ids, attention_mask, position_ids and past_key_values.*; outputs logits of every token
and present.*; the weights are inside. Needs the Python package `onnx`.
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

folder, output = sys.argv[1:]
model = onnx.load(f"{folder}/model.onnx")
graph = model.graph

constants = {
    "one": np.array([1], np.int64), "one_scalar": np.array(1, np.int64),
    "zero_scalar": np.array(0, np.int64), "minus_one": np.array([-1], np.int64),
    "ones": np.array([1, 1], np.int64), "axis_one": np.array([1], np.int64),
    "head_columns": np.array([], np.int64),
}
nodes = [
    ("Shape", ["attention_mask"], "mask_shape", {}),
    ("Gather", ["mask_shape", "one_scalar"], "total", {}),
    ("Cast", ["total"], "total_sequence_length", {"to": TensorProto.INT32}),
    ("ReduceSum", ["attention_mask", "axis_one"], "valid", {"keepdims": 0}),
    ("Sub", ["valid", "one"], "last", {}),
    ("Cast", ["last"], "seqlens_k", {"to": TensorProto.INT32}),
    ("Shape", ["input_ids"], "ids_shape", {}),
    ("Gather", ["ids_shape", "one"], "width", {}),
    ("Gather", ["mask_shape", "one"], "total_list", {}),
    ("Concat", ["ones", "width", "total_list"], "bias_shape", {"axis": 0}),
    ("ConstantOfShape", ["bias_shape"], "attention_bias",
     {"value": helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])}),
    ("Size", ["input_ids"], "count", {}),
    ("Range", ["zero_scalar", "count", "one_scalar"], "head_rows", {}),
]
before = [helper.make_node(op, inputs, [out], f"wrap_{out}", **attributes)
          for op, inputs, out, attributes in nodes]
after = [
    helper.make_node("Concat", ["ids_shape", "minus_one"], ["logits_shape"], axis=0),
    helper.make_node("Reshape", ["flat_logits", "logits_shape"], ["logits"]),
]
inner = [node for node in graph.node]
for node in inner:
    for at, name in enumerate(node.output):
        if name == "logits":
            node.output[at] = "flat_logits"
inputs = [one for one in graph.input if one.name in ("input_ids", "position_ids")
          or one.name.startswith("past_key_values.")]
inputs.append(helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch", "total"]))
outputs = [one for one in graph.output if one.name.startswith("present.")]
outputs.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "width", "vocab"]))
weights = list(graph.initializer) + [
    numpy_helper.from_array(value, name) for name, value in constants.items()]
wrapped = helper.make_graph(before + inner + after, "external", inputs, outputs, weights)
result = helper.make_model(wrapped, opset_imports=model.opset_import, ir_version=model.ir_version)
onnx.save(result, output)
