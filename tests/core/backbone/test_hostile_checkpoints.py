"""Checkpoints made to do harm: one line that names the file, nothing run, no memory taken."""

import contextlib
import functools
import json
import os
import pickle
import re
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from counterpart.core.backbone.checkpoints import import_checkpoint
from counterpart.core.backbone.convert import read_backbone
from counterpart.core.backbone.tensor_files import TensorFile
from counterpart.core.backbone.weights import is_installed, read_weights
from counterpart.core.errors import CheckpointError
from tests.core import backbone_tiny

tiny_state = functools.cache(backbone_tiny.tiny_state)


@pytest.fixture(autouse=True)
def models(monkeypatch, tmp_path):
    monkeypatch.setenv("COUNTERPART_MODELS", str(tmp_path / "models"))


def _tensors():
    return {name: torch.from_numpy(value) for name, value in tiny_state().items()}


def _refused(path, match=None):
    """Import a file that must be refused in one line that names it."""
    with pytest.raises(CheckpointError, match=match or re.escape(path.name)) as caught:
        import_checkpoint(path, name="victim", heads=3)
    assert caught.value.path == path
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert not is_installed("victim")


def _refused_within_bounds(path, match):
    """The same, within 60 MB beyond the file's own size."""
    tracemalloc.start()
    try:
        _refused(path, match)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60_000_000 + 2 * path.stat().st_size


def _write(path, data):
    path.write_bytes(data)
    return path


