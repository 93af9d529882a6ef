"""A phone films a screen that shows the clip. **A simulation**: no camera was used to make it.

What happens on the way is that of CamMark (Schaber, Kopf, Wesch and Effelsberg, "CamMark:
analyzing, modeling, and simulating artifacts in camcorder copies", ACM TOMM 11 (2s), 2015),
which was checked against real copies (geometry, frame blending from unsynchronised rates and
rolling shutter, Bayer array, gain and white balance control, hand-held movement), and, for the
grid of the panel, of Liu, Shu and Wu (arXiv:1804.03809). :data:`RANGES` was written down before
any mark was measured on it. What is left out: reflections of things, response times of liquid
crystals, blur in the direction of movement (its size is in the lens's blur), viewing angles that
change colours, a panel that is not a stripe of red, green and blue, local tone mapping, and sound,
which stays as it is (rooms are an attack of their own).

The recording has the size of the clip, and one Bayer quad a pixel, as phones have that film 1080
lines from a readout of 2160. It starts with the clip and ends with it.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from attacks.base import Attack, within
from attacks.camera import Camera, Sway
from attacks.clip import encode, frames_of
from attacks.screen import Refresh, linear_light
from attacks.sensor import (
    Exposure,
    NoiseBank,
    Sensor,
    developed,
    flicker,
    moire,
    tone_table,
    toned,
)
from provenance.video import EncodeSettings, picture_from_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from attacks.base import Desk
    from attacks.clip import Clip
    from provenance.clip import VideoSpec
    from provenance.video import Picture

Range = tuple[float, float]

# Least and most, at strengths 1 (tripod, in front of the screen), 2 (hand-held, from a little to
# the side) and 3 (hard).
RANGES: Mapping[str, tuple[Range, Range, Range]] = {
    # Pixels of the panel in a pixel of the clip: 1 in a window, 1.5 is 720 lines on a full-HD
    # panel, 2 is 720 lines on a QHD one.
    "panel_scale": ((1.0, 2.0),) * 3,
    # IEC 61966-2-1 displays have 2.2; monitors are out of adjustment by a tenth or two.
    "gamma": ((2.15, 2.25), (2.1, 2.35), (2.0, 2.5)),
    # Share of the frame's width. A screen that is filmed to be kept fills the frame.
    "fill": ((0.92, 1.0), (0.80, 0.98), (0.60, 0.92)),
    # Degrees off axis. Fang et al. ("Screen-shooting resilient watermarking", IEEE TIFS 14 (6),
    # 2019) and those after them photograph from the front and from the side; StegaStamp (Tancik,
    # Mildenhall and Ng, arXiv:1904.05343) moves corners by up to a tenth of the picture's side.
    "yaw_deg": ((0.0, 3.0), (10.0, 15.0), (20.0, 32.0)),
    "pitch_deg": ((0.0, 2.0), (3.0, 8.0), (8.0, 15.0)),
    "roll_deg": ((0.0, 0.7), (0.5, 2.0), (2.0, 6.0)),
    "aim": ((0.0, 0.01), (0.0, 0.03), (0.02, 0.06)),
    # Main cameras of phones are 24 to 28 mm equivalent, 65 to 74° over 36 mm; stabilisation of
    # video keeps a tenth of it back.
    "fov_deg": ((57.0, 70.0),) * 3,
    # Residual of Brown's k1 at the corner after the phone's own correction.
    "bend": ((-0.004, 0.004), (-0.015, 0.015), (-0.035, 0.035)),
    # Degrees rms of the aim after the phone's own stabilisation: a tripod; arms held still; one
    # arm. Golik ("Development of a test method for image stabilizing systems", Cologne 2006) and
    # CIPA DC-011 give the size of what is left to stabilise: tenths of a degree and up.
    "sway_deg": ((0.0, 0.01), (0.1, 0.35), (0.4, 1.0)),
    # Gaussian sigma in pixels of the recording beyond the lens's own 0.2 (half a photosite);
    # StegaStamp blurs by 1 to 3 of 400 pixels.
    "defocus_px": ((0.0, 0.3), (0.15, 0.7), (0.6, 1.5)),
    # Light lost in the corner: cos⁴ of 40° is 0.66, and phones correct most of it.
    "vignette": ((0.03, 0.12), (0.08, 0.25), (0.2, 0.4)),
    # Readout of a frame: 14 to 32 ms measured in phones and a GoPro (the table of rolling
    # shutters in Kalibr's documentation, after Ringaby, Forssén and others); newer ones less.
    "readout_s": ((0.008, 0.030),) * 3,
    # A screen in a lit room at video rates. At 1/100 or 1/120, or twice that, lamps of one of
    # the mains frequencies leave no bands; automatic exposure does not always choose so.
    "exposure_s": ((1 / 60, 1 / 50), (1 / 100, 1 / 40), (1 / 250, 1 / 50)),
    # Hz; nominally 60 (59.94 in some modes), clocks of panel and phone are not one.
    "refresh_hz": ((59.9, 60.05),) * 3,
    # Backlights dimmed by pulses: 180 to 250 Hz in most panels that do so. IEEE 1789-2015 on
    # depth: harmless below a tenth, full in cheap ones.
    "pulse_hz": ((180.0, 250.0),) * 3,
    "pulse_depth": ((0.0, 0.05), (0.0, 0.2), (0.1, 0.5)),
    # Of the room's lamps, at twice 50 or 60 Hz; LED and fluorescent lamps.
    "lamp_depth": ((0.0, 0.1), (0.05, 0.4), (0.2, 0.8)),
    # Light of the room on the panel, white being 1: 100 to 1,000 lux on a surface that sends back
    # 2 to 4 % is 0.6 to 13 cd/m²; panels are set to 120 to 300 cd/m².
    "veil": ((0.002, 0.01), (0.01, 0.03), (0.03, 0.09)),
    # Peak of the blurred image of a lamp in the panel.
    "glare": ((0.0, 0.01), (0.0, 0.06), (0.05, 0.25)),
    # Error of white balance and of the panel's white, red and blue as a share: 6,500 K taken for
    # 6,000 to 7,300 K is about a tenth.
    "red": ((-0.02, 0.02), (-0.07, 0.07), (-0.14, 0.14)),
    "blue": ((-0.02, 0.02), (-0.07, 0.07), (-0.14, 0.14)),
    "bias_ev": ((-0.15, 0.15), (-0.35, 0.35), (-0.7, 0.5)),
    "exposure_lag_s": ((0.5, 1.5),) * 3,
    # Electrons at white in a pixel of four photosites: a photosite of 1.4 µm holds about 6,000
    # at ISO 50; at ISO 200, 400 and 800 to 1,600 an eighth, … of the four's 24,000. EMVA 1288.
    "electrons": ((6000.0, 20000.0), (2500.0, 7000.0), (700.0, 2500.0)),
    "read_noise": ((3.0, 6.0),) * 3,
    # Levels that noise reduction takes for noise, and share by which sharpening lifts the rest.
    "denoise": ((0.7, 1.5), (1.0, 2.5), (2.0, 4.0)),
    "sharpen": ((0.2, 0.5), (0.2, 0.7), (0.3, 1.0)),
    "contrast": ((0.0, 0.1), (0.0, 0.2), (0.0, 0.3)),
}
CAMERA_RATES = (Fraction(30), Fraction(30000, 1001))
MAINS_HZ = (50.0, 60.0)
CRF = 28  # 2 to 3 Mbit/s for 720 lines of a noisy recording, as apps record; cameras take more
_PRESET = "veryfast"  # encoders in hardware know about as much
_LENS_PX = 0.2  # sigma of a sharp lens: two fifths of a photosite
_PIXEL_PX = 1 / math.sqrt(12)  # that of the quad's own width
_BEZEL, _BEZEL_LIGHT = 0.02, 0.004
_AE_TARGET = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerecord:
    """One recording: :data:`RANGES` gives units; ``seed`` draws the hand's path and the noise.

    ``aim_x``, ``aim_y``: as ``aim``. ``rate``: of the camera, numerator and denominator.
    ``phase``: of the panel's refresh, 0…1. ``mains_hz``: of the lamps. ``glare_x``, ``glare_y``:
    where the lamp is reflected, shares of the frame.
    """

    seed: int
    rate: tuple[int, int]
    phase: float
    mains_hz: float
    aim_x: float
    aim_y: float
    glare_x: float
    glare_y: float
    panel_scale: float
    gamma: float
    fill: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    fov_deg: float
    bend: float
    sway_deg: float
    defocus_px: float
    vignette: float
    readout_s: float
    exposure_s: float
    refresh_hz: float
    pulse_hz: float
    pulse_depth: float
    lamp_depth: float
    veil: float
    glare: float
    red: float
    blue: float
    bias_ev: float
    exposure_lag_s: float
    electrons: float
    read_noise: float
    denoise: float
    sharpen: float
    contrast: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        settings = EncodeSettings(crf=CRF, preset=_PRESET, threads=desk.threads)
        return encode(self.filmed(clip), desk.new_file(".mp4"), settings)

    def filmed(self, clip: Clip) -> Clip:
        """What the phone gives to its encoder."""
        video = replace(
            clip.video,
            rate=Fraction(*self.rate),
            bits=8,
            full_range=False,
            primaries=1,
            transfer=1,
            matrix=1,
        )
        frames = max(1, int(clip.duration_s * video.rate))

        def pictures() -> Iterator[Picture]:
            shoot = _Shoot(self, video)
            with closing(_on_screen(clip, self)) as screen:
                shown = _Shown(screen)
                for index in range(frames):
                    time = index / video.rate
                    yield picture_from_rgb(shoot.frame(shown, float(time)), time=time, spec=video)

        return clip.changed(video=video, pictures=pictures, duration_s=float(frames / video.rate))


class _Moment(NamedTuple):
    """Linear light (H, W, 3) of a picture on the panel, whose top row shows it from ``from_s``."""

    from_s: float
    light: NDArray[np.float32]


def _on_screen(clip: Clip, how: Rerecord) -> Iterator[_Moment]:
    refresh = Refresh(hertz=how.refresh_hz, phase=how.phase)
    table = linear_light(how.gamma, (1 + how.red, 1.0, 1 + how.blue))
    with closing(frames_of(clip)) as frames:  # type: ignore[type-var]
        for time_s, frame in frames:
            yield _Moment(refresh.shown_at(time_s), np.asarray(cv2.LUT(frame, table), np.float32))


class _Shown:
    """The few pictures that are on the panel about now."""

    def __init__(self, screen: Iterator[_Moment]) -> None:
        self._screen = screen
        self._held: deque[_Moment] = deque()

    def between(self, begin_s: float, end_s: float) -> list[_Moment]:
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


class _Shoot:
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

    def frame(self, shown: _Shown, time_s: float) -> NDArray[np.uint8]:
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

    def _blended(self, shown: _Shown, time_s: float) -> NDArray[np.float32]:
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
        light = cv2.copyMakeBorder(
            light, *(bezel,) * 4, cv2.BORDER_CONSTANT, value=(_BEZEL_LIGHT,) * 3
        )
        left, top = np.float32(width / 2), np.float32(height / 2)
        seen = cv2.remap(
            light,
            x + np.float32(left + bezel - 0.5),
            y + np.float32(top + bezel - 0.5),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(2 * how.veil,) * 3,
        )
        scale = np.float32(how.panel_scale)
        jacobian = _jacobian(x, y) * how.panel_scale
        seen *= moire((x + left) * scale, (y + top) * scale, jacobian=jacobian, sigma=lens)
        opens_s = at_s + np.arange(height) / height * how.readout_s
        lamp = flicker(
            opens_s, hertz=2 * how.mains_hz, depth=how.lamp_depth, exposure_s=how.exposure_s
        )
        seen += (self._glare * lamp[:, None].astype(np.float32))[..., None]
        seen *= self._falloff[..., None]
        return np.asarray(seen, np.float32)


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


def draw(strength: float, random: np.random.Generator) -> Rerecord:
    """A recording of strength 1…3; between them, ranges are between theirs."""
    within("strength", strength, 1.0, 3.0)
    drawn = {name: _between(ranges, strength, random) for name, ranges in RANGES.items()}
    for name in ("yaw_deg", "pitch_deg", "roll_deg"):
        drawn[name] *= float(random.choice((-1, 1)))
    aim, turn = drawn.pop("aim"), random.uniform(0, 2 * np.pi)
    rate = CAMERA_RATES[random.integers(2)]
    return Rerecord(
        seed=int(random.integers(1 << 31)),
        rate=(rate.numerator, rate.denominator),
        phase=float(random.uniform()),
        mains_hz=float(random.choice(MAINS_HZ)),
        aim_x=float(aim * np.cos(turn)),
        aim_y=float(aim * np.sin(turn)),
        glare_x=float(random.uniform(0.1, 0.9)),
        glare_y=float(random.uniform(0.1, 0.9)),
        **drawn,
    )


def _between(
    ranges: tuple[Range, Range, Range], strength: float, random: np.random.Generator
) -> float:
    low, high = (float(np.interp(strength, (1, 2, 3), ends)) for ends in zip(*ranges, strict=True))
    return float(random.uniform(low, high))


ATTACKS: tuple[Attack, ...] = (
    Attack(
        name="rerecord",
        family="rerecord",
        summary="a phone films a screen that shows it (simulated)",
        unit="1 tripod, 2 hand-held from a little to the side, 3 hard",
        ladder=(1.0, 2.0, 3.0),
        default=2.0,
        draw=draw,
        encoded=True,
    ),
)
KINDS: dict[str, type[Rerecord]] = {"Rerecord": Rerecord}
