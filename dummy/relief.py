"""Random numbers in, relief out: noise, mountains, the light on them and what a camera among them
sees.

Maps are square and repeat; their side has length 1 and so have the heights. On a map z runs away
from the eye and x to the right. In a picture places are in units of its height: y from 0 (top) to
1, x to the right from the middle.
"""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Rng = np.random.Generator
Size = tuple[int, int]

MAP = (1024, 1024)


def grid(size: Size) -> tuple[Array, Array]:
    """Gives x and y of every pixel."""
    width, height = size
    x, y = np.meshgrid(
        (np.arange(width) + 0.5 - width / 2) / height, (np.arange(height) + 0.5) / height
    )
    return x, y


def noise(
    rng: Rng, shape: tuple[int, int], *, rough: float = 1.8, low: float = 2, stretch: float = 1
) -> Array:
    """Gives fractal noise about 0.5: amplitudes fall as frequency ** -rough from `low` cycles per
    longer side on.
    """
    rows, columns = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None] * stretch
    fall = (low**2 + (rows**2 + columns**2) * max(shape) ** 2) ** (-rough / 2)
    fall[0, 0] = 0
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * fall, s=shape)
    return np.asarray(0.5 + field / field.std() / 6)


def skyline(rng: Rng, size: Size, *, rough: float = 1.4, low: float = 2) -> Array:
    """Gives a line of noise about 0, one value per column."""
    return noise(rng, (1, 2 * size[0]), rough=rough, low=low)[0, : size[0]] - 0.5


def smooth(start: float | Array, stop: float | Array, value: Array) -> Array:
    """Goes from 0 at `start` to 1 at `stop` without a corner."""
    t = np.clip((value - start) / (stop - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def at(field: Array, z: Array, x: Array) -> Array:
    """Reads a map between its points."""
    side = len(field)
    row, column = np.floor(z * side).astype(int), np.floor(x * side).astype(int)
    down, right = z * side - row, x * side - column
    near, far = (
        field[(row + i) % side, column % side] * (1 - right)
        + field[(row + i) % side, (column + 1) % side] * right
        for i in (0, 1)
    )
    return np.asarray(near * (1 - down) + far * down)


def slopes(height: Array) -> tuple[Array, Array]:
    """Gives how steeply a map of heights rises along z and along x."""
    z, x = (np.asarray(np.gradient(height * len(height), axis=axis)) for axis in (0, 1))
    return z, x


def mountains(rng: Rng) -> Array:
    """Gives a map of mountains from 0 to 1; detail is weaker where the ground is steep, as if water
    had been there.
    """
    height = z = x = np.zeros(MAP)
    for octave in range(8):
        bump = (noise(rng, MAP, rough=6, low=5 * 2**octave) - 0.5) / 2**octave
        z, x = z + slopes(bump)[0] / 12, x + slopes(bump)[1] / 12
        height = height + bump / (1 + z**2 + x**2)
    return np.asarray((height - height.min()) / np.ptp(height))


def flow(field: Array) -> Array:
    """Gives what flows into each point of a repeating map from its four neighbours."""
    near = [np.roll(field, step, axis) for step in (1, -1) for axis in (0, 1)]
    return np.asarray(np.sum(near, axis=0) - 4 * field)


def cells(rng: Rng, x: Array, y: Array, count: int) -> Array:
    """Gives how much farther the second nearest of random points is than the nearest: 0 along the
    cracks between.
    """
    first, second = np.full(x.shape, np.inf), np.full(x.shape, np.inf)
    for point in rng.uniform((x.min(), y.min()), (x.max(), y.max()), (count, 2)):
        distance = np.hypot(x - point[0], y - point[1])
        first, second = np.minimum(first, distance), np.minimum(second, np.maximum(first, distance))
    return np.asarray(second - first)


def sunlit(height: Array, *, sun: tuple[float, float], elevation: float) -> Array:
    """Lights a map of heights from `sun`, a direction along z and x, `elevation` degrees up, with
    shadows.
    """
    (z, x), up = slopes(height), np.radians(elevation)
    towards = (z * sun[0] + x * sun[1]) / np.hypot(*sun)
    steep = np.sqrt(1 + z**2 + x**2)
    shade = np.zeros_like(height)
    for step in np.geomspace(1, 340, 100):
        shift = -np.round(step * np.array(sun) / np.hypot(*sun)).astype(int)
        shade = np.maximum(
            shade, np.roll(height, shift, (0, 1)) - step / len(height) * np.tan(up) - height
        )
    direct = np.clip((np.sin(up) - np.cos(up) * towards) / steep, 0, None) * np.exp(-400 * shade)
    return np.asarray(direct + 0.12 * np.clip(1 + 0.6 * towards, 0, None) / steep)


def look(
    height: Array, size: Size, *, eye: float, horizon: float, near: float = 0.04
) -> tuple[Array, Array, Array]:
    """Looks over a map of heights from `eye` above its edge: z and x of what each pixel sees, and
    whether it is ground.

    Each column walks away from the eye; the first step that rises to a pixel's line of sight is
    what the pixel sees.
    """
    columns, rows = grid(size)[0][0], grid(size)[1][:, :1]
    steps = np.geomspace(near, 0.98, 900)[:, None]
    lines = horizon + (eye - at(height, steps + 0 * columns, steps * columns)) / steps
    rising = -np.minimum.accumulate(lines, axis=0)
    hit = np.stack([np.searchsorted(rising[:, i], -rows[:, 0]) for i in range(size[0])], axis=1)
    step = np.clip(hit, 1, len(steps) - 1)
    before, after = (np.take_along_axis(lines, step - i, axis=0) for i in (1, 0))
    part = np.clip((before - rows) / np.maximum(before - after, 1e-9), 0, 1)
    z = steps[step - 1, 0] * (1 - part) + steps[step, 0] * part
    return z, z * columns, (hit < len(steps)).astype(float)
