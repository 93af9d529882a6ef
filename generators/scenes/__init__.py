"""Procedural scenes with sound and captions: the data that the generators are trained on.

A :class:`SceneSpec` is drawn (:func:`draw_scene`), said (:func:`caption`), and rendered to picture
(:func:`render_video`) and sound (:func:`render_audio`), which share its :func:`impacts`;
:func:`scene_batch` does all four. Nothing is read from disk; everything is a function of the spec.
"""

from generators.scenes.batch import SceneBatch, scene_batch
from generators.scenes.captions import caption
from generators.scenes.draw import Split, draw_scene
from generators.scenes.picture import body_cover, render_video
from generators.scenes.sound import render_audio
from generators.scenes.spec import Body, Impact, SceneSpec, attributes, impacts
from generators.scenes.vocabulary import is_held_out

__all__ = [
    "Body",
    "Impact",
    "SceneBatch",
    "SceneSpec",
    "Split",
    "attributes",
    "body_cover",
    "caption",
    "draw_scene",
    "impacts",
    "is_held_out",
    "render_audio",
    "render_video",
    "scene_batch",
]