def _archive(path, pickled, compression=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("m/data.pkl", pickled)
        for key, data in members.items():
            archive.writestr(f"m/data/{key.removeprefix('s')}", data)
    return path


def _pickled(names, count=4, shape=(4,), strides=(1,), offset=0, kind="FloatStorage"):
    """Opcodes of a dictionary of tensors that are views of one storage."""

    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def number(value):
        return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)

    def numbers(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    view = (
        b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + f"ctorch\n{kind}\n".encode() + text("0")
        + text("cpu") + number(count) + b"tQ" + number(offset) + numbers(shape) + numbers(strides)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )  # fmt: skip
    return b"\x80\x02}(" + b"".join(text(name) + view for name in names) + b"u."


PATCH = "patch_embed.proj.weight"


# Right values --------------------------------------------------------------------------------------------------------


def _by_torch(path, **how):
    torch.save(_tensors(), path, **how)


WRITERS = {
    "archive": _by_torch,
    "before version 1.6": lambda path: _by_torch(path, _use_new_zipfile_serialization=False),
    "pickle protocol 4": lambda path: _by_torch(path, pickle_protocol=4),
    "pickle protocol 5": lambda path: _by_torch(path, pickle_protocol=5),
    "old and protocol 4": lambda path: _by_torch(path, pickle_protocol=4, _use_new_zipfile_serialization=False),
    "safetensors": lambda path: save_file(_tensors(), path),
    "parameters": lambda path: torch.save({k: torch.nn.Parameter(v) for k, v in _tensors().items()}, path),
    "module's state": lambda path: torch.save({"model": torch.nn.ParameterDict({}).state_dict() | _tensors()}, path),
    "double precision": lambda path: torch.save({k: v.double() for k, v in _tensors().items()}, path),
    "views of one storage": lambda path: torch.save(_as_views(_tensors()), path),
    "transposed": lambda path: torch.save({k: _transposed(v) for k, v in _tensors().items()}, path),
    "with tensors of other kinds beside": lambda path: torch.save(
        {"state_dict": _tensors(), "sparse": torch.eye(3).to_sparse(), "meta": torch.zeros(3, device="meta")}, path
    ),
}


def _as_views(tensors):
    flat = torch.cat([value.flatten() for value in tensors.values()])
    ends = np.cumsum([value.numel() for value in tensors.values()])
    return {
        name: flat[end - value.numel() : end].view(value.shape)
        for (name, value), end in zip(tensors.items(), ends, strict=True)
    }


def _transposed(value):
    return value.transpose(0, -1).contiguous().transpose(0, -1)


@pytest.mark.parametrize("writer", WRITERS)
def test_whatever_wrote_it_a_checkpoint_reads_bit_for_bit(tmp_path, writer):
    path = tmp_path / "m.pth"
    WRITERS[writer](path)
    found = read_backbone(path)
    assert found.keys() == tiny_state().keys()
    for name, value in tiny_state().items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_half_precision_is_widened_exactly(tmp_path, dtype, suffix):
    path = tmp_path / f"m{suffix}"
    halves = {name: value.to(dtype) for name, value in _tensors().items()}
    save_file(halves, path) if suffix == ".safetensors" else torch.save(halves, path)
    found = read_backbone(path)
    for name, value in halves.items():
        np.testing.assert_array_equal(found[name], value.float().numpy(), err_msg=name)


def test_an_archive_without_checksums_is_read(tmp_path):
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(_tensors(), tmp_path / "m.pth")
    finally:
        torch.serialization.set_crc32_options(before)
    np.testing.assert_array_equal(read_backbone(tmp_path / "m.pth")["pos_embed"], tiny_state()["pos_embed"])


def test_numbers_of_a_big_endian_machine_are_turned(tmp_path):
    values = np.arange(4, dtype=">f4")
    path = _archive(tmp_path / "m.pth", _pickled(["a"]), s0=values.tobytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("m/byteorder", "big")
    with TensorFile(path) as file:
        np.testing.assert_array_equal(file.tensors["a"].array(), values)


# Nothing is called ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "opcodes",
    [
        b"\x80\x02cnumpy\ndtype\n(X\x02\x00\x00\x00i8\x89\x88tR(J\x04\x00\x00\x00X\x01\x00\x00\x00xtb.",
        b"\x80\x02cnumpy\ndtype\n(NtbNb.",
        b"\x80\x02ctorch.hub\nload\n(X\x01\x00\x00\x00xtR.",
        b"\x80\x02cnumpy.testing._private.utils\nrunstring\n(X\x0a\x00\x00\x00raise 1/0 X\x00\x00\x00\x00tR.",
        b"(cnumpy\ndtype\nX\x02\x00\x00\x00i8o.",
        b"(X\x02\x00\x00\x00i8inumpy\ndtype\n.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(NNNNtR.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
        b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nN)tR.",
        b"\x80\x02ccollections\nOrderedDict\n(X\x02\x00\x00\x00abtR.",
    ],
)
def test_what_torch_and_numpy_offer_is_not_called_either(tmp_path, opcodes):
    _refused(_write(tmp_path / "bare.pth", opcodes), "not a checkpoint, or it is damaged")
    _refused(_archive(tmp_path / "zip.pth", opcodes), "damaged|no named tensors")


@pytest.mark.parametrize("module", ["os\nsystem", "builtins\neval", "posix\nfork", "subprocess\nPopen", "pip\nmain"])
def test_a_call_that_has_no_place_in_a_checkpoint_is_named(tmp_path, module):
    for opcodes in (f"\x80\x02c{module}\n)R.".encode("latin-1"), f"(i{module}\n.".encode()):
        name = module.replace("\n", r"\.")
        _refused(_write(tmp_path / "bare.pth", opcodes), f"would run code \\({name}\\)")
        _refused(_archive(tmp_path / "zip.pth", opcodes), f"would run code \\({name}\\)")


def test_what_cannot_be_hashed_safely_is_no_key(tmp_path):
    """A tuple nested so deep ends the process where its hash is taken."""
    nested = b"\x80\x02})" + b"\x85" * 50_000 + b"Ns."
    _refused(_archive(tmp_path / "deep.pth", nested), "no named tensors")


# Nothing grows -------------------------------------------------------------------------------------------------------


