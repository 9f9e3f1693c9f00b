"""The registry of embedding networks is sound. That the data fits the networks: see their own tests."""

import dataclasses

import pytest

from rvs.embedding.spec import EMBEDDERS, EmbedderSpec, embedder_spec
from rvs.errors import ConfigError

EVERY = pytest.mark.parametrize("spec", EMBEDDERS, ids=lambda spec: spec.name)


def test_the_face_network_the_study_s_five_and_one_whose_weights_can_be_had() -> None:
    names = [spec.name for spec in EMBEDDERS]
    five = ["resnet50", "vgg16", "mobilenet", "inceptionv3", "xception"]
    assert names == ["face-resnet", *five, "mobilenetv2"]
    assert [spec.name for spec in EMBEDDERS if spec.downloaded] == five


@EVERY
def test_found_by_name(spec: EmbedderSpec) -> None:
    assert embedder_spec(spec.name) is spec


@EVERY
def test_frozen(spec: EmbedderSpec) -> None:
    assert hash(spec) == hash(dataclasses.replace(spec))
    for part in (spec, spec.preprocessing):
        for field in dataclasses.fields(part):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(part, field.name, getattr(part, field.name))


@EVERY
def test_says_what_it_is_and_whose(spec: EmbedderSpec) -> None:
    assert all((spec.description, spec.licence, spec.weights))


def test_only_the_face_network_travels_with_the_package() -> None:
    assert [spec.name for spec in EMBEDDERS if spec.packaged] == ["face-resnet"]


def test_only_the_face_network_is_shown_aligned_faces_and_their_mirror_images() -> None:
    assert [spec.name for spec in EMBEDDERS if spec.face_crop == "aligned"] == ["face-resnet"]
    assert [spec.name for spec in EMBEDDERS if spec.mirrored] == ["face-resnet"]
    assert {spec.face_crop for spec in EMBEDDERS if spec.name != "face-resnet"} == {"face"}


@pytest.mark.parametrize("name", ["", "ResNet50", "arcface"])
def test_no_such_network(name: str) -> None:
    with pytest.raises(ConfigError, match=f'There is no embedding network "{name}"') as caught:
        embedder_spec(name)
    assert all(spec.name in caught.value.hint for spec in EMBEDDERS)
