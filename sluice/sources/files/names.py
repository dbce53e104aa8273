"""Names of landed files. Others choose them, so a name is data: matched, checked, and never used as it is."""

from __future__ import annotations

import re
import unicodedata

_GLOB = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]/]*\]")


def pattern(glob: str) -> re.Pattern[str]:
    """`*` and `?` stay within one folder, `**` goes through any number of them."""
    regex, at = "", 0
    for match in _GLOB.finditer(glob):
        regex += re.escape(glob[at : match.start()]) + _regex(match[0])
        at = match.end()
    return re.compile(regex + re.escape(glob[at:]), re.DOTALL)


def _regex(sign: str) -> str:
    known = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if sign in known:
        return known[sign]
    body = sign[1:-1].replace("\\", r"\\").replace("[", r"\[")
    return f"[^/{body[1:]}]" if body.startswith("!") else f"[{body}]"


def depth(glob: str) -> int | None:
    """How many folders below the root a match can lie; None when there is no bound."""
    return None if "**" in glob else glob.count("/")


def hidden(name: str) -> bool:
    """`.till.csv.x7Qa` is what rsync writes while it copies: not there yet, and not ours to report."""
    return any(part.startswith(".") and part not in (".", "..") for part in name.split("/"))


def fault(name: str) -> str | None:
    """Why a name is refused, or None. A refused file is reported and never opened."""
    if any(part in (".", "..") for part in name.split("/")):
        return "its name leads out of the folder"
    for char in name:
        category = unicodedata.category(char)
        if category == "Cs":
            return "its name is not UTF-8"
        if category in ("Cc", "Zl", "Zp"):
            return f"its name has a control character (U+{ord(char):04X})"
    return None


def shown(name: str) -> str:
    """A refused name in printable signs."""
    return ascii(name)[1:-1]