def test_a_compressed_archive_is_not_unpacked(tmp_path):
    path = _archive(tmp_path / "bomb.pth", _pickled([PATCH]), zipfile.ZIP_DEFLATED, s0=bytes(100_000_000))
    assert path.stat().st_size < 1_000_000
    _refused_within_bounds(path, "compressed or encrypted")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"shape": (50_000, 50_000), "strides": (0, 0)}, "repeats its numbers"),
        ({"shape": (2**40,), "strides": (0,)}, "repeats its numbers"),
        ({"shape": (2**62, 4), "strides": (1, 1)}, "repeats its numbers"),
        ({"shape": (0, 2**62), "strides": (1, 1)}, "damaged|shape"),
        ({"shape": (4,), "strides": (2**50,)}, "beyond its storage"),
        ({"offset": 2**40}, "beyond its storage"),
        ({"offset": -8}, "described wrongly"),
        ({"shape": (-4,)}, "described wrongly"),
        ({"strides": (-1,)}, "described wrongly"),
        ({"shape": (1,) * 40, "strides": (1,) * 40}, "described wrongly"),
        ({"count": 2**40}, "too short"),
        ({"count": -1}, "described wrongly"),
        ({"kind": "ComplexFloatStorage"}, "complex64"),
        ({"kind": "QInt8Storage"}, "qint8"),
        ({"kind": "NoStorage"}, "NoStorage"),
        ({"kind": "LongStorage"}, "too short"),
    ],
)
def test_a_forged_description_of_a_tensor_is_refused_within_bounds(tmp_path, options, match):
    _refused_within_bounds(_archive(tmp_path / "m.pth", _pickled([PATCH], **options), s0=bytes(16)), match)


def test_tensors_that_share_their_numbers_do_not_multiply_them(tmp_path):
    names = [PATCH, *(f"blocks.{i}.x" for i in range(3000))]
    count = 250_000
    pickled = _pickled(names, count, (count,))
    _refused_within_bounds(_archive(tmp_path / "m.pth", pickled, s0=bytes(4 * count)), "more numbers than the file")


def test_members_that_lie_on_each_other_do_not_multiply_the_file(tmp_path):
    path = _archive(tmp_path / "m.pth", _pickled([PATCH]), s0=bytes(16))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"m/data/0") - 46  # its entry in the directory
    struct.pack_into("<II", data, at + 20, 0x7FFFFFFF, 0x7FFFFFFF)
    _refused_within_bounds(_write(path, data), "damaged")


@pytest.mark.parametrize("opcode", [b"}", b"]", b"(", b"N", b"(t"])
def test_a_pickle_of_nothing_but_containers_ends(tmp_path, opcode, monkeypatch):
    monkeypatch.setattr("counterpart.core.backbone.pickled.MOST_OPCODES", 10_000)
    _refused_within_bounds(_write(tmp_path / "m.pth", b"\x80\x02" + opcode * 20_000 + b"."), "too many pieces")


@pytest.mark.parametrize(
    "start",
    [b"\x8d" + b"\xff" * 7 + b"\x0f", b"X\xff\xff\xff\x7f", b"\x8b\xff\xff\xff\x7f", b"\x8e" + b"\xff" * 7 + b"\x0f"],
)
def test_a_forged_length_allocates_nothing(tmp_path, start):
    _refused_within_bounds(_write(tmp_path / "m.pth", b"\x80\x04" + start + b"abc"), "damaged")


def test_pairs_given_again_and_again_to_a_dictionary_do_not_multiply(tmp_path):
    pairs = b"".join(b"]" + b"(X\x04\x00\x00\x00%04dNe" % i for i in range(1000))
    calls = b"ccollections\nOrderedDict\nq\x00](" + pairs + b"eq\x01" + b"0h\x00h\x01\x85R" * 2_000 + b"."
    _refused_within_bounds(_archive(tmp_path / "m.pth", b"\x80\x02" + calls), "no named tensors")


# Safetensors ---------------------------------------------------------------------------------------------------------


