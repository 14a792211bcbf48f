"""What does a person see on the twin's page, in a real browser, and what can nobody else do?"""

import http.server
import json
import math
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from host_tests.support import Twin
from host_tests.twin.http_device import AlibabaDevice, code_of
from host_tests.twin.mqtt_device import Paho, Raw, connect_of, paho
from host_tests.twin.page.browser import (
    STRANGER,
    TOO_PALE,
    TRY,
    Watched,
    chromium,
    origin,
    with_palette,
)
from tools import toolchain
from tools.board.deploy import project_files
from tools.board.virtual import VirtualBoard
from tools.paths import ROOT
from tools.pki.authority import Authority
from tools.twin.board_log import BoardLog
from tools.twin.registry.store import open_store
from tools.ui import UserError

VIEWS = ("boards", "messages", "values", "axis", "do")
ALIBABA = "alibaba a1SignetPk/board-1"
ENOS = "enos signetEnOS/board-1"
MANY = 10_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Twin]:
    """A twin with its page, this file's own, which records a trace."""
    folder = tmp_path_factory.mktemp("page")
    with Twin(folder, "--page", "--record", str(folder / "trace.jsonl")) as running:
        yield running
        assert "Traceback" not in running.output()


@pytest.fixture
def open_page(twin: Twin, browser: Browser) -> Iterator[Callable[..., Watched]]:
    """Opens the twin's page in a window of its own."""
    windows: list[Watched] = []

    def open_one(**more: Any) -> Watched:
        windows.append(Watched(browser, twin.ready["page"], **more))
        return windows[-1]

    yield open_one
    for window in windows:
        window.end()


@pytest.fixture
def window(open_page: Callable[..., Watched]) -> Watched:
    return open_page()


@pytest.fixture
def board(twin: Twin) -> Iterator[Paho]:
    """Alibaba's board over TLS, on line, listening."""
    with paho(twin, "alibaba", way="mqtts") as client:
        for topic in ("service/property/set", "event/property/post_reply"):
            client.subscribe(f"/sys/a1SignetPk/board-1/thing/{topic}")
        yield client


@pytest.fixture
def virtual(twin: Twin, tmp_path: Path) -> Iterator[VirtualBoard]:
    """A virtual board that reports to EnOS each second and has the twin told what it prints."""
    config = twin.device_config("enos") | {"report_interval_s": 1, "health_s": 10}
    board = VirtualBoard(tmp_path / "board", bits=min(toolchain.word_sizes())).create()
    board.fill(project_files(config, Path(twin.ready["ca_file"]), board.kind))
    with BoardLog(Path(twin.ready["control"])) as log, board:
        log.of("enos", "signetEnOS/board-1")

        def follow() -> None:
            for text in board.follow():
                log.feed(text)

        threading.Thread(target=follow, daemon=True).start()
        yield board


def report(board: Paho, number: int, **values: Any) -> None:
    body = {"id": str(number), "version": "1.0", "params": values}
    body["method"] = "thing.event.property.post"
    board.publish("/sys/a1SignetPk/board-1/thing/event/property/post", json.dumps(body))


def command(board: Paho) -> Any:
    """The next command that came down to the board; the others are replies to its reports."""
    while (message := board.next()).topic.endswith("_reply"):
        pass
    return message


def rows(page: Page) -> Any:
    return page.get_by_role("listbox").get_by_role("option")


def row(page: Page, board: str) -> Any:
    return page.locator(f'[data-board="{board}"]')


def action(page: Page, title: str) -> Any:
    return page.get_by_role("form", name=title, exact=True)


def choose(page: Page, board: str) -> None:
    page.get_by_label("Board", exact=True).select_option(board)


def said(form: Any) -> Any:
    return form.get_by_role("status").first


def code(twin: Twin, cloud: str = "enos", **changes: Any) -> int | None:
    """The CONNACK's code of a login."""
    with Raw(twin.way(cloud)) as raw:
        return raw.login(connect_of(twin, cloud, **changes))


# What is seen.


