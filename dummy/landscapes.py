"""Seeds in, landscapes out: every picture is computed from noise, none is a photo of anything.

A scene takes a random generator and a size (width, height in pixels) and gives an array of shape
(height, width, 3): red, green and blue from 0 to 1. Colours are hex; several of them in one string
are a ramp.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from relief import (
    MAP,
    Array,
    Rng,
    Size,
    at,
    cells,
    flow,
    grid,
    look,
    mountains,
    noise,
    skyline,
    slopes,
    smooth,
    sunlit,
)

Scene = Callable[[Rng, Size], Array]


def ramp(colours: str, t: float | Array) -> Array:
    """Gives the colour at `t`, from 0 for the first of the colours to 1 for the last."""
    stops = np.array([list(bytes.fromhex(colour)) for colour in colours.split()]) / 255
    return np.stack(
        [np.interp(t, np.linspace(0, 1, len(stops)), channel) for channel in stops.T], axis=-1
    )


def mix(under: Array, over: Array | str, cover: Array) -> Array:
    """Paints a picture or a colour over a picture where `cover` is 1."""
    over = ramp(over, 0) if isinstance(over, str) else over
    return under + (over - under) * cover[..., None]


def shine(picture: Array, colour: str, light: Array) -> Array:
    """Adds light of one colour."""
    return picture + light[..., None] * ramp(colour, 0)


def glow(x: Array, y: Array, centre: tuple[float, float], reach: float) -> Array:
    """Gives light that falls off around a centre."""
    return np.asarray(np.exp(-np.hypot(x - centre[0], y - centre[1]) / reach))


def stars(rng: Rng, size: Size, count: int) -> Array:
    """Gives stars, few of them bright."""
    sky = np.zeros(size[::-1])
    sky[rng.integers(0, size[1], count), rng.integers(0, size[0], count)] = (
        0.25 + 0.75 * rng.random(count) ** 4
    )
    return np.asarray(
        sum(np.roll(sky, shift, (0, 1)) for shift in ((0, 0), (0, 1), (1, 0), (1, 1)))
    )


def mirror(
    rng: Rng, picture: Array, shore: float, *, waves: float, water: str, scale: float = 0.03
) -> Array:
    """Mirrors a picture in the water below `shore`; `waves` is how far they throw the mirror image
    about.
    """
    height, width, _ = picture.shape
    x, y = grid((width, height))
    distance = scale / np.maximum(y - shore, 0.004)
    slope = at(noise(rng, MAP, rough=1.6, low=12) - 0.5, distance, x * distance)
    source = shore - np.abs(y - shore + waves * slope * smooth(0, 0.12, y - shore) ** 0.5)
    image = picture[np.clip(source * height, 0, height - 1).astype(int), np.arange(width)]
    image = mix(image, water, 0.2 + 0.35 * smooth(shore, 1, y))
    return mix(picture, image, smooth(shore, shore + 0.003, y))


def ridges(rng: Rng, size: Size, *, sky: str, land: str, sun: tuple[float, float]) -> Array:
    """Draws mountain ridges in haze, one behind the other."""
    x, y = grid(size)
    picture = shine(ramp(sky, 2 * y), "ffc890", 0.5 * glow(x, y, sun, 0.2))
    picture = shine(picture, "fff0d0", smooth(0.036, 0.033, np.hypot(x - sun[0], y - sun[1])))
    for depth in np.linspace(0, 1, 8):
        below = (
            y - 0.42 - 0.5 * depth**1.3 + (0.2 + 0.32 * depth) * skyline(rng, size, low=3 - depth)
        )
        body = ramp(land, depth - 0.35 * (1 - depth) * smooth(0, 0.3, below))
        picture = mix(picture, body, smooth(0, 0.002, below))
    return picture


def dunes(rng: Rng, size: Size, *, sky: str, sand: str) -> Array:
    """Draws dunes with ripples under a low sun."""
    y = grid(size)[1]
    z, x = np.mgrid[0:1:1024j, 0:1:1024j]
    phase = 3 * x + 2 * z + 2.2 * noise(rng, MAP, rough=3)
    swell, wobble = noise(rng, MAP, rough=3, low=1), noise(rng, MAP, rough=2.5, low=4)
    crest = np.where(phase % 1 < 0.72, (phase % 1 / 0.72) ** 1.3, ((1 - phase % 1) / 0.28) ** 1.1)
    height = 0.055 * crest * smooth(0.15, 0.8, swell) + 0.1 * swell
    height += 0.0003 * np.sin(2 * np.pi * (38 * phase + 4 * wobble))
    z, x, ground = look(height, size, eye=0.15, horizon=0.3, near=0.03)
    light = at(sunlit(height, sun=(0.35, 1), elevation=14), z, x)
    land = mix(ramp(sand, light), ramp(sky, 0.9), 0.8 - 0.8 * np.exp(-((z / 0.75) ** 2)))
    return mix(ramp(sky, y / 0.34), land, ground)


def alps(
    rng: Rng, sky: Array, *, rock: str, snow: str, haze: str, tall: float, horizon: float
) -> Array:
    """Draws snowy mountains, lit from the side, in front of a sky."""
    size = (sky.shape[1], sky.shape[0])
    distance = np.linspace(0, 1, 1024)[:, None]
    height = tall * mountains(rng) * (0.02 + smooth(0.12, 0.6, distance)) * smooth(1, 0.9, distance)
    z, x, ground = look(height, size, eye=0.03, horizon=horizon)
    light = at(sunlit(height, sun=(-0.25, 1), elevation=16), z, x)
    cover = at(smooth(1.9, 1.2, np.hypot(*slopes(height))) * smooth(0.02, 0.06, height), z, x)
    land = mix(
        mix(ramp(rock, light), ramp(snow, light), cover),
        haze,
        0.7 - 0.7 * np.exp(-((z / 0.9) ** 2)),
    )
    return mix(sky, land, ground)


def lake(rng: Rng, size: Size, *, sky: str, rock: str, snow: str) -> Array:
    """Draws mountains mirrored in a lake."""
    colours, haze = ramp(sky, grid(size)[1] / 0.5), sky.split()[2]
    picture = alps(rng, colours, rock=rock, snow=snow, haze=haze, tall=0.3, horizon=0.57)
    return mirror(rng, picture, 0.6, waves=0.06, water="0c2438")


def aurora(rng: Rng, size: Size) -> Array:
    """Draws snow peaks under the northern lights, with a lake."""
    x, y = grid(size)
    sky = shine(ramp("050a1c 0a1c38 123a50", y / 0.6), "e0f0ff", stars(rng, size, 300))
    for curtain in range(3):
        above = 0.42 - 0.08 * curtain - 0.12 * x + 0.5 * skyline(rng, size, rough=2.4) - y
        folds = (0.3 + smooth(-0.2, 0.3, skyline(rng, size, rough=1, low=9))) * smooth(
            -0.3, 0.1, skyline(rng, size)
        )
        light = np.exp(-above / 0.14) * smooth(-0.015, 0.02, above) * folds * (0.8 - 0.15 * curtain)
        sky += ramp("b8ffb0 40e89a 1fb09a 5a4fc0 7a2f9a", above / 0.34) * light[..., None]
    rock, snow = "060b16 0e1e2a 1c3a40", "0a1a30 1c4858 4f9a94 a5e8cc"
    picture = alps(rng, sky, rock=rock, snow=snow, haze="123a50", tall=0.2, horizon=0.67)
    return mirror(rng, picture, 0.7, waves=0.08, water="020a14")


def sea(rng: Rng, size: Size, *, sky: str, cloud: str, sun: tuple[float, float, float]) -> Array:
    """Draws the sea and the road of light that a low sun or moon (x, y, radius) lays on it."""
    x, y = grid(size)
    distance = 1 / np.maximum(0.56 - y, 0.02)
    cover = at(noise(rng, MAP, rough=1.7, low=4, stretch=0.5), 0.05 * distance, 0.03 * x * distance)
    picture = ramp(sky, y / 0.53)
    lit = 1.2 * glow(x, y, sun[:2], 0.45)
    picture = mix(picture, ramp(cloud, lit), 0.9 * smooth(0.5, 0.72, cover) * smooth(0.5, 0.3, y))
    picture = shine(picture, cloud.split()[-1], 0.6 * glow(x, y, sun[:2], 0.09))
    picture = shine(
        picture, cloud.split()[-1], smooth(sun[2], sun[2] - 0.004, np.hypot(x - sun[0], y - sun[1]))
    )
    return mirror(rng, picture, 0.53, waves=0.55, water="101838", scale=0.06)


def milky_way(rng: Rng, size: Size) -> Array:
    """Draws the milky way over dark hills."""
    x, y = grid(size)
    across = 0.86 * x + 0.5 * (y - 0.4)
    cloud, veil = (noise(rng, size[::-1], rough=rough, low=5) for rough in (1.6, 1.8))
    core = np.exp(-((across / 0.05) ** 2))
    dust = smooth(0.5, 1, 1 - np.abs(2 * veil - 1)) * np.exp(-(((across + 0.01) / 0.06) ** 2))
    light = (0.5 * np.exp(-((across / 0.13) ** 2)) * (0.3 + cloud) + 0.3 * core) * (1 - 0.75 * dust)
    sky = ramp("060a1e 0d1a3c 1c3560 4a6a80 d09a70", y**1.6)
    sky += ramp("7a86c8 c8b0c8 ffe6c8", core + 0.3 * cloud) * (light * smooth(1, 0.6, y))[..., None]
    picture = shine(sky, "e6ecff", stars(rng, size, 420) * (1 - 0.7 * dust))
    for depth, colour in enumerate(("1c2c48", "0d1730", "050914")):
        picture = mix(
            picture,
            colour,
            smooth(0, 0.002, y - 0.8 - 0.045 * depth + 0.22 * skyline(rng, size, rough=1.7)),
        )
    return picture


def clouds(rng: Rng, size: Size) -> Array:
    """Draws a sky of small clouds, lit from below by the evening sun."""
    x, y = grid(size)
    distance = 0.11 / np.maximum(0.86 - y, 0.03)
    field = smooth(
        0.42, 0.72, 0.5 * noise(rng, MAP, rough=1.6, low=22) + 0.5 * noise(rng, MAP, rough=2.6)
    )
    cover, beyond = (at(field, far * distance, far * x * distance) for far in (1, 1.05))
    near = glow(x, y, (-0.2, 0.86), 0.55)
    colour = ramp(
        "565a8a 8a6a9a d8788a f8a880 ffe0b0",
        0.45 + 0.45 * near + 0.9 * (cover - beyond) - 0.25 * cover,
    )
    picture = mix(
        ramp("2f4f8c 6a86b8 d9b0b0 ffc98a ffb060", y / 0.86),
        colour,
        0.9 * cover * smooth(0.86, 0.7, y),
    )
    picture = shine(picture, "ffb45a", 0.5 * glow(x, y, (-0.2, 0.86), 0.12))
    return mix(
        picture,
        ramp("2a1a38 120c20", (y - 0.85) / 0.15),
        smooth(0, 0.002, y - 0.9 + 0.1 * skyline(rng, size)),
    )


def forest(rng: Rng, size: Size, *, sky: str, trees: str) -> Array:
    """Draws rows of conifers that come out of the fog."""
    x, y = grid(size)
    fog = 0.9 * noise(rng, size[::-1], low=3, stretch=0.4)
    picture = shine(ramp(sky, y), "ffdca0", 0.3 * glow(x, y, (0.1, 0.22), 0.15))
    for depth in np.linspace(0, 1, 6):
        foot = (
            0.44 + 0.6 * depth + 0.2 * skyline(rng, size, rough=2) + 0.1 * x[0] * np.cos(9 * depth)
        )
        cover = smooth(0, 0.002, y - foot)
        for column in rng.integers(0, size[0], int((60 - 45 * depth) * size[0] / size[1])):
            tall = (0.13 + 0.3 * depth) * rng.uniform(0.6, 1.25)
            down = (y - foot[column]) / tall + 0.95
            branches = 0.21 * tall * down * (0.45 + 0.55 * (down * (9 + 4 * depth) % 1)) + 0.001
            cover = np.maximum(
                cover,
                smooth(0, 0.003, branches - np.abs(x - x[0, column])) * (down > 0) * (down < 1),
            )
        body = ramp(trees, depth - (1 - depth) * fog * smooth(-0.1, 0.25, y - foot))
        picture = mix(picture, body, cover)
    return picture


def lava(rng: Rng, size: Size) -> Array:
    """Draws a field of lava, its crust cracked and glowing."""
    x, y = grid(size)
    distance = 0.55 / (y + 0.28)
    warp, bend, crust = (noise(rng, size[::-1], rough=rough, low=5) for rough in (1.9, 1.9, 1.5))
    gap = cells(rng, x * distance + 0.16 * warp, distance + 0.16 * bend, 70)
    heat = smooth(0.35, 0.65, noise(rng, size[::-1], rough=2.5))
    heat = (
        np.exp(-gap / (0.01 + 0.03 * heat)) * (0.66 + 0.44 * heat)
        + 0.33 * np.exp(-gap / 0.12) * heat
    )
    relief = 0.5 + 40 * (np.gradient(crust, axis=0) - np.gradient(crust, axis=1))
    rock, fire = (
        ramp("040406 0f0c0e 201a1c 322a2a", relief),
        ramp("000000 4a0604 b51c04 ff5a0a ffb030 fff2a8", heat),
    )
    return (rock + fire) * (0.1 + 0.9 * smooth(-0.25, 0.4, y))[..., None]


def floes(rng: Rng, size: Size) -> Array:
    """Draws pack ice from above."""
    x, y = grid(size)
    warp, bend, snow = (noise(rng, size[::-1], rough=rough, low=5) for rough in (1.7, 1.7, 1.9))
    gap = cells(rng, x + 0.1 * warp, y + 0.1 * bend, 60)
    lead = 0.012 + 0.06 * smooth(0.45, 0.75, noise(rng, size[::-1], rough=2.6))
    relief = 0.6 + 30 * (np.gradient(snow, axis=0) + np.gradient(snow, axis=1))
    water = ramp("021a2e 053a52 0f6c80 49b3b4", 0.9 * smooth(lead - 0.035, lead, gap))
    return mix(water, ramp("9ec4dc d8e8f0 ffffff fff6ea", relief), smooth(lead, lead + 0.006, gap))


def coral(rng: Rng, size: Size) -> Array:
    """Draws coral as two substances that spread and react (Gray and Scott, 1984)."""
    x, y = (axis * size[1] / max(size) for axis in grid(size))
    shape = (max(size) // 4, max(size) // 4)
    food: Array = np.ones(shape)
    flesh: Array = np.where(noise(rng, shape, rough=1.5, low=5) > 0.6, 0.5, 0)
    for _ in range(5000):
        eaten = food * flesh**2
        food = food + 0.16 * flow(food) - eaten + 0.0545 * (1 - food)
        flesh = flesh + 0.08 * flow(flesh) + eaten - 0.1165 * flesh
    height = at(flesh, y, x)
    relief = np.gradient(height, axis=0) - 0.7 * np.gradient(height, axis=1)
    return ramp("04222e 0a5560 d84a66 ff8f7a ffe4c8", 1.9 * height + 14 * relief)


def lagoon(rng: Rng, size: Size) -> Array:
    """Draws an atoll from above, with clouds and their shadows."""
    x, y = grid(size)
    warp, bend, fine, cloud = (
        noise(rng, size[::-1], rough=rough, low=3.5) for rough in (2, 2, 1.6, 1.8)
    )
    radius = np.hypot(0.8 * x + 0.35 * warp - 0.14, 1.15 * y + 0.35 * bend - 0.77)
    rim = np.exp(-(((radius - 0.34) / 0.06) ** 2)) * (
        0.55 + 0.9 * noise(rng, size[::-1], rough=2.2, low=3)
    )
    height = (
        rim
        + 0.35 * smooth(0.4, 0.2, radius)
        + 0.18 * smooth(0.55, 0.3, radius)
        + 0.22 * (fine - 0.5)
    )
    palms = ramp("f6e6bc e8d29a 4f8a3a 2a6a34 1f5530", (height - 0.72) / 0.3 + 0.3 * (fine - 0.5))
    palms *= np.clip(0.85 + 22 * (np.gradient(fine, axis=0) - np.gradient(fine, axis=1)), 0.6, 1.2)[
        ..., None
    ]
    water = ramp("03204a 06427a 0a7aa0 22b8b8 7fe6d0 e8f2cc", height / 0.72)
    picture = mix(water, palms, smooth(0.715, 0.735, height))
    cover = smooth(0.64, 0.9, cloud)
    picture *= (1 - 0.35 * np.roll(cover, (40, -50), (0, 1)))[..., None]
    return mix(picture, "ffffff", 0.9 * cover)


def eclipse(rng: Rng, size: Size) -> Array:
    """Draws the corona of the sun behind the moon."""
    x, y = grid(size)
    radius, turn = np.hypot(x, y - 0.5) / 0.17, np.arctan2(y - 0.5, x) / (2 * np.pi) % 1
    broad, fine = noise(rng, MAP, rough=1.5, low=4), noise(rng, MAP, rough=1.1, low=10)
    reach, streak = (at(field, 0.03 * radius, turn) for field in (broad, fine))
    reach = (0.35 + 1.5 * smooth(0.25, 0.85, reach)) * (1 - 0.3 * np.cos(4 * np.pi * turn))
    above = np.maximum(radius - 1, 0)
    corona = np.exp(-1.6 * above / reach) * (0.5 + 0.5 * streak) + 0.8 * np.exp(-above / 0.08)
    picture = (
        ramp("02030a 0e1a38 33507e 92a8c8 f4efe6 ffffff", corona)
        * smooth(0.985, 1.01, radius)[..., None]
    )
    picture = shine(picture, "dfe8ff", stars(rng, size, 60) * (radius > 2))
    return shine(picture, "fff6e6", 1.4 * glow(x, y, (0.122, 0.383), 0.035))


def blossom(rng: Rng, size: Size, *, sky: str, petals: str, sun: tuple[float, float]) -> Array:
    """Draws rows of flowers that run to the horizon."""
    x, y = grid(size)
    across = np.tile(np.linspace(0, 1, MAP[1]), (MAP[0], 1))
    bush = noise(rng, MAP, rough=1, low=60)
    rows = np.abs(np.sin(32 * np.pi * across))
    height = 0.022 * rows**0.7 * (0.75 + 0.5 * bush) + 0.03 * smooth(0.45, 1, across.T) * noise(
        rng, MAP, rough=2.6
    )
    z, across, ground = look(height, size, eye=0.085, horizon=0.4)
    light = at(sunlit(height, sun=(0.8, 0.5), elevation=16), z, across)
    bloom = smooth(0.4, 0.75, at(rows * (0.44 + 0.8 * bush), z, across))
    tone = rng.random(32)[np.floor(32 * across).astype(int) % 32]
    land = mix(
        ramp("1c2a1c 3f4a24 8a7a3a", light),
        ramp(petals, tone) * (0.4 + 1.2 * light)[..., None],
        bloom,
    )
    land = mix(land, ramp(sky, 0.75), 0.75 - 0.75 * np.exp(-((z / 0.8) ** 2)))
    return mix(shine(ramp(sky, y / 0.42), "ffd080", 0.6 * glow(x, y, sun, 0.14)), land, ground)


def reef(rng: Rng, size: Size) -> Array:
    """Draws light that falls through water onto sand."""
    x, y = grid(size)
    rays = at(noise(rng, MAP, rough=1.2, low=6), 0 * x, 0.6 * np.arctan2(x - 0.05, y + 0.35))
    picture = ramp("8ff0e0 2fb6c8 0f7aa8 0a4a80 072a58 061c40", y**0.8)
    picture = shine(picture, "59997f", 0.8 * smooth(0.35, 0.8, rays) * smooth(0.95, 0, y))
    distance = 0.02 / np.maximum(y - 0.72, 0.02)
    net = at(1 - np.abs(2 * noise(rng, MAP, rough=1.9, low=9) - 1), distance, x * distance) ** 6
    sand = shine(
        ramp("1c6a86 3f9aa4 8fd0b8", smooth(0.8, 1, y)), "809066", net * smooth(0.76, 0.95, y)
    )
    sand = mix(sand, "0f6a98", np.exp(-np.maximum(y - 0.78, 0) / 0.06))
    return mix(picture, sand, smooth(0, 0.03, y - 0.8 + 0.12 * skyline(rng, size, rough=2)))


def fields(rng: Rng, size: Size) -> Array:
    """Draws farmland and a river from above."""
    x, y = grid(size)
    warp, bend, patch, tree = (
        noise(rng, size[::-1], rough=rough, low=2) for rough in (2.7, 2.7, 1.4, 0.5)
    )
    lanes, along = 5 * (0.9 * x + 0.45 * y + 0.12 * warp), 0.9 * y - 0.45 * x + 0.12 * bend
    lane = np.floor(lanes).astype(int)
    cuts = rng.uniform(3, 12, 64)[lane]
    plots = along * cuts + rng.uniform(0, 9, 64)[lane]
    plot = (31 * lane + 17 * np.floor(plots).astype(int)) % 211
    border = np.minimum((0.5 - np.abs(lanes % 1 - 0.5)) / 5, (0.5 - np.abs(plots % 1 - 0.5)) / cuts)
    furrows = 1 + 0.05 * np.sin(2 * np.pi * np.where(plot % 2, 15 * lanes, 75 * along))
    tone = rng.random(211)[plot] + 0.25 * (patch - 0.5)
    crops = (
        ramp("4a6a34 7f9a4a b4b85a e2cc78 cfa468 94704a 6d8f4e 2f5538", tone) * furrows[..., None]
    )
    river = np.abs(0.5 * x - y + 0.3 + 0.5 * noise(rng, size[::-1], rough=2.6, low=1.8))
    hedges, banks = (
        smooth(0.006, 0.001, border + 0.02 * tree - 0.01),
        smooth(0.05, 0.03, river + 0.06 * tree - 0.03),
    )
    picture = mix(crops, ramp("122a18 24481f 3f6a30", tree), np.maximum(hedges, banks))
    return mix(picture, ramp("c8dce0 86b4c0 3f7f96", river / 0.024), smooth(0.026, 0.022, river))


SCENES: dict[str, Scene] = {
    "ridges at dawn": partial(
        ridges,
        sky="24406e 6f8fb4 f3c9a0 ffe3b8",
        land="c9b7b4 8fa0b8 4a6488 1f3654 0d1a2c",
        sun=(0.28, 0.36),
    ),
    "ridges at dusk": partial(
        ridges,
        sky="1a1440 5a3a7a c8607a ffa878",
        land="b86a80 8a4a78 4a2c60 22184a 0c0a24",
        sun=(-0.3, 0.33),
    ),
    "ridges of jade": partial(
        ridges,
        sky="7ab0b0 c8e0cc f4f0d0 fff4d0",
        land="c4dcc4 8abca0 4a8c78 1f5a50 0c2c2c",
        sun=(0.1, 0.3),
    ),
    "dunes of gold": partial(
        dunes, sky="3f6f9c 9fb7bd f5d3a8", sand="3a1420 8a3420 d9743a f6b468 ffe0a8"
    ),
    "dunes in grey": partial(
        dunes, sky="404040 a0a0a0 e8e8e8", sand="101010 404040 909090 d0d0d0 ffffff"
    ),
    "dunes of rose": partial(
        dunes, sky="4a4a8c b08ab0 f8c8c0", sand="2a1438 703460 c86a80 f4a8a0 ffe0d0"
    ),
    "lake at dawn": partial(
        lake,
        sky="3d5f9a 8aa5cf f3c3b4 ffdcae",
        rock="1a1d2e 3a3548 9c6a58 e0966a",
        snow="344a7c 6a80b4 f2a488 ffd2a0 fff0d0",
    ),
    "lake at noon": partial(
        lake,
        sky="1c5aa8 5a9ad8 a8d0ea d8ecf0",
        rock="1c2430 3c4a4c 7a8470 a8a888",
        snow="4a78b0 8ab0d8 d8e8f4 ffffff ffffff",
    ),
    "aurora": aurora,
    "sea at sunset": partial(
        sea,
        sky="2a2350 7a3a6e d9604e ffab5a ffe09a",
        cloud="3a2a58 a84a60 ff8a4a ffd070",
        sun=(0.12, 0.47, 0.05),
    ),
    "moonlit sea": partial(
        sea,
        sky="040a20 0a2448 1c4a70 4a7a90",
        cloud="0a1a38 2a4a70 8ab0c8 f0fff8",
        sun=(-0.1, 0.2, 0.045),
    ),
    "milky way": milky_way,
    "evening clouds": clouds,
    "forest in fog": partial(
        forest, sky="d8d8c0 e8e4cc c8d4c0 9ab8b4", trees="b4c8c0 7fa6a4 47787c 1f4a52 0a2228"
    ),
    "night forest": partial(
        forest, sky="2c3a74 8070a4 e8a0a0 f8c8a8", trees="a884ac 7a6aa0 464880 242c58 0c1230"
    ),
    "lava": lava,
    "pack ice": floes,
    "coral": coral,
    "lagoon": lagoon,
    "eclipse": eclipse,
    "lavender": partial(
        blossom, sky="4a5aa0 9a80b8 f0a090 ffd08a", petals="8a5ad8 a070e8 7048c8", sun=(0.25, 0.36)
    ),
    "tulips": partial(
        blossom,
        sky="2a6ac0 6aa8e0 b8d8ec d8e4e0",
        petals="e0182a ff5a1a ffc81a fff0d0 f0509a 901040",
        sun=(-0.3, 0.1),
    ),
    "light in water": reef,
    "fields": fields,
}
