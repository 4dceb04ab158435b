#!/usr/bin/env python3
"""Is docs/ATTACKS.md true? Each attack has its row; each test that a row names
exists and is run, and that of an attack bears its id in its comment or docstring.

  attacks_table.py ROOT
"""
import pathlib
import re
import sys

ATTACKS = 41


def rows(table):
    """(id or limit, [(file, test)], the cell) of each row."""
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) > 1 and not re.fullmatch("-+|id|limit", cells[0]):
            yield cells[0], re.findall(r"(\S+\.(?:c|py)) (\w+)", cells[-1]), cells[-1]


def about(text, name, is_c):
    """What is said of a test where it is defined, or None; and is it run?"""
    if is_c:
        found = re.search(rf"^START_TEST\({name}\)", text, re.MULTILINE)
        before = text[:found.start()] if found else ""
        comment = re.search(r"/\*(?:(?!\*/).)*\*/\n\Z", before, re.DOTALL)
        run = len(re.findall(rf"\b{name}\b", text)) > 1
    else:
        found = re.search(rf"^def {name}\(.*\):\n", text, re.MULTILINE)
        rest = text[found.end():] if found else ""
        comment = re.match(r'\s*"""(?:(?!""").)*"""', rest, re.DOTALL)
        run = found and re.search(rf"\b{name}\b", rest)
    return (comment.group() if comment else "") if found else None, bool(run)


def faults(root):
    """Every sentence that is wrong."""
    table = (root / "docs" / "ATTACKS.md").read_text("utf-8")
    seen = []
    for ident, tests, cell in rows(table):
        attack = re.fullmatch(r"A\d+", ident)
        seen += [ident] if attack else []
        if not tests and not cell.startswith("none: "):
            yield f"{ident} names no test and does not say why"
        for file, name in tests:
            path = root / "tests" / file
            said, run = about(path.read_text("utf-8"), name, file.endswith(".c")) \
                if path.exists() else (None, False)
            if said is None:
                yield f"{ident}: there is no {name} in tests/{file}"
            elif attack and not re.search(rf"\b{ident}\b", said):
                yield f"{ident}: {name} in tests/{file} does not bear the id"
            elif not run:
                yield f"{ident}: {name} in tests/{file} is not run"
    if seen != [f"A{i}" for i in range(1, ATTACKS + 1)]:
        yield f"the rows are not A1 to A{ATTACKS}: {' '.join(seen)}"


def main():
    """The faults on standard error; 1 where there are any."""
    wrong = list(faults(pathlib.Path(sys.argv[1])))
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
