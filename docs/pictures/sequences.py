"""Draws the forms of a batch of sequences: `python docs/pictures/sequences.py` writes `sequences.svg` beside itself."""

from svg import GREY, ORANGE, PALE, box, picture, text, write

SAMPLES = ("fox", "brown", "to")
COLOURS = (ORANGE, "#f0a467", "#fad3b1")
SIDE, LEFT = 30, 20


def cells(y: int, letters: str, colour: str, start: int = 0) -> list[str]:
    parts = []
    for place, letter in enumerate(letters, start):
        fill, shown = (PALE, "0") if letter == "." else (colour, letter)
        left = LEFT + place * SIDE
        parts += [
            box(left, y, SIDE, SIDE, fill),
            text(left + SIDE / 2, y + 20, shown, 14),
        ]
    return parts


def sequences() -> str:
    longest = max(map(len, SAMPLES))
    parts = [text(LEFT, 24, "padded([0, 1, 2])", 14, "bold", "start")]
    for row, (sample, colour) in enumerate(zip(SAMPLES, COLOURS, strict=True)):
        y = 36 + row * (SIDE + 4)
        parts += cells(y, sample.ljust(longest, "."), colour)
        parts.append(text(LEFT + 5 * SIDE + 24, y + 20, str(len(sample))))
    parts.append(text(LEFT + 5 * SIDE + 24, 24, "lengths", 13))
    parts.append(text(LEFT, 168, "gather([0, 1, 2])", 14, "bold", "start"))
    start, offsets = 0, [0]
    for sample, colour in zip(SAMPLES, COLOURS, strict=True):
        parts += cells(180, sample, colour, start)
        start += len(sample)
        offsets.append(start)
    for offset in offsets:
        x = LEFT + offset * SIDE
        line = f'x1="{x}" y1="212" x2="{x}" y2="222" stroke="{GREY}" stroke-width="2"'
        parts += [f"<line {line}/>", text(x, 238, str(offset), 13)]
    parts.append(text(LEFT + 10 * SIDE + 14, 200, "values", 13, anchor="start"))
    parts.append(text(LEFT + 10 * SIDE + 14, 238, "offsets", 13, anchor="start"))
    title = "Three sequences as one padded array with lengths, and as flat values with offsets"
    return picture(400, 252, title, parts)


PICTURES = {"sequences.svg": sequences}

if __name__ == "__main__":
    write(PICTURES)