def test_at_a_glance_one_sees_who_is_online_what_was_refused_and_that_reports_arrive(
    twin: Twin, window: Watched, board: Paho
) -> None:
    page = window.show("boards")
    expect(row(page, ALIBABA)).to_contain_text("online")
    expect(row(page, ALIBABA)).to_contain_text("mqtts")
    expect(row(page, "azure signet-hub/board-1")).to_contain_text("offline")
    code(twin, password=b"0" * 64)
    summary = page.locator("#summary")
    expect(summary).to_contain_text("1 of ")
    expect(summary).to_contain_text("signature differs")
    refused = page.locator("[data-board]").filter(has_text="signature differs")
    expect(refused).to_contain_text("signet sign")
    report(board, 1, temperature=21)
    expect(summary).to_contain_text("in the last 10 s, the newest ")
    expect(row(page, ALIBABA).locator('[data-label="Reports"]')).not_to_have_text("0")


def test_the_file_that_the_browser_is_given_leads_to_the_page(
    twin: Twin, browser: Browser
) -> None:
    page = browser.new_page()
    page.goto((twin.state / "page.html").as_uri())
    expect(page.locator("#connection")).to_have_text("live")
    assert page.url == twin.ready["page"]
    page.close()


def test_a_board_s_own_view_has_its_facts_and_leads_to_its_messages(
    window: Watched, board: Paho
) -> None:
    report(board, 2, temperature=21)
    page = window.show("boards")
    row(page, ALIBABA).get_by_role("link").click()
    facts = page.locator("main > .facts")
    for name in ("Status", "Cloud", "Way", "Since", "Reports", "Commands", "Reconnects"):
        expect(facts).to_contain_text(name)
    page.get_by_role("link", name="Its messages").click()
    expect(page.get_by_label("Board", exact=True)).to_have_value(ALIBABA)


def test_a_report_is_shown_decoded_with_its_reply_and_the_time_between(
    window: Watched, board: Paho
) -> None:
    page = window.show("messages")
    report(board, 47, temperature=21.5)
    rows(page).filter(has_text="temperature=21.5").first.click()
    detail = page.get_by_role("region", name="Message", exact=True)
    expect(detail).to_contain_text("Decoded: Alink JSON")
    expect(detail.get_by_label("Decoded: Alink JSON")).to_contain_text('"temperature": 21.5')
    expect(detail.get_by_label("Raw", exact=True)).to_contain_text('"id": "47"')
    expect(detail).to_contain_text("QoS 1")
    expect(detail.locator(".facts")).to_contain_text("Took")
    detail.locator(".facts").get_by_role("button").click()
    expect(detail).to_contain_text("Answers")
    assert "id=" in page.url
    page.reload()
    expect(detail).to_contain_text("Answers")


def test_messages_are_filtered_by_text_topic_and_cloud_and_stand_still_while_paused(
    twin: Twin, window: Watched, board: Paho
) -> None:
    page = window.show("messages")
    report(board, 48, humidity=40)
    with paho(twin, "enos") as other:
        other.publish("/sys/signetEnOS/board-1/thing/measurepoint/post", "{}")
    shown = rows(page)
    page.get_by_label("Filter").fill("humidity")
    expect(shown).to_have_count(1)
    page.get_by_label("Filter").fill('"id": "48')  # of bodies, also of those that come
    expect(shown).to_have_count(1)
    report(board, 481, humidity=40)
    expect(shown).to_have_count(2)
    page.get_by_label("Filter").fill("")
    branch = page.get_by_role("button", name="signetEnOS/board-1")
    branch.click()
    expect(shown.first).to_contain_text("enos")
    expect(branch).to_have_attribute("aria-pressed", "true")
    expect(branch).to_be_focused()
    expect(shown.filter(has_text="alibaba")).to_have_count(0)
    page.get_by_role("button", name="All topics").click()
    page.get_by_label("Cloud", exact=True).select_option("alibaba")
    expect(shown.filter(has_text="enos")).to_have_count(0)
    before = page.locator("#how-many").inner_text()
    page.get_by_role("button", name="Pause").click()
    report(board, 49, humidity=41)
    expect(page.locator("#how-many")).to_contain_text("not shown")
    expect(shown.filter(has_text="humidity=41")).to_have_count(0)
    page.get_by_role("button", name="Go on").click()
    expect(shown.filter(has_text="humidity=41")).to_have_count(1)
    assert page.locator("#how-many").inner_text() != before


