"""The model: shapes, trained and frozen weights of each variant, and initial weights."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2

from seg_core.common.home import PROJECT
from seg_core.config import DECODERS, VARIANTS, Variant
from seg_core.network import Segmenter, build_model, count_parameters
from seg_core.network import decoders as torch_decoders
from seg_core.network.architecture import LAST, STRIDES, TAPS, tensor_shapes
from seg_core.prediction import onnx_graph
from tests.helpers import thin_networks, tiny_config

FROZEN = {"trainable-decoder": {"encoder"}, "fine-tune": set(), "frozen-decoder": {"decoder"}}


@pytest.fixture
def thin() -> Iterator[None]:
    """Networks of few channels, for what does not depend on their widths."""
    with thin_networks():
        yield


def model_of(variant: Variant = "fine-tune", decoder: str = "unet", seed: int = 0) -> Segmenter:
    return build_model(tiny_config(variant=variant, decoder=decoder, seed=seed))


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def parts_that_differ(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name.split(".")[0] for name, tensor in before.items() if not torch.equal(tensor, after[name])}


def one_step(model: Segmenter) -> None:
    """One step of training, as the training loop takes it."""
    model.train()
    optimizer = torch.optim.Adam([one for one in model.parameters() if one.requires_grad], lr=0.1)
    model(torch.randn(2, 3, 64, 64)).square().mean().backward()
    optimizer.step()


def test_every_decoder_of_the_config_is_there_as_torch_model_and_as_graph() -> None:
    assert set(torch_decoders.DECODERS) == set(onnx_graph.DECODERS) == set(DECODERS)


def test_the_layers_of_the_encoder_are_those_of_the_paper() -> None:
    assert [layer for layer, stride in enumerate(STRIDES) if stride == 2] == [0, 2, 4, 7, 14]
    assert (TAPS, LAST) == ((1, 3, 6, 13, 18), 18)


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_shapes_that_files_are_compared_with_are_those_of_the_torch_model(decoder: str) -> None:
    found = {name: tuple(tensor.shape) for name, tensor in model_of(decoder=decoder).state_dict().items()}
    assert tensor_shapes(tiny_config(decoder=decoder).decoder) == found


def test_the_numbers_of_the_encoder_need_no_torch() -> None:
    code = "import sys, seg_core.network.architecture; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.usefixtures("thin")
@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("size", [(64, 64), (96, 64), (32, 160), (192, 192)])
def test_logits_have_the_images_size(decoder: str, size: tuple[int, int]) -> None:
    model = model_of(decoder=decoder).eval()
    with torch.no_grad():
        logits = model(torch.randn(2, 3, *size))
    assert logits.shape == (2, 1, *size)
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("size", [(65, 64), (64, 48), (100, 100)])
def test_a_size_that_is_no_multiple_of_32_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"multiples of 32, not \\({size[0]}, {size[1]}\\)"):
        model_of()(torch.randn(1, 3, *size))


def test_the_encoder_gives_one_map_at_each_size() -> None:
    model = model_of().eval()
    with torch.no_grad():
        maps = model.encoder(torch.randn(1, 3, 64, 96))
    assert [tuple(one.shape[1:]) for one in maps] == [
        (16, 32, 48),
        (24, 16, 24),
        (32, 8, 12),
        (96, 4, 6),
        (1280, 2, 3),
    ]


@pytest.mark.usefixtures("thin")
@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_one_step_changes_exactly_what_the_variant_trains(variant: Variant, decoder: str) -> None:
    model = model_of(variant, decoder)
    before = state(model)
    torch.manual_seed(0)
    one_step(model)
    # The whole state is compared, BatchNorm's running statistics and counters too.
    assert parts_that_differ(before, state(model)) == {"encoder", "decoder"} - FROZEN[variant]


@pytest.mark.usefixtures("thin")
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_trained_weight_gets_a_gradient_and_no_frozen_one_does(variant: Variant) -> None:
    model = model_of(variant)
    torch.manual_seed(0)
    one_step(model)
    frozen = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert {name for name, parameter in model.named_parameters() if not parameter.requires_grad} == frozen
    assert {name.split(".")[0] for name in frozen} == FROZEN[variant]
    trained = {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {"encoder", "decoder"} - FROZEN[variant]  # a part is frozen whole or not at all


@pytest.mark.usefixtures("thin")
@pytest.mark.parametrize("variant", VARIANTS)
def test_frozen_parts_stay_in_evaluation_mode_whatever_is_called(variant: Variant) -> None:
    model = model_of(variant)
    calls: list[Callable[[], object]] = [model.train, lambda: model.eval().train(), lambda: model.train(True)]
    for call in calls:
        call()
        for part in ("encoder", "decoder"):
            modes = {module.training for module in model.get_submodule(part).modules()}
            assert modes == {part not in FROZEN[variant]}
    model.eval()
    assert not any(module.training for module in model.modules())


@pytest.mark.usefixtures("thin")
def test_a_frozen_encoder_keeps_no_graph() -> None:
    model = model_of("trainable-decoder")
    assert not any(one.requires_grad for one in model_maps(model))
    assert all(one.requires_grad for one in model_maps(model_of("fine-tune")))


@pytest.mark.usefixtures("thin")
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_folded_encoder_gives_the_same_logits_and_is_no_part_of_the_state(variant: Variant) -> None:
    model = model_of(variant)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):  # statistics as after a training, not the initial 0 and 1
            module.running_mean = torch.rand(module.num_features) - 0.5
            module.running_var = torch.rand(module.num_features) + 0.5
    images, before = torch.randn(2, 3, 64, 64), state(model)
    with torch.no_grad():
        expected = model.eval()(images)
        model.fold_frozen_encoder()
        assert torch.allclose(model(images), expected, atol=1e-4)
    assert parts_that_differ(before, state(model)) == set()
    assert state(model).keys() == before.keys()
    run: list[nn.Module] = []
    for module in model.modules():
        module.register_forward_hook(lambda module, inputs, outputs: run.append(module))
    model(images)
    assert any(isinstance(module, nn.BatchNorm2d) for module in model.encoder.modules())
    assert (model.encoder in run) == (variant != "trainable-decoder")


def model_maps(model: Segmenter) -> list[torch.Tensor]:
    """Return the maps that the decoder gets in a forward pass."""
    given: list[torch.Tensor] = []
    model.decoder.register_forward_pre_hook(lambda module, inputs: given.extend(inputs[0]))
    model(torch.randn(2, 3, 64, 64, requires_grad=True))
    return given


def test_parameters_are_counted_by_hand() -> None:
    # MobileNetV2 has 3,504,872 (torchvision's documentation), of which the classifier, 1280 × 1000 + 1000, is left off.
    encoder = 3_504_872 - 1_281_000

    # A convolution 3×3 without bias and a BatchNorm: 9ab + 2b. The head has a bias: 9·16 + 1.
    def convolutions(*widths: int) -> int:
        return sum(9 * a * b + 2 * b for a, b in pairwise(widths))

    plain = convolutions(1280, 256, 128, 64, 32, 16) + 145
    with_skips = [(1280 + 96, 256, 256), (256 + 32, 128, 128), (128 + 24, 64, 64), (64 + 16, 32, 32), (32, 16, 16)]
    unet = sum(convolutions(*widths) for widths in with_skips) + 145
    pointwise = [(1280, 256), (256, 128), (128, 64), (64, 32), (96, 256), (32, 128), (24, 64), (16, 32)]  # with a bias each
    smoothed = sum(convolutions(width, width, width) for width in (256, 128, 64, 32))
    pyramid = sum(a * b + b for a, b in pointwise) + smoothed + 9 * 32 + 1
    assert count_parameters(model_of(decoder="plain")) == encoder + plain == 5_565_809
    assert count_parameters(model_of(decoder="unet")) == encoder + unet == 6_628_945
    assert count_parameters(model_of(decoder="pyramid")) == encoder + pyramid == 4_195_169


def test_the_deepest_map_is_torchvisions() -> None:
    model = model_of().eval()
    network = mobilenet_v2()
    network.features.load_state_dict(model.encoder.features.state_dict())
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model.encoder(images)[-1], network.eval().features(images))


@pytest.mark.usefixtures("thin")
def test_the_seed_alone_decides_the_initial_weights() -> None:
    torch.manual_seed(1)
    first = state(model_of(seed=5))
    drawn = torch.rand(1)
    torch.manual_seed(2)
    assert parts_that_differ(first, state(model_of(seed=5))) == set()
    assert parts_that_differ(first, state(model_of(seed=6))) == {"encoder", "decoder"}
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), drawn)  # building a model draws nothing from the caller's random numbers


def test_the_strided_depthwise_convolutions_are_torchvisions_but_for_their_precision() -> None:
    encoder = model_of().encoder
    theirs = mobilenet_v2().features
    theirs.load_state_dict(encoder.features.state_dict())
    strided = [
        name for name, one in theirs.named_modules() if isinstance(one, nn.Conv2d) and one.groups > 1 and one.stride != (1, 1)
    ]
    assert len(strided) == 4
    for name in strided:
        ours, other = encoder.features.get_submodule(name), theirs.get_submodule(name)
        maps = torch.randn(2, other.in_channels, 8, 8)
        assert torch.equal(ours(maps), other(maps))
        with torch.autocast("cpu", torch.bfloat16):
            half = ours(maps.bfloat16())
        assert half.dtype == torch.bfloat16
        assert torch.equal(half, other(maps.bfloat16().float()).bfloat16())
