"""Which of the samples in EnOS's own Python SDK run against the twin? All, and each says this.

enos-mqtt-sdk-python 0.1.1 has eighteen in `enos/sample/`; what is put into them is named in
clients/enos_sample.py. Most of them run at full depth alone.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.certified import Org, serial_of
from host_tests.twin.sdk import Sdk
from tools.twin.clouds.enos.registry import Registry
from tools.twin.registry.store import open_store

Start = Callable[[str, dict[str, Any]], Sdk]

_SUBS = ("SUB", "SUB1", "SUB2", "SUB3", "SUB_RAW", "SUB_DOWN_RAW", "SUB_TSL_TEMPLATE")

_URL = "https://files.example/1.1"
_UPGRADE = {"version": "1.1", "fileUrl": _URL}
_RAW = "020000001400c8"  # SampleHelper.RAW_PAYLOAD_REPLY

# What each prints, in this order; then, by command, device and data, what it replies.
_SAMPLES: dict[str, tuple[tuple[str, ...], tuple[tuple[str, str, Any, Any], ...]]] = {
    "AttributeSample": (
        (*(f"attribute_{each}_response: 200" for each in ("delete", "query", "update")),),
        (),
    ),
    "CommandSample": (
        (),
        (
            ("set", "board-1", {"led": 1}, {"code": 200}),
            # It calls a method of its SDK by a name that there is not.
            ("get", "board-1", {}, {"code": "500"}),
        ),
    ),
    "ConnectionSample": (("connect success",) * 2, ()),
    "DeviceRegisterSample": (("device_register_response: 200",), ()),
    "EventSample": (("event_post_response: 200",), ()),
    "MeasurepointPostSample": (
        (
            "measurepoint post response code: 200",
            *("sub_device_login_response: 200",) * 2,
            "post_measure_batch_points_response: 200",
            "post_measure_batch_point_response: 200",
        ),
        (),
    ),
    "MeasurepointResumeSample": (
        (
            "login_sub_device_response:  200",
            "post_measure_point_resume_response: 200",
            "login_sub_batch_response:  200",
            "Measurepoint_Resume_Batch_response: 200",
        ),
        (),
    ),
    "MessageIntegrationSample": (
        (
            "[sync] receive IntMeaturepointPostResponse successfully, code: 200",
            "[sync] receive IntEventPostResponse successfully, code: 200",
            # Its SDK sends no attributes, whatever it was given.
            "[async] receive IntAttributePostResponse successfully, code: 460",
        ),
        (),
    ),
    "MessageIntegrationUpRawSample": ((str(bytes.fromhex(_RAW)),), ()),
    "ModelDownRawSample": ((), (("down_raw", "sub_down_raw", {"hex": "01"}, {"hex": _RAW}),)),
    "ModelUpRawSample": ((str(bytes.fromhex(_RAW)),), ()),
    "OtaSample": (
        ("ota_version_report_response: 200", "ota_get_version_report_response: 200"),
        (("upgrade", "board-1", _UPGRADE, None),),
    ),
    "ServiceInvocationSample": (
        (),
        (("multiply", "board-1", {"left": 6, "right": 7}, {"data": {"result": 42}}),),
    ),
    "SimpleSendReceive": (
        (
            "topo get response: code: 200",
            "[sync] measurepoint post response code: 200",
            "[async] measurepoint post response code: 200",
        ),
        (("set", "board-1", {"led": 1}, {"code": 200}),),
    ),
    "SubDeviceSample": (
        (
            "sub_device_login_response:  200",
            "sub_device_logout_response:  200",
            "login_batch_sub_device_response: 200",
        ),
        (("disable", "sub2", {}, {"code": "1101"}),),  # its SDK has no handler for it
    ),
    "TagSample": (
        (*(f"tag_{each}_response: 200" for each in ("query", "delete", "update")),),
        (),
    ),
    "TopoSample": (
        ("topo_get_response: 200", "topo_delete_response: 200", "topo_add_response: 200"),
        (),
    ),
    "TslTemplateSample": (
        ("get_tsl_template_response: 200", "tsl_sub_template_response:  200"),
        (),
    ),
}
_THEN = {"TopoSample": ["add_topo"], "ConnectionSample": ["static_device_login"]}
# Of these, what no other asks for; the others run at full depth alone.
_AT_ONCE = (
    "MeasurepointPostSample",
    "MessageIntegrationSample",
    "ModelDownRawSample",
    "OtaSample",
)


def _parameters() -> list[Any]:
    return [
        pytest.param(name, marks=() if name in _AT_ONCE else pytest.mark.proof)
        for name in _SAMPLES
    ]


@pytest.mark.parametrize("name", _parameters())
def test_a_sample_of_the_sdk_runs(org: Org, start: Start, name: str) -> None:
    twin = org.twin
    constants = _constants(twin) | _tls(org)
    since = len(twin.output())
    given = {"sample": name, "constants": constants, "then": _THEN.get(name, [])}
    sample = start("enos_sample.py", given)
    said, commands = _SAMPLES[name]
    for text in said:
        sample.wait_for_text(text)
    for command, device, data, reply in commands:
        if not said:
            twin.wait_for_output(f"/{device} connected", since=since)
        answer = twin.command("enos", command, data, device)
        assert (answer.get("reply") or {}).items() >= (reply or {}).items()
    if name == "OtaSample":
        sample.wait_for_text(f"receive command:  {_URL} 1.1")
        for _ in range(4):
            sample.wait_for_text("ota_report_progress_response: 200")
        sample.wait_for_text("ota_version_report_response: 200")
    sample.process.kill()


def _constants(twin: Twin) -> dict[str, str]:
    """What the samples call their gateways, and the devices behind them, registered anew."""
    ready = twin.ready["clouds"]["enos"]
    way, own = ready["ways"]["mqtt"], ready["device"]
    product, gateway = own["product_key"], f"{own['product_key']}/{own['device_key']}"
    values = {"TCP_SERVER_URL": f"tcp://{way['address']}:{way['port']}"}
    for prefix in ("GW", "GW1", "GW2", "GW3", "GW_RAW"):
        values |= _named(prefix, own)
    with contextlib.closing(open_store(twin.state)) as store:
        registry = Registry(store)
        for prefix in _SUBS:
            device = store.add("enos", "device", product, prefix.lower())
            registry.attach(device.label, "" if prefix == "SUB_DOWN_RAW" else gateway)
            names = {"device_key": device.name, "device_secret": device.secret}
            values |= _named(prefix, own | names)
    products = [name for name in values if "PRODUCT_KEY" in name]
    return values | {
        name.replace("PRODUCT_KEY", "PRODUCT_SECRET"): ready["product_secret"] for name in products
    }


def _named(prefix: str, device: Mapping[str, str]) -> dict[str, str]:
    """GW_DEVICE_KEY, SUB_DEVICE_KEY_RAW: the end of a name comes last."""
    head, _, tail = prefix.partition("_")
    end = f"_{tail}" if tail else ""
    return {f"{head}_{key.upper()}{end}": device[key] for key in device}


def _tls(org: Org) -> dict[str, str]:
    """What two samples call their certificates, and the second its devices."""
    twin, file = org.twin, org.certificate("device", org.enos)
    own = twin.device("enos")
    with org.certificates() as tables:
        tables.issued(serial_of(file), own["product_key"], own["device_key"], 0)
    way = twin.way("enos", "mqtts")
    url = f"ssl://{way['address']}:{way['port']}"
    files = {"ca_file": str(twin.ready["ca_file"]), "cer_file": str(file), "key_file": str(file)}
    with contextlib.closing(open_store(twin.state)) as store:
        sub = store.device("enos", "device", own["product_key"], "sub")
    assert sub is not None
    return {
        **files,
        "SSL_SERVER_URL": url,
        "enos_mqtt_url_ssl": url,
        **{f"gateway_{name}": value for name, value in own.items()},
        "sub_product_key": sub.product,
        "sub_device_key": sub.name,
        "sub_device_secret": sub.secret,
    }
