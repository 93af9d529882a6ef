"""A camera that records a screen, picture after picture; ``recording`` says which."""

from __future__ import annotations

import math
from collections import deque
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from attacks.clip import frames_of
from attacks.rerecord.camera import Camera, Sway
from attacks.rerecord.screen import Refresh, linear_light
from attacks.rerecord.sensor import (
    Exposure,
    NoiseBank,
    Sensor,
    developed,
    flicker,
    moire,
    tone_table,
    toned,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import NDArray

    from attacks.clip import Clip
    from attacks.rerecord.recording import Rerecord
    from provenance.clip import VideoSpec

_LENS_PX = 0.2  # sigma of a sharp lens: two fifths of a photosite
_PIXEL_PX = 1 / math.sqrt(12)  # that of the quad's own width
_BEZEL, _BEZEL_LIGHT = 0.02, 0.004  # share of the width, light
_AE_TARGET = 0.2  # mean linear light: what meters take for grey


class Moment(NamedTuple):
    """Linear light (H, W, 3) of a picture on the panel, whose top row shows it from ``from_s``."""

    from_s: float
    light: NDArray[np.float32]


def on_screen(clip: Clip, how: Rerecord) -> Generator[Moment]:
    """What the panel shows of ``clip``, picture after picture, each from when it is drawn on."""
    refresh = Refresh(hertz=how.refresh_hz, phase=how.phase)
    table = linear_light(how.gamma, (1 + how.red, 1.0, 1 + how.blue))
    with closing(frames_of(clip)) as frames:  # type: ignore[type-var]
        for time_s, frame in frames:
            yield Moment(refresh.shown_at(time_s), np.asarray(cv2.LUT(frame, table), np.float32))


class Shown:
    """The few pictures that are on the panel about now."""

    def __init__(self, screen: Iterator[Moment]) -> None:
        self._screen = screen
        self._held: deque[Moment] = deque()

    def between(self, begin_s: float, end_s: float) -> list[Moment]:
        """What some row may show between two times; times asked for do not decrease.

        The first picture stands there before the beginning, the last one after the end.
        """
        while not self._held or self._held[-1].from_s <= end_s:
            moment = next(self._screen, None)
            if moment is None:
                break
            self._held.append(moment)
        while len(self._held) > 1 and self._held[1].from_s <= begin_s:
            self._held.popleft()
        seen = [moment for moment in self._held if moment.from_s <= end_s]
        return seen or [self._held[0]]


class Shoot:
    """A camera while it records: what it keeps from one frame to the next."""

    def __init__(self, how: Rerecord, video: VideoSpec) -> None:
        self._how, self._size = how, (video.height, video.width)
        self._camera = Camera(
            width=video.width,
            height=video.height,
            fov_deg=how.fov_deg,
            fill=how.fill,
            yaw_deg=how.yaw_deg,
            pitch_deg=how.pitch_deg,
            roll_deg=how.roll_deg,
            aim=(how.aim_x, how.aim_y),
            bend=how.bend,
        )
        self._sway = Sway(seed=how.seed, rms_deg=how.sway_deg)
        self._refresh = Refresh(hertz=how.refresh_hz, phase=how.phase)
        random = np.random.default_rng(how.seed)
        self._noise = NoiseBank(video.height, video.width, random)
        self._sensor = Sensor(electrons=how.electrons, read_noise=how.read_noise)
        self._exposure = Exposure(target=_AE_TARGET, lag_s=how.exposure_lag_s, bias_ev=how.bias_ev)
        self._tone = tone_table(how.contrast)
        self._falloff, self._glare = _falloff_and_glare(how, video)
        # Where on the sensor the rows of the screen are read: through the middle column.
        heights = (np.arange(video.height) + 0.5) / video.height
        column = np.column_stack([np.zeros(video.height), (heights - 0.5) * video.height])
        below = self._camera.project(column)[:, 1] / video.height + 0.5
        self._screen_rows, self._read_rows = heights, np.clip(below, 0, 1)

    def frame(self, shown: Shown, time_s: float) -> NDArray[np.uint8]:
        """(H, W, 3) sRGB of the frame whose top row opens at ``time_s``; in order."""
        how = self._how
        light = self._blended(shown, time_s)
        rows = self._camera.rows() / self._size[0] * how.readout_s
        x, y = self._camera.view(self._sway.angles(time_s + rows + how.exposure_s / 2))
        light = self._through_lens(light, x, y, time_s)
        gain = self._exposure.gain(float(light.mean()), float(how.rate[1] / how.rate[0]))
        light *= np.float32(gain)
        noise = self._noise.next() * self._sensor.deviation(light)
        light += noise
        return developed(toned(light, self._tone), denoise=how.denoise, sharpen=how.sharpen)

    def _blended(self, shown: Shown, time_s: float) -> NDArray[np.float32]:
        """What the panel shows while it is exposed, row by row, dimmed by its backlight."""
        how = self._how
        end_s = time_s + how.readout_s + how.exposure_s
        moments = shown.between(time_s - 1 / how.refresh_hz, end_s)
        opens_s = time_s + self._read_rows * how.readout_s
        shares = self._refresh.shares(
            [moment.from_s for moment in moments[1:]],
            rows=self._screen_rows,
            opens_s=opens_s,
            exposure_s=how.exposure_s,
        )
        shares *= flicker(
            opens_s,
            hertz=how.pulse_hz,
            depth=how.pulse_depth,
            exposure_s=how.exposure_s,
            phase=how.phase,
        ).astype(np.float32)
        seen = [(s, m) for s, m in zip(shares, moments, strict=True) if s.any()]
        light = seen[0][1].light * seen[0][0][:, None, None]
        for share, moment in seen[1:]:
            light += moment.light * share[:, None, None]
        return np.asarray(light, np.float32)

    def _through_lens(
        self,
        light: NDArray[np.float32],
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        at_s: float,
    ) -> NDArray[np.float32]:
        """What falls on the sensor where (x, y) of the screen is seen."""
        how, (height, width) = self._how, self._size
        moved_px = self._sway.speed(at_s) * self._camera.focal_px * how.exposure_s
        lens = math.sqrt(_LENS_PX**2 + how.defocus_px**2 + (moved_px * _PIXEL_PX) ** 2)
        on_screen = self._camera.pixels_of_screen()
        sigma = math.hypot(lens, _PIXEL_PX) * on_screen
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), sigma), np.float32)
        bezel = max(2, round(_BEZEL * width))
        framed = cv2.copyMakeBorder(
            light, *(bezel,) * 4, cv2.BORDER_CONSTANT, value=(_BEZEL_LIGHT,) * 3
        )
        left, top = np.float32(width / 2), np.float32(height / 2)
        remapped = cv2.remap(
            framed,
            x + np.float32(left + bezel - 0.5),
            y + np.float32(top + bezel - 0.5),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(2 * how.veil,) * 3,
        )
        seen = np.asarray(remapped, np.float32)
        scale = np.float32(how.panel_scale)
        jacobian = _jacobian(x, y) * how.panel_scale
        grid = moire((x + left) * scale, (y + top) * scale, jacobian=jacobian, sigma=lens)
        grid[(np.abs(x) > left) | (np.abs(y) > top)] = 1  # beside the panel there is none
        seen *= grid
        opens_s = at_s + np.arange(height) / height * how.readout_s
        lamp = flicker(
            opens_s, hertz=2 * how.mains_hz, depth=how.lamp_depth, exposure_s=how.exposure_s
        )
        seen += (self._glare * lamp[:, None].astype(np.float32))[..., None]
        seen *= self._falloff[..., None]
        return seen


def _jacobian(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float64]:
    """(2, 2) mean steps (x, y) on the screen for a pixel right and down in the frame."""
    right = [float(np.diff(axis[len(axis) // 2]).mean()) for axis in (x, y)]
    down = [float(np.diff(axis[:, axis.shape[1] // 2]).mean()) for axis in (x, y)]
    return np.array([right, down]).T


def _falloff_and_glare(
    how: Rerecord, video: VideoSpec
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(H, W) share of light that the lens lets through, and light of the room on the panel."""
    y, x = np.mgrid[0 : video.height, 0 : video.width].astype(np.float32)
    across, down = x / video.width, y / video.height
    corner = ((across - 0.5) ** 2 + (down - 0.5) ** 2) * 2
    falloff = 1 - np.float32(how.vignette) * corner
    aspect = video.width / video.height
    away = (across - how.glare_x) ** 2 * aspect**2 + (down - how.glare_y) ** 2
    glare = how.veil + how.glare * np.exp(-away / np.float32(2 * 0.16**2))
    return falloff.astype(np.float32), glare.astype(np.float32)
