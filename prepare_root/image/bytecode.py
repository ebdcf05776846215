"""Source to bytecode, run by the interpreter that the executable is linked from.

A script of its own, started as `python -S -s -P -B bytecode.py`: it reads
`[{"name", "filename", "source"}, ...]` as JSON and writes `{name: base64 of marshal}`.  It
imports nothing of ours, since that interpreter need not be the one that runs the builder.
"""

import ast
import base64
import importlib
import json
import marshal
import sys
from types import CodeType

BOOTSTRAP = "_frozen_importlib"


class Strip(ast.NodeTransformer):
    """Takes annotations out; optimisation level 2 takes docstrings and asserts."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """A parameter without its annotation."""
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """A function without the annotation of its result."""
        node.returns = None
        self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        """A plain assignment, or nothing where nothing was assigned."""
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)


def code_of(source: str, filename: str) -> CodeType:
    """The code of one module, stripped."""
    tree = ast.fix_missing_locations(Strip().visit(ast.parse(source, filename)))
    code: CodeType = compile(tree, filename, "exec", dont_inherit=True, optimize=2)
    return code


def bootstrap_source() -> str:
    """The import system of this interpreter, which its core cannot start without."""
    path = str(importlib.__file__).replace("__init__.py", "_bootstrap.py")
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def main() -> None:
    """Compile what standard input holds, and importlib's bootstrap with it."""
    wanted = json.load(sys.stdin)
    wanted.append(
        {
            "name": BOOTSTRAP,
            "filename": "<frozen importlib._bootstrap>",
            "source": bootstrap_source(),
        }
    )
    compiled = {}
    for item in wanted:
        data = marshal.dumps(code_of(item["source"], item["filename"]))
        compiled[item["name"]] = base64.b64encode(data).decode("ascii")
    json.dump(compiled, sys.stdout)


if __name__ == "__main__":
    main()
