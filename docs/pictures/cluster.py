"""Draws who writes where on a cluster: `python docs/pictures/cluster.py` writes `cluster.svg` beside itself."""

from svg import BLUE, GREY, ORANGE, PALE, arrow, box, picture, text, write

NODES = 3


def cluster() -> str:
    parts = [
        box(100, 12, 260, 34, PALE),
        text(230, 34, "driver: write(dataset, out_dir)", 14, "bold"),
    ]
    for node in range(NODES):
        left, middle = 20 + node * 145, 85 + node * 145
        parts += [arrow([(middle, 46), (middle, 74)], GREY), box(left, 78, 130, 100)]
        parts.append(text(middle, 98, f"node {node + 1}", 13, "bold"))
        for task in range(2):
            top = 108 + task * 34
            parts += [
                box(left + 12, top, 106, 26, "white"),
                text(middle, top + 18, f"task {2 * node + task}", 13),
            ]
        parts += [
            arrow([(middle - 30, 178), (middle - 30, 240)]),
            arrow([(middle + 30, 178), (middle + 30, 240)]),
        ]
    parts.append(box(8, 206, 444, 206, "none", BLUE))
    parts.append(text(18, 386, "shared", 13, "bold", "start"))
    parts.append(text(18, 402, "file system", 13, "bold", "start"))
    for task in range(2 * NODES):
        middle = 55 + (task // 2) * 145 + (task % 2) * 60
        parts += [
            box(middle - 27, 244, 54, 36, "#fde9da", ORANGE),
            text(middle, 267, f"shard {task}", 12),
        ]
        parts.append(
            f'<line x1="{middle}" y1="280" x2="{middle}" y2="300" stroke="{GREY}" stroke-width="1.5"/>'
        )
    parts.append(
        f'<line x1="55" y1="300" x2="405" y2="300" stroke="{GREY}" stroke-width="1.5"/>'
    )
    parts += [
        arrow([(230, 300), (230, 322)]),
        text(240, 317, "the driver joins, in order", 13, anchor="start"),
    ]
    parts += [box(100, 326, 260, 30), text(230, 346, "out_dir.partial", 14)]
    parts += [
        arrow([(230, 356), (230, 374)]),
        text(240, 371, "one rename", 13, anchor="start"),
    ]
    parts += [
        box(100, 376, 260, 30, ORANGE, ORANGE),
        text(230, 396, "out_dir", 14, "bold"),
    ]
    title = "Each task writes a shard to the shared file system; the driver joins the shards and renames the result"
    return picture(460, 424, title, parts)


PICTURES = {"cluster.svg": cluster}

if __name__ == "__main__":
    write(PICTURES)