def test_numbers_of_reports_become_plots_that_go_on(window: Watched, board: Paho) -> None:
    try:
        toolchain.uplot()
    except UserError as error:
        pytest.skip(str(error))
    report(board, 50, level=3)
    page = window.show("values", board=ALIBABA)
    expect(page.get_by_role("figure", name="level over time").locator("canvas")).to_be_visible()
    report(board, 51, level=7)
    line = page.get_by_role("row").filter(has_text="level")
    expect(line).to_contain_text("7")
    expect(page.get_by_role("figure", name="level over time")).to_contain_text("7")


def test_values_stand_where_their_times_are_and_a_part_that_is_looked_at_stays(
    window: Watched, board: Paho
) -> None:
    try:
        toolchain.uplot()
    except UserError as error:
        pytest.skip(str(error))
    page = window.show("values", board=ALIBABA)

    def measured(*hours: int) -> None:
        for hour in hours:
            report(board, hour, tide={"value": hour, "time": 1_700_000_000_000 + hour * 3_600_000})

    def first(seen: int) -> None:
        page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20)
        page.mouse.move(box["x"] + 2, box["y"] + 20)
        expect(figure).to_contain_text(f"tide {seen} at 2023-11-1")

    measured(1, 2, 4, 5, 3)  # the last waited on the board
    figure = page.get_by_role("figure", name="tide over time")
    plot = figure.locator(".u-over")
    plot.scroll_into_view_if_needed()
    expect(
        page.get_by_role("row").filter(has_text="tide").get_by_role("cell").nth(3)
    ).to_have_text("5")
    box = plot.bounding_box()
    assert box is not None
    first(1)
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 20, steps=5)
    page.mouse.up()
    first(3)
    measured(6)
    expect(
        page.get_by_role("row").filter(has_text="tide").get_by_role("cell").nth(3)
    ).to_have_text("6")
    first(3)


def test_what_a_board_prints_stands_beside_what_its_cloud_sees(
    window: Watched, virtual: VirtualBoard
) -> None:
    page = window.show("axis", board=ENOS)
    printed = page.locator(".axis .of-board").filter(has_text=re.compile(r"report \d+ stored"))
    expect(printed.nth(1)).to_be_visible()
    expect(page.locator(".axis .of-cloud").filter(has_text="report").nth(1)).to_be_visible()
    times = page.locator(".axis time").all_inner_texts()
    assert times == sorted(times)


def test_without_uplot_numbers_are_in_a_table_and_the_page_says_what_plots_need(
    window: Watched, board: Paho
) -> None:
    report(board, 52, level=3)
    window.expected = ["404", "uPlot"]
    window.page.route(
        "**/uPlot.*", lambda route: route.fulfill(status=404, body="plots need uPlot 1.6.32")
    )
    page = window.show("values", board=ALIBABA)
    expect(page.get_by_text("No plots: plots need uPlot 1.6.32")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="level")).to_contain_text("3")


def test_a_trace_is_looked_at_in_the_same_page_and_there_is_nothing_to_do(
    twin: Twin, browser: Browser, board: Paho, tmp_path: Path
) -> None:
    report(board, 53, level=8)
    program, trace = Path(sys.executable).with_name("signet"), tmp_path / "monday.jsonl"
    so_far = (twin.state.parent / "trace.jsonl").read_bytes()
    trace.write_bytes(so_far[: so_far.rindex(b"\n") + 1])
    command = [program, "twin", "page", "--no-open", "--trace", trace]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            window = Watched(browser, process.stdout.readline().strip(), connection="a trace")
            page = window.show("messages")
            expect(rows(page).filter(has_text="level=8")).to_be_visible()
            expect(page.get_by_role("heading", name="monday.jsonl")).to_be_visible()
            expect(page.get_by_role("link", name="Do", exact=True)).to_be_hidden()
            expect(row(window.show("boards"), ALIBABA)).to_contain_text("mqtts")
            window.end()
        finally:
            process.terminate()


# What one does.


def test_a_command_of_the_page_reaches_the_board(window: Watched, board: Paho) -> None:
    page = window.show("do")
    choose(page, ALIBABA)
    expect(action(page, "device.json").get_by_label("Way")).to_contain_text("coaps")
    form = action(page, "Command")
    form.get_by_label("Data (JSON)").fill('{"led": ')
    form.get_by_role("button", name="Send").click()
    expect(said(form)).to_contain_text("no JSON")
    form.get_by_label("Data (JSON)").fill('{"led": 1}')
    form.get_by_role("button", name="Send").click()
    came = command(board)
    assert json.loads(came.payload)["params"] == {"led": 1}
    answer = {"id": json.loads(came.payload)["id"], "code": 200, "data": {}}
    board.publish(f"{came.topic}_reply", json.dumps(answer))
    expect(said(form)).to_contain_text("sent to ")


