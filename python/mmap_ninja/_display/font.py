"""Text as pixels, for captions of thumbnails."""

import numpy as np

WIDTH, HEIGHT = 6, 9
# The columns of each printable ASCII character from the space on, 5 of 8 pixels each, whose lowest bit is the top.
_GLYPHS = np.frombuffer(
    bytes.fromhex(
        "0000000000 00005f0000 0007000700 147f147f14 242a7f2a12 2313086462 3649562050 0000070000"
        "001c224100 0041221c00 143e083e14 08083e0808 0080604000 0808080808 0060600000 2010080402"
        "3e5149453e 00427f4000 4261514946 2141454b31 1814127f10 2745454539 3c4a494930 0171090503"
        "3649494936 064949291e 0036360000 0080763600 0814224100 1414141414 0041221408 0201510906"
        "3e415d551e 7e1111117e 7f49494936 3e41414122 7f4141221c 7f49494941 7f09090901 3e41495932"
        "7f0808087f 00417f4100 2040413f01 7f08142241 7f40404040 7f020c027f 7f0408107f 3e4141413e"
        "7f09090906 3e4151215e 7f09192946 2649494932 01017f0101 3f4040403f 1f2040201f 3f4038403f"
        "6314081463 0304780403 6151494543 007f414100 0204081020 0041417f00 0402010204 8080808080"
        "0001020400 2054545478 7f48444438 3844444420 384444487f 3854545418 087e090102 18a4a4a47c"
        "7f08040478 00447d4000 4080847d00 7f10284400 00417f4000 7c04180478 7c08040478 3844444438"
        "fc24242418 18242418fc 7c08040408 4854545420 043f444020 3c4040207c 1c2040201c 3c4030403c"
        "4428102844 1ca0a0a07c 4464544c44 0008364100 00007f0000 0041360800 0804081008"
    ),
    np.uint8,
).reshape(-1, 5)
_FIRST = ord(" ")


def draw(text: str) -> np.ndarray:
    """Draw a line of text, bool of shape (HEIGHT, WIDTH * len(text)). Characters other than ASCII are question marks."""
    codes = np.frombuffer(text.encode("ascii", "replace"), np.uint8).astype(int) - _FIRST
    is_drawn = (codes >= 0) & (codes < len(_GLYPHS))
    glyphs = _GLYPHS[np.where(is_drawn, codes, ord("?") - _FIRST)]
    pixels = np.zeros((HEIGHT, len(text), WIDTH), bool)
    pixels[:8, :, :5] = np.unpackbits(glyphs[..., None], axis=2, bitorder="little").transpose(2, 0, 1)
    return pixels.reshape(HEIGHT, -1)
