"""Ask for a changelog fragment: code that changed since the last release or branch point has one in `newsfragments/`.

A fragment is `newsfragments/ISSUE.feature.md`, `.change.md` or `.fix.md`: one sentence for whoever uses the gateway.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CODE = ("foundation/", "gateway/", "ivr/", "sms/", "prompts/", "config/", "lab/")
NAME = re.compile(r"^(\d+|\+[\w-]+)\.(feature|change|fix)(\.\d+)?\.md$")


def main() -> int:
    names = [path.name for path in (ROOT / "newsfragments").iterdir() if path.name not in {".gitignore", "README.md"}]
    wrong = [name for name in names if not NAME.match(name)]
    if wrong:
        print(
            f"newsfragments/{wrong[0]} has a name that is not read; write for example 12.feature.md, or +title.fix.md"
        )
        return 1
    if not names and _code_changed():
        print(
            "code changed and no fragment tells users of it; add newsfragments/ISSUE.feature.md, .change.md or .fix.md"
        )
        return 1
    return 0


def _code_changed() -> bool:
    """Whether any code differs from the commit that last touched CHANGELOG.md, which a release does."""
    released = _git("log", "-1", "--format=%H", "--", "CHANGELOG.md").strip()
    changed = _git("diff", "--name-only", released or "HEAD").splitlines()
    return any(path.startswith(CODE) for path in changed)


def _git(*words: str) -> str:
    return subprocess.run(("git", *words), cwd=ROOT, capture_output=True, text=True, check=False).stdout


if __name__ == "__main__":
    sys.exit(main())