def _safe(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return _write(path, struct.pack("<Q", len(text)) + text + data)


@pytest.mark.parametrize(
    "header",
    [
        b"{" + b'"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        {"a": {"dtype": "F32", "shape": [2**62], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}},
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}},
        {"a": {"dtype": "X", "shape": [1], "data_offsets": [0, 4]}},
        {"a": {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": 1, "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32"}},
        {"a": []},
        {name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for name in "ab"},
        {"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}, "__metadata__": 3},
        {},
        b"{",
        b'{"\xff": 1}',
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_a_forged_header_is_refused_within_bounds(tmp_path, header):
    _refused_within_bounds(
        _safe(tmp_path / "m.safetensors", header, bytes(4)), "damaged|no named tensors|no vision transformer"
    )


def test_a_header_without_end_is_not_read(tmp_path):
    path = tmp_path / "m.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 90_000_000) + b"{")
        file.truncate(100_000_000)
    _refused_within_bounds(path, "header is too long")


@pytest.mark.parametrize("kind", ["F8_E4M3", "C64", "F4"])
def test_types_that_no_network_has_are_named(tmp_path, kind):
    size = {"F8_E4M3": 4, "C64": 32, "F4": 2}[kind]
    header = {PATCH: {"dtype": kind, "shape": [4], "data_offsets": [0, size]}}
    _refused_within_bounds(_safe(tmp_path / "m.safetensors", header, bytes(size)), f"{PATCH} is a tensor of {kind}")


@pytest.mark.parametrize("name", ["a\nerror: all is well", "\x1b[2J", "x" * 1000])
def test_a_name_that_would_spoil_a_message_is_not_shown(tmp_path, name):
    save_file({name: torch.zeros(1)}, tmp_path / "m.safetensors")
    _refused_within_bounds(tmp_path / "m.safetensors", "name is not text")
    torch.save({name: torch.zeros(1)}, tmp_path / "m.pth")
    _refused_within_bounds(tmp_path / "m.pth", "name is not text")


# Networks of impossible shape ----------------------------------------------------------------------------------------

SHAPES = {
    PATCH: [(24,), (), (24, 3, 8), (24, 3, 8, 8, 1), (24, 4, 8, 8), (0, 3, 8, 8), (24, 3, 0, 0), (24, 3, 8, 9)],
    "pos_embed": [(), (24,), (17, 24), (1, 17), (2, 17, 24), (1, 0, 24), (1, 17, 23), (1, 7, 24)],
    "cls_token": [(), (24,), (1, 24), (24, 1, 1), (1, 2, 24), (1, 1, 23)],
    "reg_token": [(), (3,), (1, 3), (2, 3, 24), (1, 5000, 24)],
    "register_tokens": [(), (3,), (24, 1, 1), (1, 3, 23)],
    "blocks.0.mlp.fc1.weight": [(), (48,), (48, 24, 1), (0, 24), (48, 23)],
    "blocks.9.norm1.weight": [(), (24,)],
    "blocks.1.attn.qkv.weight": [(), (72,), (71, 24)],
}


@pytest.mark.parametrize(("name", "shape"), [(name, shape) for name, shapes in SHAPES.items() for shape in shapes])
def test_a_tensor_of_another_shape_than_a_vit_has_is_named(tmp_path, name, shape):
    tensors = _tensors() | {name: torch.ones(shape)}
    path = tmp_path / "m.safetensors"
    save_file(tensors, path)
    _refused(path)


def test_a_network_of_a_thousand_blocks_is_not_built(tmp_path):
    tensors = _tensors() | {f"blocks.{i}.norm1.weight": torch.zeros(1) for i in range(1_000)}
    save_file(tensors, tmp_path / "m.safetensors")
    _refused(tmp_path / "m.safetensors", "1000 for its blocks")


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda t: t.to_sparse(), "norm.bias is a sparse tensor"),
        (lambda t: t.to("meta"), "norm.bias is a tensor without values"),
        (lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8), "norm.bias is a quantised tensor"),
        (lambda t: t.to(torch.complex64), "norm.bias is a tensor of complex64 numbers"),
        (lambda t: t.to(torch.float8_e4m3fn), r"norm.bias is a tensor of torch.float8_e4m3fn numbers"),
        (lambda t: t[:1].clone().expand(24), "norm.bias is a view that repeats its numbers"),
        (lambda t: t.to(torch.int8), "norm.bias holds int8 instead of floating-point numbers"),
        (lambda t: t > 0, "norm.bias holds bool instead of floating-point numbers"),
        (lambda t: t.double() * 1e300, "norm.bias holds values that are not numbers"),
        (lambda t: t.to(torch.complex64).conj(), "norm.bias is a conjugate or negated view"),
    ],
)
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated", "ignore:.*[Qq]uantiz")
def test_a_tensor_of_another_kind_in_the_network_is_named(tmp_path, make, match):
    tensors = _tensors()
    tensors["norm.bias"] = make(tensors["norm.bias"])
    torch.save(tensors, tmp_path / "m.pth")
    _refused(tmp_path / "m.pth", match)


# Other files ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "m.pth")
    with pytest.raises(CheckpointError, match="it is not a file"):
        import_checkpoint(tmp_path / "m.pth")


def test_a_compiled_program_is_named_as_one(tmp_path):
    path = _archive(tmp_path / "m.pt", b"\x80\x02c__torch__\nNet\n)\x81.")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("m/constants.pkl", b"")
    _refused(path, "compiled program of TorchScript")


@pytest.mark.parametrize("name", ["a\0b.pth", "x" * 300 + ".pth"])
def test_a_name_that_no_file_can_have_is_an_error_like_others(tmp_path, name):
    with pytest.raises(CheckpointError, match="cannot be opened"):
        import_checkpoint(tmp_path / name)


# Damage at random ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small checkpoint in each form, and the tensor in it."""
    folder = tmp_path_factory.mktemp("small")
    tensors = {PATCH: torch.arange(24.0).reshape(2, 3, 2, 2)}
    torch.save(tensors, folder / "zip.pth")
    torch.save({"teacher": tensors, "epoch": 3}, folder / "old.pth", _use_new_zipfile_serialization=False)
    save_file(tensors, folder / "safe.safetensors")
    return folder, {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("name", ["zip.pth", "old.pth", "safe.safetensors"])
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_damage_anywhere_is_refused_or_leaves_tensors_within_the_file(small, name, data):
    folder, contents = small
    broken = bytearray(contents[name])
    places = st.integers(0, len(broken) - 1)
    for place in data.draw(st.lists(places, max_size=4)):
        broken[place] = data.draw(st.integers(0, 255))
    del broken[data.draw(st.one_of(st.just(len(broken)), places)) :]
    path = _write(folder / f"broken-{name}", broken)
    with contextlib.suppress(CheckpointError), TensorFile(path) as file:
        for tensor in file.tensors.values():
            assert tensor.array().nbytes <= 2 * len(broken)


def test_a_flipped_bit_in_an_archive_s_numbers_is_noticed(tmp_path):
    path = tmp_path / "m.pth"
    torch.save(_tensors(), path)
    data = bytearray(path.read_bytes())
    at = data.index(tiny_state()["norm.weight"].tobytes())
    data[at + 1] ^= 1
    _refused(_write(path, data), "Bad CRC-32")


def test_a_pickle_without_torch_is_something_else(tmp_path):
    _refused(_write(tmp_path / "m.pth", pickle.dumps({"weight": [1.0, 2.0]})), "a pickle of something else")


def test_an_import_keeps_exactly_what_the_file_held(tmp_path):
    torch.save(_tensors(), tmp_path / "mine.pth", _use_new_zipfile_serialization=False)
    import_checkpoint(tmp_path / "mine.pth", heads=3)
    state, _ = read_weights("mine")
    for name, value in tiny_state().items():
        np.testing.assert_array_equal(state[name], value, err_msg=name)