def test_a_message_that_is_open_says_at_once_that_it_was_answered(
    twin: Twin, window: Watched, board: Paho
) -> None:
    page = window.show("do")
    choose(page, ALIBABA)
    action(page, "Command").get_by_role("button", name="Send").click()
    came = command(board)
    sent = [each["id"] for each in twin.messages("alibaba") if each["direction"] == "down"]
    page = window.show("messages", id=str(sent[-1]))
    detail = page.get_by_role("region", name="Message", exact=True)
    expect(detail).to_contain_text("service/property/set")
    body = {"id": json.loads(came.payload)["id"], "code": 200, "data": {}}
    board.publish(f"{came.topic}_reply", json.dumps(body))
    expect(detail).to_contain_text("Answered by")


@pytest.mark.parametrize("title", ["Drop", "Drop all", "Deny or allow"])
def test_a_board_that_is_dropped_or_denied_from_the_page_is_off_line(
    twin: Twin, window: Watched, board: Paho, title: str
) -> None:
    page = window.show("do")
    choose(page, ALIBABA)
    form = action(page, title)
    form.get_by_role("button").first.click()
    board.disconnects.get(timeout=60)
    expect(said(form)).to_have_class("ok")
    denied = title == "Deny or allow"
    assert (code(twin, "alibaba") != 0) == denied
    if denied:
        form.get_by_role("button", name="Allow").click()
        expect(said(form)).to_have_text("allowed")
        assert code(twin, "alibaba") == 0


def test_the_network_loses_what_the_page_says_and_tokens_expire(
    twin: Twin, window: Watched
) -> None:
    page = window.show("do")
    for share in ("30", "0"):
        form = action(page, "Lose datagrams")
        form.get_by_label("Percent").fill(share)
        form.get_by_role("button").click()
        expect(said(form)).to_have_text(f"{share} % are lost")
        state = page.evaluate("fetch('api/state').then(answer => answer.json())")
        assert state["faults"]["loss"] == int(share) / 100
    form = action(page, "Expire tokens")
    with AlibabaDevice(twin) as device:
        device.login()
        assert code_of(device.report()) == 0
        form.get_by_role("button").click()
        expect(said(form)).to_have_text("expired")
        assert code_of(device.report()) == 20001


def test_a_device_that_is_added_logs_in_by_the_device_json_that_is_shown_on_asking(
    twin: Twin, window: Watched
) -> None:
    page = window.show("do")
    form = action(page, "Add a device")
    form.get_by_label("Cloud").select_option("enos")
    form.get_by_label("Product", exact=True).fill("signetEnOS")
    form.get_by_label("Name").fill("from-the-page")
    form.get_by_role("button").click()
    expect(said(form)).to_contain_text("added")
    action(page, "device.json").get_by_role("button", name="Show device.json").click()
    shown = page.get_by_label("device.json", exact=True).locator("xpath=self::pre")
    config = json.loads(shown.inner_text())
    names = {name: config[name] for name in ("product_key", "device_key", "device_secret")}
    assert names["device_key"] == "from-the-page"
    before = page.content()
    action(page, "device.json").get_by_role("button", name="Hide").click()
    assert names["device_secret"] in before
    assert names["device_secret"] not in page.content()
    action(page, "Secret").get_by_role("button", name="Show the secret").click()
    expect(page.locator(".secret")).to_have_text(names["device_secret"])
    twin.ready["clouds"]["enos"]["device"], kept = names, twin.ready["clouds"]["enos"]["device"]
    try:
        assert code(twin) == 0
    finally:
        twin.ready["clouds"]["enos"]["device"] = kept


def test_a_policy_and_a_ca_of_the_page_are_the_twin_s(
    twin: Twin, window: Watched, tmp_path: Path
) -> None:
    page = window.show("do")
    form = action(page, "Policy")
    form.get_by_label("Organization").fill("signet")
    form.get_by_label("Policy", exact=True).select_option("certificate")
    form.get_by_role("button").click()
    try:
        expect(said(form)).to_contain_text("certificate")
        assert code(twin, "watson") == 5
    finally:
        twin.cli("policy", "tls-optional")
    form = action(page, "Register a CA")
    form.get_by_label("Organization").fill("signet")
    form.get_by_label("Certificate (PEM)").fill("-----BEGIN")
    form.get_by_role("button").click()
    expect(said(form)).to_have_class("bad")
    ca = Authority(tmp_path / "ca", "CA of the browser")
    form.get_by_label("Certificate (PEM)").fill(ca.certificate_file.read_text())
    form.get_by_role("button").click()
    expect(said(form)).to_contain_text("CA of the browser")


