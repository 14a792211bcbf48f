from typing import TypeVar

_Value = TypeVar("_Value")

def const(value: _Value, /) -> _Value: ...
