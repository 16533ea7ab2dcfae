"""From a checkpoint to a mask, without torch: the checkpoint file, the model as an ONNX graph, and what is made of its masks.

It knows the data, the config, the numbers of `seg_core.network.architecture`, and what lies below; only export and `load_model`
use the torch model. Begin with `checkpoint` (load, predict) and `predictor` (what a prediction is).
"""
