"""Runs one of the samples that the vendor ships in enos-mqtt-sdk-python, unchanged but for names.

argv[1]: {"sample", "constants", "then"} as JSON: those texts are put in the place of the module's
and SampleHelper's of the same names, as the sample's user is told to; functions of it to call when
it has ended, which it leaves to its user. What else is from outside: the locales zh_CN and en_US
need not be installed. The SDK and the sample print as ever.
"""

import ast
import importlib.util
import json
import locale
import sys
import types
from pathlib import Path

given = json.loads(sys.argv[1])
sys.stdout.reconfigure(line_buffering=True)
locale.setlocale = lambda category, name=None: name or "C"


class Names(ast.NodeTransformer):
    def visit_Assign(self, node):
        name = getattr(node.targets[0], "id", None)
        if name in given["constants"] and isinstance(node.value, ast.Constant):
            node.value = ast.copy_location(ast.Constant(given["constants"][name]), node.value)
        return node


def run(name, as_name):
    path = importlib.util.find_spec(f"enos.sample.{name}").origin
    tree = Names().visit(ast.parse(Path(path).read_text(encoding="utf-8")))
    module = sys.modules[as_name] = types.ModuleType(as_name)
    exec(compile(tree, path, "exec"), vars(module))
    return module


run("SampleHelper", "enos.sample.SampleHelper")
sample = run(given["sample"], "__main__")
for function in given["then"]:
    vars(sample)[function]()
