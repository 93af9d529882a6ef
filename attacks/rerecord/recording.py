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

from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from attacks.base import Attack, drawn_seed, within
from attacks.clip import encode
from attacks.rerecord.shooting import Shoot, Shown, on_screen
from provenance.video import EncodeSettings, picture_from_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attacks.base import Desk
    from attacks.clip import Clip
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
    # Mildenhall and Ng, CVPR 2020, arXiv:1904.05343) trains with corners moved by up to a tenth of
    # the picture's side.
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
    # arm: estimates. How hands shake before it is measured by Golik ("Development of a test method
    # for image stabilizing systems", Cologne 2006) and laid down in CIPA DC-011 (ISO 20954-1).
    "sway_deg": ((0.0, 0.01), (0.1, 0.35), (0.4, 1.0)),
    # Gaussian sigma in pixels of the recording beyond the lens's own 0.2;
    # StegaStamp blurs by 1 to 3 of 400 pixels.
    "defocus_px": ((0.0, 0.3), (0.15, 0.7), (0.6, 1.5)),
    # Share of light lost in the corner: two thirds by cos⁴ of 40°, and phones correct most of it.
    "vignette": ((0.03, 0.12), (0.08, 0.25), (0.2, 0.4)),
    # Readout of a frame: 14 to 32 ms measured in phones and a GoPro (the table of rolling
    # shutters in Kalibr's documentation, after Ringaby, Forssén and others); newer ones less.
    "readout_s": ((0.008, 0.030),) * 3,
    # A screen in a lit room at video rates. At 1/100 or 1/120, or twice that, lamps of one of
    # the mains frequencies leave no bands; automatic exposure does not always choose so.
    "exposure_s": ((1 / 60, 1 / 50), (1 / 100, 1 / 40), (1 / 250, 1 / 50)),
    # Hz; nominally 60 (59.94 in some modes), clocks of panel and phone are not one.
    "refresh_hz": ((59.9, 60.05),) * 3,
    # Backlights dimmed by pulses, at 180 to 250 Hz in many panels that do so (estimate). At these
    # rates IEEE 1789-2015 sees no effect on viewers below a depth of 6 to 8 % (a thirtieth of the
    # Hz) and a low risk below 14 to 20 %; cheap panels care about neither.
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
    # at ISO 50 (estimate); each doubling of the ISO leaves half of the four's 24,000.
    "electrons": ((6000.0, 20000.0), (2500.0, 7000.0), (700.0, 2500.0)),
    "read_noise": ((3.0, 6.0),) * 3,
    # Levels that noise reduction takes for noise, and share by which sharpening lifts the rest.
    "denoise": ((0.7, 1.5), (1.0, 2.5), (2.0, 4.0)),
    "sharpen": ((0.2, 0.5), (0.2, 0.7), (0.3, 1.0)),
    "contrast": ((0.0, 0.1), (0.0, 0.2), (0.0, 0.3)),
    # Of the phone's encoder, in a pixel: 720 lines at 30 Hz with 4 Mbit/s (recommended by Android's
    # Compatibility Definition, 5.2.2) to 10 Mbit/s (measured on iPhones).
    "bits_per_pixel": ((0.145, 0.36),) * 3,
}
CAMERA_RATES = (Fraction(30), Fraction(30000, 1001))
MAINS_HZ = (50.0, 60.0)
_PRESET = "veryfast"  # encoders in hardware know about as much


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
    bits_per_pixel: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        filmed = self.filmed(clip)
        pixels_per_s = filmed.video.width * filmed.video.height * filmed.video.rate
        settings = EncodeSettings(
            bitrate=round(self.bits_per_pixel * pixels_per_s),
            preset=_PRESET,
            threads=desk.threads,
        )
        return encode(filmed, desk.new_file(".mp4"), settings)

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
            shoot = Shoot(self, video)
            with closing(on_screen(clip, self)) as screen:
                shown = Shown(screen)
                for index in range(frames):
                    time = index / video.rate
                    yield picture_from_rgb(shoot.frame(shown, float(time)), time=time, spec=video)

        return clip.changed(video=video, pictures=pictures, duration_s=float(frames / video.rate))


def draw(strength: float, random: np.random.Generator) -> Rerecord:
    """A recording of strength 1…3; between them, ranges are between theirs."""
    within("strength", strength, 1.0, 3.0)
    drawn = {name: _between(ranges, strength, random) for name, ranges in RANGES.items()}
    for name in ("yaw_deg", "pitch_deg", "roll_deg"):
        drawn[name] *= float(random.choice((-1, 1)))
    aim, turn = drawn.pop("aim"), random.uniform(0, 2 * np.pi)
    rate = CAMERA_RATES[random.integers(2)]
    return Rerecord(
        seed=drawn_seed(random),
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
