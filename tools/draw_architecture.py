"""Draw the rooms and who imports whom, from the code itself, into docs/architecture.md (a Mermaid picture).

`python tools/draw_architecture.py` writes it; `--check` only says whether the picture still is the code's.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import grimp

ROOMS = (
    "gateway.cli",
    "gateway.commands",
    "gateway.app",
    "gateway.http",
    "gateway.engine",
    "gateway.callbacks",
    "gateway.store",
    "gateway.domain",
    "config",
    "ivr",
    "sms",
    "prompts",
    "foundation",
    "lab",
)
BEGIN, END = "<!-- drawn by tools/draw_architecture.py -->", "<!-- end of the drawing -->"
DOCUMENT = Path(__file__).parent.parent / "docs" / "architecture.md"


def picture() -> str:
    graph = grimp.build_graph("gateway", "config", "ivr", "sms", "prompts", "foundation", "lab", cache_dir=None)
    lines = ["```mermaid", "graph TD"]
    lines += [f'    {_name(room)}["{room}"]' for room in ROOMS]
    lines += [
        f"    {_name(above)} --> {_name(below)}" for above in ROOMS for below in ROOMS if _imports(graph, above, below)
    ]
    return "\n".join([*lines, "```"])


def _imports(graph: grimp.ImportGraph, above: str, below: str) -> bool:
    """Whether a module of one room imports one of another directly; all stand on foundation, which is not drawn."""
    if above == below or below == "foundation":
        return False
    inside = {above, *graph.find_descendants(above)}
    targets = {below, *graph.find_descendants(below)}
    return any(targets & graph.find_modules_directly_imported_by(module) for module in inside)


def _name(room: str) -> str:
    return room.replace(".", "_")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 when the picture is not the code's"
    )
    check = arguments.parse_args().check
    before = DOCUMENT.read_text()
    head, _, rest = before.partition(BEGIN)
    _, _, tail = rest.partition(END)
    after = f"{head}{BEGIN}\n{picture()}\n{END}{tail}"
    if check:
        if after != before:
            print("docs/architecture.md shows other imports than the code has; run: python tools/draw_architecture.py")
        return int(after != before)
    DOCUMENT.write_text(after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