def test_a_puback_that_the_page_swallows_does_not_come(window: Watched, board: Paho) -> None:
    form = action(window.show("do"), "Swallow")
    form.get_by_role("button").click()
    expect(said(form)).to_have_text("the next 1 are swallowed")
    topic = "/sys/a1SignetPk/board-1/thing/event/property/post"
    first, second = (board.client.publish(topic, "{}", 1) for _ in range(2))
    second.wait_for_publish(60)
    assert second.is_published() and not first.is_published()


def test_a_device_is_added_behind_a_gateway_whose_device_json_is_the_one_to_deploy(
    twin: Twin, window: Watched
) -> None:
    page = window.show("do")
    form = action(page, "Add a device")
    expect(form.get_by_label("Behind the gateway")).to_be_hidden()  # of Alibaba
    form.get_by_label("Cloud").select_option("watson")
    form.get_by_label("Product", exact=True).fill("signet/meter")
    form.get_by_label("Name").fill("meter-1")
    form.get_by_label("Behind the gateway").select_option("signet/router/gateway-1")
    form.get_by_role("button").click()
    expect(said(form)).to_contain_text("added")
    action(page, "device.json").get_by_role("button", name="Show device.json").click()
    expect(action(page, "device.json")).to_contain_text("is under signet/router/gateway-1")
    assert "behind signet/router/gateway-1" in twin.cli("device", "list")


def test_an_application_is_added_without_a_name(window: Watched) -> None:
    form = action(window.show("do"), "Add a device")
    form.get_by_label("Cloud").select_option("watson")
    form.get_by_label("Kind").select_option("application")
    form.get_by_label("Product", exact=True).fill("signet")
    form.get_by_role("button").click()
    expect(said(form)).to_contain_text("added watson signet/a-signet-")


# How it is used.


def test_everything_is_reached_by_the_keyboard_alone(window: Watched, board: Paho) -> None:
    for number in range(3):
        report(board, 60 + number, step=number)
    page = window.show("boards")
    press = page.keyboard.press

    def focused() -> str:
        return str(page.evaluate("(document.activeElement.textContent || '').trim()"))

    def role() -> Any:
        return page.evaluate("document.activeElement.getAttribute('role')")

    def tab_to(name: str, is_it: Callable[[], Any] = focused) -> None:
        for _ in range(60):
            press("Tab")
            if str(is_it()).startswith(name):
                return
        raise AssertionError(f"Tab never came to {name!r}")

    press("Tab")
    assert focused() == "Skip to the content"
    press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    press("/")
    assert page.evaluate("document.activeElement.id") == "filter"
    page.keyboard.type("a1Signet")
    expect(page.locator("[data-board]")).to_have_count(1)
    tab_to("a1SignetPk/board-1")
    press("Enter")
    expect(page.get_by_role("heading", name=ALIBABA)).to_be_visible()
    tab_to("Its messages")
    press("Enter")
    expect(page.get_by_role("listbox")).to_be_visible()
    tab_to("listbox", role)
    press("ArrowDown")
    press("ArrowDown")
    press("Enter")
    detail = page.get_by_role("region", name="Message", exact=True)
    expect(detail).to_be_visible()
    expect(detail).to_contain_text("Topic")
    press("Escape")
    expect(detail).to_be_hidden()
    assert role() == "listbox"
    page.evaluate("document.activeElement.blur()")
    tab_to("Do")
    press("Enter")
    expect(page.get_by_role("heading", name="One board")).to_be_visible()
    choose(page, ALIBABA)
    tab_to("Drop")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    press("Enter")
    board.disconnects.get(timeout=60)


