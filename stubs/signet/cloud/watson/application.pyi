from typing import Any

from signet.reports.messages import Command

def command(
    type_id: str, device_id: str, name: str, values: Any, form: str = "json"
) -> tuple[bytes | str, str]: ...
def read_status(topic: str, payload: bytes) -> tuple[str, Command]: ...
