"""From a checkpoint to a mask, without torch: the checkpoint file, the model as an ONNX graph, and what is made of its masks.

It knows the data, the config, the numbers of `seg_core.network.architecture`, and what lies below; only export, saving and
`load_model` touch torch, when they are called. Begin with `checkpoint`, which predicts through `symmetry` and `engine`.
`checkpoint_file` reads and validates files, `metadata` names their fields, and `predictor` is the interface of everything that
can be evaluated.
"""