def test_a_page_that_nobody_sees_leaves_its_connection_to_others(
    window: Watched, board: Paho
) -> None:
    page = window.show("messages")
    hide = """hidden => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    expect(page.locator("#connection")).to_have_text("waits while hidden")
    report(board, 65, unseen=65)
    assert rows(page).filter(has_text="unseen=65").count() == 0
    page.evaluate(hide, False)
    expect(page.locator("#connection")).to_have_text("live")
    expect(rows(page).filter(has_text="unseen=65")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_view_fits_a_phone_and_can_be_read_light_and_dark(
    twin: Twin, open_page: Callable[..., Watched], board: Paho, scheme: str
) -> None:
    report(board, 70, temperature=20)
    code(twin, password=b"0" * 64)
    window = open_page(width=360, height=740, color_scheme=scheme)
    grounds = set()
    for view in (*VIEWS, "board"):
        page = window.show(view, **({"board": ALIBABA} if view == "board" else {}))
        expect(page.get_by_role("heading", level=2)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, view
        assert page.evaluate(TOO_PALE) == [], view
        grounds.add(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
    other = {"light": "dark", "dark": "light"}[scheme]
    page.get_by_label("Colours").select_option(other)
    grounds.add(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
    assert len(grounds) == 2


def test_ten_thousand_messages_are_a_window_of_rows_and_the_page_says_when_the_twin_ends(
    tmp_path: Path, browser: Browser
) -> None:
    twin = Twin(tmp_path, "--page")
    twin.state.mkdir(mode=0o700)
    store = open_store(twin.state)
    topic = "/sys/signetEnOS/board-1/thing/measurepoint/post"
    for number in range(MANY):
        body = json.dumps({"id": str(number), "params": {"measurepoints": {"n": number}}})
        store.record(
            "enos", "signetEnOS/board-1", "up", topic, body.encode(), qos=1, status="stored"
        )
    store.close()
    with twin:
        window = Watched(browser, twin.ready["page"])
        window.expected = ["ERR_"]  # its connection, when the twin ends
        page = window.show("messages")
        expect(page.locator("#how-many")).to_have_text("10,000 of 10,000 messages")
        assert page.locator(".message").count() < 100
        listed = page.get_by_role("listbox")
        listed.focus()
        page.keyboard.press("End")
        oldest = rows(page).filter(has_text="n=0")
        expect(oldest.first).to_be_visible()
        with paho(twin, "enos") as board:
            body = {"id": "1", "version": "1.0", "params": {"measurepoints": {"n": 77777}}}
            board.publish(topic, json.dumps(body | {"method": "thing.measurepoint.post"}))
        expect(page.locator("#how-many")).to_have_text("10,001 of 10,001 messages")
        expect(oldest.first).to_be_visible()  # it stays where one reads
        page.keyboard.press("Home")
        expect(rows(page).filter(has_text="n=77777")).to_be_visible()
        page.get_by_label("Filter").fill("n=1234")
        expect(rows(page).filter(has_text="n=1234")).to_have_count(1)
        assert page.locator(".message").count() < 100
        twin.stop()
        expect(page.locator("#connection")).to_contain_text("the twin has ended")
        window.end()


# Who must not get in.

HOSTILE = {
    "markup": b'<img src="http://evil.example/x.png" onerror="window.pwned=1">',
    "script": b'"><script src=//evil.example/x.js></script><svg onload=alert(1)>',
    "json": json.dumps({"<b>bold</b>": 1, "x": "<iframe src=//evil.example>"}).encode(),
    "turned round": "\u202egnp.exe\u2066\u0000\u001b[31m".encode(),
    "huge": b'{"a": "' + b"x" * 120_000 + b'"}',
    "no UTF-8": b"\xff\xfe<script>alert(1)</script>",
}


def test_what_a_hostile_board_sends_stays_text(twin: Twin, window: Watched) -> None:
    page = window.show("messages")
    first = twin.last_id() + 1
    with paho(twin, "watson") as client:
        for number, payload in enumerate(HOSTILE.values()):
            form = "json" if payload.startswith(b"{") else "txt"
            client.publish(f"iot-2/evt/hostile{number}/fmt/{form}", payload)
    sent = twin.messages("watson", first - 1)
    assert len(sent) == len(HOSTILE)
    for number in (message["id"] for message in sent):
        page = window.show("messages", id=str(number))
        detail = page.get_by_role("region", name="Message", exact=True)
        expect(detail.get_by_role("heading", name=f"Message {number}")).to_be_visible()
        expect(detail.get_by_label("Raw", exact=True)).to_be_visible()
        shown = detail.inner_text()
        assert "\u202e" not in shown and "\x1b" not in shown
    named = "<img src=x onerror=alert(1)>\u202e"
    code(twin, "alibaba", user=f"{named}&a1SignetPk")
    for view in ("do", "axis", "values", "boards"):
        page = window.show(view, board="watson signet/esp32/board-1")
        expect(page.get_by_role("heading", level=2)).to_be_visible()
    expect(page.locator("#summary")).to_contain_text("<img")
    assert "\u202e" not in page.content()
    for tag in ("img", "iframe", "main script", "svg", "main b[onload]"):
        assert page.locator(tag).count() == 0
    assert page.evaluate("window.pwned") is None


@pytest.fixture
def stranger() -> Iterator[str]:
    """Another origin's page on this machine; returns its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<!doctype html><title>another</title>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_another_origin_gets_nothing_even_with_the_token(
    twin: Twin, browser: Browser, board: Paho, stranger: str
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(stranger)
    got = page.evaluate(TRY, twin.ready["page"])
    read = {name: text for name, text in got.items() if text and not text.startswith("failed")}
    assert not read
    frames = [frame.url for frame in page.frames[1:]]
    assert all(origin(url) != origin(twin.ready["page"]) for url in frames)
    context.close()
    report(board, 80, still=1)  # it was not dropped
    assert board.disconnects.empty()


def test_a_name_that_was_led_to_this_machine_opens_nothing(twin: Twin, browser: Browser) -> None:
    """DNS rebinding: the address is right, the Host is a stranger's."""
    context = browser.new_context()
    page = context.new_page()
    address = twin.ready["page"].replace("127.0.0.1", STRANGER)
    for path in ("", "api/state", "page.js"):
        answer = page.goto(address + path)
        assert answer is not None and answer.status == 403
        assert "signetEnOS" not in page.content()
    context.close()


# What docs/twin-page.md shows.


@pytest.mark.skipif("SIGNET_PICTURES" not in os.environ, reason="SIGNET_PICTURES=1 draws anew")
def test_pictures_of_each_view(
    twin: Twin, open_page: Callable[..., Watched], board: Paho, virtual: VirtualBoard
) -> None:
    """Of a room's sensor at Alibaba, a virtual board at EnOS, and a board that is refused."""
    done = threading.Event()

    def measure(meter: Paho) -> None:
        number = 0
        while not done.wait(0.3):
            number += 1
            warmth = round(21 + 2 * math.sin(number / 9) + (number * 7 % 5) / 10, 1)
            damp = round(44 + 5 * math.cos(number / 13) + (number * 3 % 4) / 5, 1)
            report(board, 100 + number, temperature=warmth, humidity=damp)
            if number % 6 == 0:
                power = 120 + number * 11 % 17
                meter.publish("iot-2/evt/status/fmt/json", json.dumps({"d": {"power_w": power}}))

    shots: dict[str, bytes] = {}
    with paho(twin, "watson") as meter:
        measuring = threading.Thread(target=measure, args=[meter])
        measuring.start()
        time.sleep(20)
        code(twin, "alibaba", client_id="c1|securemode=3,signmethod=hmacsha256|")
        code(twin, "enos", password=b"0" * 64)
        for name, view, query, more in PICTURES:
            window = open_page(**({"width": 1200, "height": 640} | more))
            page = window.show(view, **query)
            if name in ("messages", "dark"):
                rows(page).filter(has_text="temperature=").first.click()
                expect(page.get_by_role("region", name="Message", exact=True)).to_contain_text(
                    "Raw"
                )
                page.mouse.move(0, 0)
            page.wait_for_timeout(1500)
            shots[name] = page.screenshot()
        done.set()
        measuring.join()
    for name, shot in shots.items():
        file = ROOT / "docs" / "pictures" / f"{name}.png"
        file.write_bytes(with_palette(shot))
        assert file.stat().st_size < 100_000


_PHONE = {"width": 360, "height": 640, "color_scheme": "dark"}
PICTURES: list[tuple[str, str, dict[str, str], dict[str, Any]]] = [
    ("boards", "boards", {}, {}),
    ("messages", "messages", {}, {"height": 720}),
    ("values", "values", {"board": ALIBABA}, {}),
    ("axis", "axis", {"board": ENOS}, {}),
    ("phone", "boards", {}, _PHONE),
    ("dark", "messages", {}, {"height": 720, "color_scheme": "dark"}),
]
